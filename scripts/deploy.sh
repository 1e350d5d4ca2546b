#!/usr/bin/env bash
# Deploys the stack of one pipeline: `gantry render`, then `sam deploy`. `scripts/deploy.sh --help` tells the options.
#
# It shows what would change and asks; with --yes it asks nothing. GANTRY names a `gantry` command that is built already.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

scripts/venv.sh deploy .cache/deploy
export GANTRY_TARGET=${CARGO_TARGET_DIR:-target}
if [ -z "${GANTRY:-}" ]; then
    need_rust
    cargo build --locked --quiet --package gantry-cli
    export GANTRY=$GANTRY_TARGET/debug/gantry
fi
export SAM_CLI_TELEMETRY=0 PYTHONUNBUFFERED=1
exec .cache/deploy/bin/python scripts/deploy.py "$@"
