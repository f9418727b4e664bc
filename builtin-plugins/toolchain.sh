#!/usr/bin/env bash
# toolchain.sh: ends with a compiler that builds Rust for wasm32-wasip2, or says why it cannot.
#
#   toolchain.sh           find or fetch it, and say which way worked
#   toolchain.sh --env     the same; stdout is for `eval`, the talk goes to stderr
#   toolchain.sh --fresh   throw away what an earlier run fetched first
#
# Whichever way worked, this builds guests afterwards:
#   "$WASM_CARGO" build --release --target wasm32-wasip2
#
# Ways, in this order; each must compile and link a real component before it counts:
#   installed   the default toolchain already has the target (not under WASM_TOOLCHAIN_NO_RUSTUP)
#   cached      the compiler that an earlier run fetched
#   rustup      `rustup target add`
#   debian      Debian's rustc and its std for the target, unpacked into a folder of their own
# Nothing outside the cache folder is changed, but for the target that rustup adds. No root needed.
#
# Environment:
#   WASM_TOOLCHAIN_DIR          the cache folder (default: ${XDG_CACHE_HOME:-~/.cache}/wasm-toolchain)
#   WASM_TOOLCHAIN_NO_RUSTUP=1  leave the default toolchain out of it: use Debian's
#   WASM_TOOLCHAIN_SUITES       Debian suites to try (default: "testing sid")
set -euo pipefail

readonly target=wasm32-wasip2
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg
began=$SECONDS
for_eval=0
fresh=0
for argument in "$@"; do
  case $argument in
    --env) for_eval=1 ;;
    --fresh) fresh=1 ;;
    -h | --help) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "toolchain: unknown argument: $argument; see --help" >&2; exit 2 ;;
  esac
done

cache=${WASM_TOOLCHAIN_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/wasm-toolchain}
mkdir -p "$cache/bin"
cache=$(cd "$cache" && pwd)
fetched=$cache/debian
log=$cache/log

say() { if ((for_eval)); then echo "toolchain: $*" >&2; else echo "toolchain: $*"; fi; }
give_up() {
  say "$1"
  if [ -s "$log" ]; then tail -n 15 "$log" >&2; fi
  exit 1
}

# A component is told from a core module by the layer in bytes 6 and 7 of its head.
links_components() {
  local compiler=$1 folder good=1
  folder=$(mktemp -d)
  echo 'fn main() { println!("ok"); }' >"$folder/probe.rs"
  if "$compiler" --edition 2024 --target "$target" -O -o "$folder/probe.wasm" "$folder/probe.rs" >>"$log" 2>&1; then
    [ "$(od -An -tx1 -N8 "$folder/probe.wasm" | tr -d ' \n')" = 0061736d0d000100 ] && good=0
  fi
  rm -rf "$folder"
  return "$good"
}

# settle COMPILER WORDS: writes the two commands that callers use, and ends.
settle() {
  local compiler=$1 words=$2 cargo
  cargo=$(command -v cargo)
  {
    echo '#!/bin/sh'
    if [ "$compiler" != rustc ]; then
      # A wrapper such as sccache would start the fetched compiler outside its own C library.
      printf 'RUSTC=%s\nexport RUSTC\n' "${compiler@Q}"
      echo 'unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC_WRAPPER'
    fi
    # shellcheck disable=SC2016  # "$@" belongs to the script being written
    printf 'exec %s "$@"\n' "${cargo@Q}"
  } >"$cache/bin/.wasm-cargo.new"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\nexec %s "$@"\n' "${compiler@Q}" >"$cache/bin/.wasm-rustc.new"
  for command in wasm-cargo wasm-rustc; do
    chmod +x "$cache/bin/.$command.new"
    mv -f "$cache/bin/.$command.new" "$cache/bin/$command"
  done
  say "$words, $("$compiler" -V | cut -d' ' -f1,2) ($((SECONDS - began)) s)"
  if ((for_eval)); then
    printf 'export WASM_CARGO=%q WASM_RUSTC=%q WASM_TARGET=%q\n' "$cache/bin/wasm-cargo" "$cache/bin/wasm-rustc" "$target"
  else
    say "build guests with: $cache/bin/wasm-cargo build --release --target $target"
  fi
  exit 0
}

for command in cargo rustc; do
  command -v "$command" >/dev/null || give_up "$command is not on PATH; install Rust first (./setup.sh does)"
done
# Two runs at once would unpack into each other.
if command -v flock >/dev/null; then exec 9>"$cache/lock"; flock 9; fi
: >"$log"
if ((fresh)); then rm -rf "$fetched"; fi

host=$(rustc -vV | sed -n 's/^host: //p')
# The fetched compiler borrows the default toolchain's linkers, by a link: the linker looks for its LLVM beside itself.
linkers=$(rustc --print sysroot)/lib/rustlib/$host/bin

target_is_installed() {
  local libraries
  libraries=$(rustc --print target-libdir --target "$target" 2>>"$log") || return 1
  compgen -G "$libraries/libstd-*.rlib" >/dev/null
}

# Under NO_RUSTUP the default toolchain is not even looked at: whether somebody once added the target to it
# must not decide what a run proves.
if [ -z "${WASM_TOOLCHAIN_NO_RUSTUP:-}" ] && target_is_installed && links_components rustc; then settle rustc "the default toolchain has $target"; fi

if [ -x "$fetched/bin/rustc" ]; then
  ln -sfn "$linkers" "$fetched/lib/rustlib/$host/bin"
  if links_components "$fetched/bin/rustc"; then settle "$fetched/bin/rustc" "fetched earlier from Debian"; fi
fi

if [ -z "${WASM_TOOLCHAIN_NO_RUSTUP:-}" ] && command -v rustup >/dev/null; then
  if timeout 180 rustup target add "$target" >>"$log" 2>&1 && target_is_installed && links_components rustc; then
    settle rustc "rustup added $target"
  fi
  say "rustup could not add $target; trying Debian's packages"
fi

readonly by_hand="get it by hand with: rustup target add $target"
for command in apt-get apt-cache dpkg-deb tar cc; do
  command -v "$command" >/dev/null || give_up "no way to $target is left here ($command is missing); $by_hand"
done
[ -x "$linkers/wasm-component-ld" ] || give_up "the default toolchain has no wasm-component-ld in $linkers; install Rust through rustup"
# shellcheck disable=SC2016  # apt expands it
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' 2>>"$log" | grep -vi security | sort -u | head -n 1 || true)
[ -n "$mirror" ] || give_up "apt knows no mirror of Debian's main archive; $by_hand"

work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

# An apt of our own: other suite, other state, the machine's own proxy and mirror.
private_apt() {
  local suite=$1 apt=$2
  mkdir -p "$apt/lists/partial" "$apt/archives/partial"
  : >"$apt/status"
  {
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$mirror" "$suite"
    if [ -e "$keyring" ]; then echo "Signed-By: $keyring"; fi
  } >"$apt/only.sources"
  {
    printf 'Dir::Etc { sourcelist "%s"; sourceparts "/dev/null"; preferences "/dev/null"; preferencesparts "/dev/null"; };\n' "$apt/only.sources"
    printf 'Dir::State "%s"; Dir::State::lists "%s"; Dir::State::status "%s";\n' "$apt" "$apt/lists" "$apt/status"
    printf 'Dir::Cache "%s"; Dir::Cache::archives "%s";\n' "$apt" "$apt/archives"
    echo 'Acquire::Languages "none"; Acquire::Retries "3"; APT::Install-Recommends "false";'
    if [ "$(id -u)" = 0 ]; then echo 'APT::Sandbox::User "root";'; fi
  } >"$apt/apt.conf"
}

# The std must be of the very compiler that reads it.
download() {
  local apt=$1 std compiler
  export APT_CONFIG=$apt/apt.conf DEBIAN_FRONTEND=noninteractive
  cd "$apt/archives"
  apt-get -q update
  std=$(apt-cache show --no-all-versions libstd-rust-dev-wasm32 | sed -n 's/^Version: //p')
  compiler=$(apt-cache show --no-all-versions rustc | sed -n 's/^Version: //p')
  if [ -z "$std" ] || [ "$std" != "$compiler" ]; then echo "rustc is ${compiler:-absent}, its std for wasm32 ${std:-absent}"; return 1; fi
  # Installing brings the C library that the compiler wants; rustc alone is downloaded, since it depends on a whole gcc.
  apt-get -q -y --download-only install "libstd-rust-dev=$std" "libstd-rust-dev-wasm32=$std"
  apt-get -q download "rustc=$std"
}

unpack() {
  local apt=$1 tree=$2 package name
  mkdir -p "$tree"
  for package in "$apt"/archives/*.deb; do
    name=$(basename "$package")
    case ${name%%_*} in
      libstd-rust-dev-wasm32) dpkg-deb --fsys-tarfile "$package" | tar -x -C "$tree" "./usr/lib/rustlib/$target" ;;
      libstd-rust-dev) dpkg-deb --fsys-tarfile "$package" | tar -x -C "$tree" ./usr/lib/rustlib ;;
      rustc) dpkg-deb --fsys-tarfile "$package" | tar -x -C "$tree" ./usr/bin/rustc ;;
      *) dpkg-deb --fsys-tarfile "$package" | tar -x -C "$tree" --exclude=./usr/share --exclude=./etc --exclude='*/gconv' ;;
    esac
    rm -f "$package"
  done
}

# bin/ lib/rustlib/ rt/: shared libraries stay out of lib/, which cargo puts on the library path of other programs.
assemble() {
  local tree=$1 out=$2 loader kind
  mkdir -p "$out/bin" "$out/lib" "$out/rt"
  mv "$tree/usr/lib/rustlib" "$out/lib/rustlib"
  mv "$tree/usr/bin/rustc" "$out/bin/rustc.bin"
  # Files before links, so that no link takes the name of the file it points to.
  for kind in f l; do
    find "$tree" -type "$kind" \( -name '*.so' -o -name '*.so.*' \) -exec mv -n {} "$out/rt/" \;
  done
  loader=$(find "$out/rt" -maxdepth 1 -type f -name 'ld-linux*' -printf '%f\n' | head -n 1)
  if [ -z "$loader" ]; then echo "the packages hold no dynamic loader"; return 1; fi
  if [ ! -d "$out/lib/rustlib/$host" ]; then echo "the packages hold no std for $host"; return 1; fi
  ln -sfn "$linkers" "$out/lib/rustlib/$host/bin"
  cat >"$out/bin/rustc" <<WRAPPER
#!/bin/sh
top=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
exec "\$top/rt/$loader" --library-path "\$top/rt" "\$top/bin/rustc.bin" --sysroot "\$top" "\$@"
WRAPPER
  chmod +x "$out/bin/rustc"
}

fetch() {
  local suite=$1
  private_apt "$suite" "$work/apt-$suite"
  download "$work/apt-$suite"
  unpack "$work/apt-$suite" "$work/tree-$suite"
  assemble "$work/tree-$suite" "$work/out-$suite"
}

for suite in ${WASM_TOOLCHAIN_SUITES:-testing sid}; do
  say "fetching rustc and its $target std from Debian $suite (about 200 MB, once)"
  # Not as a condition: `set -e` does not count inside a function that stands in one.
  set +e
  (set -e; fetch "$suite") >>"$log" 2>&1
  status=$?
  set -e
  if ((status == 0)) && links_components "$work/out-$suite/bin/rustc"; then
    rm -rf "$fetched"
    mv "$work/out-$suite" "$fetched"
    settle "$fetched/bin/rustc" "fetched from Debian $suite"
  fi
  say "Debian $suite did not work; see $log"
done
give_up "no way brought $target; $by_hand"
