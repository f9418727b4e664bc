#!/usr/bin/env bash
# tidy.sh: the layout rules alone, in seconds. The test is plain std, so the compiler makes it without building the host first.
# The same test runs again among all others.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$(mktemp)
trap 'rm -f "$program"' EXIT
CARGO_MANIFEST_DIR=$root/host/skynet rustc --edition 2024 --test -o "$program" "$root/host/skynet/tests/tidy/main.rs"
RUST_BACKTRACE=0 "$program" --quiet
