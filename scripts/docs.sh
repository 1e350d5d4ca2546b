#!/usr/bin/env bash
# The documentation of all crates, private items too: those who read it here change the code. Any warning is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

need_rust
RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --workspace --no-deps --document-private-items
echo "Documentation: ${CARGO_TARGET_DIR:-target}/doc/gantry_domain/index.html"
