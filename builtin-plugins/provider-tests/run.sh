#!/bin/sh
# Tests the model plugins against mock servers that others wrote: aimock (npm)
# and llmock (PyPI), each in its own process on a free port of this machine.
# They are installed once, at fixed versions, into a cache folder.
set -eu

AIMOCK=1.43.0
LLMOCK=0.2.2

here=$(cd "$(dirname "$0")" && pwd)
cache=${SKYNET_MOCKS:-${XDG_CACHE_HOME:-$HOME/.cache}/skynet-provider-mocks}
npm_home=$cache/aimock-$AIMOCK
pip_home=$cache/llmock-$LLMOCK
mkdir -p "$cache"

if [ ! -f "$npm_home/node_modules/@copilotkit/aimock/dist/cli.js" ]; then
    npm install --prefix "$npm_home" --no-audit --no-fund --ignore-scripts --loglevel=error "@copilotkit/aimock@$AIMOCK"
fi
if [ ! -x "$pip_home/bin/llmock" ]; then
    python3 -m venv "$pip_home"
    "$pip_home/bin/pip" install --quiet --disable-pip-version-check "llmock==$LLMOCK"
fi

logs=$(mktemp -d)
pids=
stop() {
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$logs"
}
trap stop EXIT INT TERM

# Waits for the line that names the address, and prints the address.
address() {
    tries=0
    while [ "$tries" -lt 300 ]; do
        found=$(sed -n "s#.*$2 on \(http://127\.0\.0\.1:[1-9][0-9]*\).*#\1#p" "$1" | head -n 1)
        if [ -n "$found" ]; then
            echo "$found"
            return 0
        fi
        tries=$((tries + 1))
        sleep 0.1
    done
    echo "the mock server did not start:" >&2
    cat "$1" >&2
    return 1
}

node "$npm_home/node_modules/@copilotkit/aimock/dist/cli.js" -p 0 -f "$here/tests/fixtures/aimock.json" --log-level info >"$logs/aimock" 2>&1 &
pids="$pids $!"
"$pip_home/bin/llmock" serve -p 0 >"$logs/llmock" 2>&1 &
pids="$pids $!"
SKYNET_AIMOCK=$(address "$logs/aimock" listening)
SKYNET_LLMOCK=$(address "$logs/llmock" running)
export SKYNET_AIMOCK SKYNET_LLMOCK

cd "$here"
cargo test --features peers "$@"
