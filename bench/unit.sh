#!/usr/bin/env bash
# unit.sh: how exposed systemd says the service is, with its unit as `skynet daemon install` writes it.
#
#   bench/unit.sh PROGRAM           checks the figures against their bounds
#   bench/unit.sh PROGRAM --write   and writes bench/unit.json, of which `cargo xtask numbers` makes rows in README.md
#
# From 0 (shut) to 10 (open), of `systemd-analyze security`, offline: nothing is installed or started.
# With the same systemd as when bench/unit.json was written, other figures than there are a fault too.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$(realpath "${1:?unit.sh PROGRAM}")
results=$root/bench/unit.json
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/run"
# Network and local sockets, a home folder and machine code made at run time are the service's work: they are what is left.
bound=2.0 plain_bound=5.5

exposure() { # exposure ARGUMENT...: of the unit that is printed with these
  # A folder as people have it: systemd looks at the text alone.
  SKYNET_NO_SERVICE=1 "$program" --home /home/somebody/.skynet daemon install --print "$@" >"$scratch/skynet.service"
  XDG_RUNTIME_DIR=$scratch/run systemd-analyze security --user --offline=true --no-pager "$scratch/skynet.service" |
    sed -n 's/.*Overall exposure level for skynet.service: \([0-9.]*\).*/\1/p'
}

row() { # row NAME VALUE LIMIT
  local held=true
  if awk "BEGIN { exit !($2 > $3) }"; then held=false; fi
  printf '    { "name": "%s", "value": %s, "unit": "of 10", "bound": { "is": "at most", "limit": %s }, "held": %s }' "$1" "$2" "$3" "$held"
}

full=$(exposure)
plain=$(exposure --plain)
if [ -z "$full" ] || [ -z "$plain" ]; then echo "systemd-analyze gave no figure" >&2; exit 1; fi
version=$(systemd-analyze --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
{
  printf '{\n  "command": "systemd-analyze security --user --offline=true",\n  "systemd": %s,\n  "rows": [\n' "$version"
  row "exposure of the systemd unit" "$full" "$bound"
  printf ',\n'
  row "exposure of the systemd unit where user namespaces are forbidden" "$plain" "$plain_bound"
  printf '\n  ]\n}\n'
} >"$scratch/unit.json"
echo "exposure of the unit, by systemd $version: $full, and $plain where user namespaces are forbidden (bounds $bound and $plain_bound)"
if [ "${2:-}" = --write ]; then cp "$scratch/unit.json" "$results"; fi
if grep -q '"held": false' "$scratch/unit.json"; then echo "that is over the bound" >&2; exit 1; fi
if grep -q "\"systemd\": $version," "$results" && ! cmp -s "$scratch/unit.json" "$results"; then
  echo "bench/unit.json has other figures; run: bench/unit.sh $program --write && cargo xtask numbers" >&2
  exit 1
fi
