#!/usr/bin/env bash
# Runs a program of tests/browser with what it takes to drive the page: Debian's Chromium, and playwright-core from npm.
# The first arguments are Node's.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

need_node_for_browser
CHROMIUM=$(find_chromium)
export CHROMIUM
modules=.cache/browser
if ! cmp -s requirements/browser/package-lock.json "$modules/package-lock.json" || [ ! -d "$modules/node_modules/playwright-core" ]; then
    rm -rf "$modules"
    mkdir -p "$modules"
    cp requirements/browser/package.json requirements/browser/package-lock.json "$modules/"
    npm ci --prefix "$modules" --silent --no-audit --no-fund --ignore-scripts
fi
exec node "$@"
