#!/usr/bin/env bash
# Runs every test. cargo-nextest is quicker and tells more, and is used where it is installed; the tests are the same.
set -euo pipefail
cd "$(dirname "$0")/.."

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked --workspace "$@"
else
    cargo test --locked --workspace --lib --bins --tests "$@"
fi
# Neither runs the examples in documentation, one of which must not compile.
cargo test --locked --quiet --doc -p gantry-domain
