#!/usr/bin/env bash
# tuf.sh FOLDER: installs the reference implementation of TUF, with which the registry is tested, into
# FOLDER: pure Python, pinned by digest. Does nothing when it is there. Prints the path of its Python.
set -euo pipefail
folder=${1:?tuf.sh FOLDER}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mark=$folder/installed-$(sha256sum "$here/tuf.txt" | cut -c1-16)
if [[ ! -e $mark ]]; then
  command -v python3 >/dev/null || { echo "python3 is missing: the reference implementation of TUF is written in it" >&2; exit 1; }
  rm -rf "$folder"
  python3 -m venv "$folder" >&2
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -r "$here/tuf.txt" >&2
  touch "$mark"
fi
echo "$folder/bin/python"
