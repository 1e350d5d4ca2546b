#!/usr/bin/env bash
# Takes the figures of the README with what ships: release builds of all functions, beside the same job in Python and in Node.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

need_rust
command -v npm >/dev/null || fail "Node is missing: one of the functions to compare with is written for it" \
    "(Node 20 or newer with npm, https://nodejs.org)."
[ -r /proc/self/status ] || fail "Peak memory is read from /proc: take the figures on Linux."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
case $(uname -m) in aarch64 | arm64) here=arm64 ;; *) here=x86_64 ;; esac

# For this machine's own processor, so that it can be run. cargo builds again what changed, and nothing else.
scripts/package.sh "$here"

scripts/venv.sh bench .cache/bench
modules=$PWD/.cache/bench-node
if ! cmp -s tests/bench/node/package-lock.json "$modules/package-lock.json" || [ ! -x "$modules/node_modules/.bin/esbuild" ]; then
    rm -rf "$modules"
    mkdir -p "$modules"
    cp tests/bench/node/package.json tests/bench/node/package-lock.json "$modules/"
    npm ci --prefix "$modules" --silent --no-audit --no-fund
fi
# As a careful team would ship it: one minified file, with the SDK in it.
mkdir -p "$target/bench/node"
NODE_PATH=$modules/node_modules "$modules/node_modules/.bin/esbuild" tests/bench/node/handler.mjs \
    --bundle --minify --platform=node --format=esm --target=node20 --main-fields=module,main --log-level=warning \
    --banner:js="import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" \
    --outfile="$target/bench/node/handler.mjs"

export GANTRY_BENCH_FUNCTIONS=$target/lambda GANTRY_BENCH_ARCHIVES=$target/package
export GANTRY_BENCH_PYTHON=$PWD/.cache/bench/bin/python GANTRY_BENCH_BUNDLE=$target/bench/node/handler.mjs
cargo bench --locked --quiet --profile dev -p gantry-tests --bench figures
