#!/usr/bin/env bash
# measure.sh: measures this checkout on this machine, and writes what README.md says of it.
#
#   bench/measure.sh           some 20 minutes when nothing is built yet; nothing else should run meanwhile
#
# Builds everything for release, runs `skynet bench` in a data folder of its own and the criterion benches,
# and writes bench/results.json, bench/criterion.json and the table in README.md. Every figure stands
# beside its baseline of the same run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export SKYNET_HOME=$scratch/home SKYNET_DIST=$scratch/dist SKYNET_NO_SERVICE=1

./setup.sh build --local-model
skynet=$SKYNET_DIST/bin/skynet
# The same model code for this machine.
(cd builtin-plugins && cargo build --release --locked -p provider-local --example measure)
native=$(cd builtin-plugins && cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/release/examples/measure

"$skynet" init
"$skynet" key trust "$(<"$SKYNET_DIST/release.pub")" --name "this build" --namespace skynet --builtin
bash builtin-plugins/provider-local/fetch-model.sh "$SKYNET_HOME/models"
mkdir -m 700 "$SKYNET_HOME/runtimes"
cp "$SKYNET_DIST/runtimes/js-runtime.wasm" "$SKYNET_HOME/runtimes/"
"$skynet" config set roots.models '{ path = "models" }'
"$skynet" bench --plugins "$SKYNET_DIST/plugins" --native-model "$native" --out bench/results.json

cargo bench --locked -p skynet-plugins -p skynet-store
python3 - "$(cargo metadata --no-deps --format-version 1)" >bench/criterion.json <<'PYTHON'
# The median of each bench, in nanoseconds.
import glob, json, os, sys
folder = os.path.join(json.loads(sys.argv[1])["target_directory"], "criterion")
rows = []
for path in sorted(glob.glob(os.path.join(glob.escape(folder), "**", "new", "estimates.json"), recursive=True)):
    name = json.load(open(os.path.join(os.path.dirname(path), "benchmark.json")))["full_id"]
    rows.append({"name": name, "nanoseconds": round(json.load(open(path))["median"]["point_estimate"], 1)})
json.dump({"command": "cargo bench -p skynet-plugins -p skynet-store", "rows": rows}, sys.stdout, indent=2)
print()
PYTHON
if command -v systemd-analyze >/dev/null; then bash bench/unit.sh "$skynet" --write; fi
cargo xtask numbers
