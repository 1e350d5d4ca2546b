#!/usr/bin/env bash
# Builds the functions and the local world.
#
# One test target is built along because it makes cargo choose the features that `cargo test` chooses. Otherwise the AWS
# SDK, by far the largest part, would be compiled once for the demo and once more for the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

need_rust
cargo build --locked --workspace --bins --test local
"${CARGO_TARGET_DIR:-target}/debug/gantry-local" pack
