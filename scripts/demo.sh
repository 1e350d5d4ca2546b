#!/usr/bin/env bash
# Runs the demo that was built; it replaces this shell so that Ctrl-C and the exit code are its own.
set -euo pipefail
cd "$(dirname "$0")/.."

exec "${CARGO_TARGET_DIR:-target}/debug/gantry-local" demo "$@"
