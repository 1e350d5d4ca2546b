#!/usr/bin/env bash
# asl-validator on every state machine.
set -euo pipefail
cd "$(dirname "$0")/.."

modules=.cache/asl
if ! cmp -s requirements/package-lock.json "$modules/package-lock.json" || [ ! -x "$modules/node_modules/.bin/asl-validator" ]; then
    rm -rf "$modules"
    mkdir -p "$modules"
    cp requirements/package.json requirements/package-lock.json "$modules/"
    npm ci --prefix "$modules" --silent --no-audit --no-fund
fi
for machine in statemachine/*.asl.json; do
    "$modules/node_modules/.bin/asl-validator" --json-path "$machine"
done
