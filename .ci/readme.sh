#!/usr/bin/env bash
# readme.sh: carries out every shell block of README.md, line by line, in the home of a new user whose host runs.
# Called by first_run.sh at its end; needs SKYNET_HOME, SKYNET_DIST and `skynet` on the path. A block that no machine of
# continuous integration can carry out has a comment before it in the README that says why: `<!-- not run: WHY -->`.
# A line that fails without one fails the run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch=skynet/tool-fetch

# --- what the README takes for granted ------------------------------------------------------------

# The checkout that somebody stands in.
printf '#!/bin/sh\nexec bash "%s/setup.sh" --yes\n' "$root" >"$work/setup.sh"
chmod +x "$work/setup.sh"

# An article that somebody wrote.
printf '# Deploy\n\nAsk first.\n' >"$work/deploy.md"

# wait_for PLUGIN WORD: until what is known of it has the word.
wait_for() {
  local tries
  for tries in {1..240}; do
    if skynet plugin info "$1" 2>/dev/null | grep -q -- "$2"; then return; fi
    sleep 0.25
  done
  echo "README: after $((tries / 4)) s $1 has no \"$2\":"
  skynet plugin list
  return 1
}

# Another version of the plugin that the README rolls back, by the same signer, so that there is one to go back from.
newer() {
  sed 's|^version = .*|version = "0.99.0"|' "$root/builtin-plugins/tool-fetch/plugin.toml" >"$work/newer.toml" &&
    skynet plugin pack "$SKYNET_DIST/plugins/tool-fetch.wasm" --manifest "$work/newer.toml" -o "$work/newer.wasm" &&
    skynet plugin sign "$work/newer.wasm" --key "$SKYNET_DIST/release.key" &&
    wait_for "$fetch" serving &&
    cp "$work/newer.wasm" "$SKYNET_HOME/plugins/tool-fetch.wasm" &&
    wait_for "$fetch" "$fetch 0.99.0"
}

# The port that the README's example names may be somebody else's here.
port=18790
while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done

# --- the blocks ------------------------------------------------------------------------------------

# Each line of each block after its number and, for a block that is not run, the reason.
lines() {
  awk '
    /^<!-- not run: .* -->$/ { why = substr($0, 15, length($0) - 18); next }
    /^```sh$/ { inside = 1; block++; next }
    /^```/ { inside = 0; why = ""; next }
    inside && NF && !/^ *#/ { print block "\037" why "\037" $0; next }
    !inside && NF { why = "" }
  ' "$root/README.md"
}

# Two kinds of line ask a person: what is typed in for a secret can be piped, a grant wants a terminal to be confirmed at.
carry_out() {
  local line=${1//18790/$port}
  case $line in
    "skynet plugin rollback "*) newer && timeout 120 bash -euo pipefail -c "$line" ;;
    "skynet plugin grant "*) printf 'y\n' | timeout 120 script -qec "$line" /dev/null ;;
    *) printf 'are you there?\n' | timeout 600 bash -euo pipefail -c "$line" ;;
  esac
}

ran=0 left=0
cd "$work"
while IFS=$'\037' read -r -u 4 block why line; do
  if [ -n "$why" ]; then
    printf 'README block %s, not run (%s): %s\n' "$block" "$why" "$line"
    left=$((left + 1))
    continue
  fi
  printf 'README block %s: %s\n' "$block" "$line"
  if ! carry_out "$line" >"$work/said" 2>&1; then
    cat "$work/said"
    echo "README.md: \`$line\` failed; mend it, or say before its block why it cannot be run here: <!-- not run: WHY -->" >&2
    exit 1
  fi
  ran=$((ran + 1))
done 4< <(lines)
((ran > 0))
echo "README: $ran lines carried out, $left left out with a reason"
