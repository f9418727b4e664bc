#!/usr/bin/env bash
# mcp.sh FOLDER: installs the official SDKs of the Model Context Protocol, for Python and for TypeScript, with
# which both sides of ours are tested, into FOLDER. Does nothing when they are there. The Python SDK itself is
# pinned by digest, what it stands on by version; nothing of npm's is run at install time.
set -euo pipefail
folder=${1:?mcp.sh FOLDER}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
typescript=1.32.2
mark=$folder/installed-$(cat "$here"/mcp*.txt | sha256sum | cut -c1-16)-$typescript
[[ -e $mark ]] && exit 0
for program in npm node python3; do
  command -v "$program" >/dev/null || { echo "$program is missing: the SDKs of the Model Context Protocol need it" >&2; exit 1; }
done
rm -rf "$folder"
mkdir -p "$folder/node"
python3 -m venv "$folder/python"
pip=("$folder/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all:)
"${pip[@]}" --require-hashes -r "$here/mcp.txt"
"${pip[@]}" -r "$here/mcp-below.txt"
cat >"$folder/node/package.json" <<JSON
{ "private": true, "dependencies": { "@modelcontextprotocol/sdk": "$typescript" } }
JSON
(cd "$folder/node" && npm install --ignore-scripts --omit=dev --no-audit --no-fund --no-package-lock --loglevel=error)
touch "$mark"
