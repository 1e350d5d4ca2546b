#!/usr/bin/env bash
# Everything that is checked without running Gantry.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

need_rust
need_node

step() {
    echo "lint: $1"
    shift
    "$@"
}

step "format" cargo fmt --all --check
step "clippy" cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
step "dependencies" scripts/lint-dependencies.sh
step "state machines" scripts/lint-machines.sh
step "template" scripts/lint-template.sh
