#!/usr/bin/env bash
# first_run.sh: what a new user does, in a home folder of its own: setup.sh, twice, one question, and all that README.md says.
# The second run must find nothing to do, and what the owner changed in between must stay.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
real_home=$HOME
# A space and an apostrophe: somebody's folder has them.
export HOME="$scratch/a user's home"
export SKYNET_HOME="$HOME/.skynet" SKYNET_BIN_DIR="$HOME/bin" SKYNET_DIST="$HOME/dist"
# The compiler and what it has built are the machine's, not the new user's.
export RUSTUP_HOME=${RUSTUP_HOME:-$real_home/.rustup} CARGO_HOME=${CARGO_HOME:-$real_home/.cargo}
export WASM_TOOLCHAIN_DIR=${WASM_TOOLCHAIN_DIR:-${XDG_CACHE_HOME:-$real_home/.cache}/wasm-toolchain}
unset ANTHROPIC_API_KEY OPENAI_API_KEY
skynet=$SKYNET_BIN_DIR/skynet
mkdir -p "$HOME"

finish() {
  status=$?
  if [ -x "$skynet" ]; then "$skynet" daemon stop || true; fi
  if ((status)) && [ -f "$SKYNET_HOME/skynet.log" ]; then tail -n 30 "$SKYNET_HOME/skynet.log"; fi
  rm -rf "$scratch"
  exit "$status"
}
trap finish EXIT
must() { if ! "$@"; then echo "first run: this does not hold: $*" >&2; exit 1; fi; }
has() { grep -q -- "$1" "$2" || { echo "no \"$1\" in:"; cat "$2"; return 1; }; }

# A host of somebody else may hold the usual port.
free_port() {
  local port
  for port in {28790..28890}; do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
  done
  return 1
}

"$root/setup.sh" build
"$SKYNET_DIST/bin/skynet" init
"$SKYNET_DIST/bin/skynet" config set gateway.port "$(free_port)"
echo "# my own words" >>"$SKYNET_HOME/skynet.toml"
printf 'kept-as-it-is' | "$SKYNET_DIST/bin/skynet" secret set mine --for https://api.example.com
# Somebody who comes from a version that kept secrets in a file.
(umask 077 && echo "old = \"from-the-file\"" >"$SKYNET_HOME/secrets.toml")

"$root/setup.sh" --yes 2>&1 | tee "$scratch/first.txt"
must has "ready" "$scratch/first.txt"
must test ! -e "$SKYNET_HOME/secrets.toml"
must "$skynet" secret test old
must test "$(stat -c %a "$SKYNET_HOME/vault.key" "$SKYNET_HOME/owner.token" "$SKYNET_DIST/release.key" | sort -u)" = 600
must has "# my own words" "$SKYNET_HOME/skynet.toml"

must test "$("$skynet" chat "are you there?" | wc -c)" -gt 1

rm "$SKYNET_HOME/plugins/tool-time.wasm"
find "$SKYNET_HOME/plugins" -type f -exec stat -c '%n %Y' {} + | sort >"$scratch/before.txt"
awkward_key="not a \"real\" key\\"
ANTHROPIC_API_KEY=$awkward_key "$root/setup.sh" --yes 2>&1 | tee "$scratch/second.txt"
find "$SKYNET_HOME/plugins" -type f -exec stat -c '%n %Y' {} + | sort >"$scratch/after.txt"
must cmp "$scratch/before.txt" "$scratch/after.txt"
must has "tool-time stays away" "$scratch/second.txt"
must has "put anthropic_api_key into the vault" "$scratch/second.txt"
"$skynet" secret list >"$scratch/secrets.txt"
must has '^anthropic_api_key  version 1,' "$scratch/secrets.txt"
must has '^mine  version 1, .* goes to https://api.example.com$' "$scratch/secrets.txt"
must test "$(grep -rlF -e 'not a "real" key' -e from-the-file -e kept-as-it-is "$SKYNET_HOME" | wc -l)" = 0
must has "it offers no model for now: " "$scratch/second.txt"
must test "$(grep -c 'made the release key\|placed ' "$scratch/second.txt")" = 0
PATH="$SKYNET_BIN_DIR:$PATH" must bash "$root/.ci/readme.sh"

# A model server of the owner's own that comes after the host: running setup.sh again is all that it takes. Its requests
# are longer than what a connection takes in one go.
if command -v python3 >/dev/null; then
  python3 "$root/.ci/model_server.py" "$scratch/port" &
  server=$!
  for _ in {1..100}; do if [ -s "$scratch/port" ]; then break; fi; sleep 0.1; done
  OPENAI_API_KEY=any-key-will-do OPENAI_BASE_URL="http://127.0.0.1:$(<"$scratch/port")/v1" "$root/setup.sh" --yes 2>&1 | tee "$scratch/third.txt"
  must has "I came later" "$scratch/third.txt"
  "$skynet" chat --model openai/later "$(head -c 100000 /dev/zero | tr '\0' x)" >"$scratch/long.txt"
  must has "read [0-9]\{6\} bytes" "$scratch/long.txt"
  kill "$server"
else
  echo "a model server that comes later was NOT tried: it needs python3"
fi
echo "first run: a host from nothing, twice, with the owner's changes kept"
