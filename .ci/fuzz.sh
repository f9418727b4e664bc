#!/usr/bin/env bash
# fuzz.sh: runs fuzz targets for a while, some of them at a time.
#
#   fuzz.sh [TARGET...]      all of fuzz/fuzz_targets when none is named
#
#   SKYNET_FUZZ_SECONDS      for each target (60)
#   SKYNET_FUZZ_AT_ONCE      how many at a time (one for each core)
#
# They begin with the seeds in fuzz/corpus, and with what earlier runs here found, which is kept in the target folder
# beside the inputs that failed. No nightly compiler is needed: the crates have no unsafe code of ours to watch, so the
# targets are built with coverage marks and without a sanitizer. Says why where they cannot be built at all.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
seconds=${SKYNET_FUZZ_SECONDS:-60}
# The command's own; a newer one is as good.
release=0.13.2
tools=${XDG_CACHE_HOME:-$HOME/.cache}/skynet-tools
export PATH="$tools/bin:$PATH" CARGO_INCREMENTAL=0
target=${CARGO_TARGET_DIR:-$root/target}/fuzz
found=$target/found
mkdir -p "$found"

skip() { echo "NOT fuzzed: $1"; exit 0; }
if [ "$(uname -s)" != Linux ]; then skip "the targets are run on Linux"; fi
if ! command -v c++ >/dev/null; then skip "libFuzzer is C++, and there is no c++ here"; fi
if ! command -v cargo-fuzz >/dev/null; then
  echo "installing cargo-fuzz $release"
  cargo install --quiet --locked --root "$tools" --version "$release" cargo-fuzz >"$found/install.log" 2>&1 ||
    skip "cargo-fuzz cannot be had here: $(tail -n 1 "$found/install.log")"
fi

targets=("$@")
if ((${#targets[@]} == 0)); then
  for file in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi
for name in "${targets[@]}"; do
  if [ ! -f "fuzz/fuzz_targets/$name.rs" ]; then echo "there is no target $name; see fuzz/fuzz_targets/" >&2; exit 2; fi
done
# Only now may a fault be the targets' own: it is one.
cargo fuzz build --sanitizer none --target-dir "$target"
binaries=$(dirname "$(find "$target" -maxdepth 3 -type f -path '*/release/*' -name "${targets[0]}" | head -n 1)")

# fuzz_one TARGET
fuzz_one() {
  local name=$1 log=$found/$1.log status=0
  mkdir -p "$found/$name"
  "$binaries/$name" "$found/$name" "fuzz/corpus/$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$found/$name-" >"$log" 2>&1 || status=$?
  printf '%-10s %9s inputs in %s s\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$seconds"
  if ((status)); then
    grep -A 4 -E 'panicked at|ERROR: libFuzzer' "$log" | head -n 20 || tail -n 20 "$log"
    echo "$name failed; the input is beside $log. Again with it: $binaries/$name INPUT"
  fi
  return "$status"
}

failed=0
at_once=${SKYNET_FUZZ_AT_ONCE:-$(nproc)}
for ((at = 0; at < ${#targets[@]}; at++)); do
  if ((at >= at_once)); then wait -n || failed=1; fi
  fuzz_one "${targets[at]}" &
done
for ((left = at < at_once ? at : at_once; left > 0; left--)); do wait -n || failed=1; done
exit "$failed"
