#!/usr/bin/env bash
# Builds the functions and the local world. Everything shares one profile, so the AWS SDK is compiled once.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

need_rust
cargo build --locked --workspace --bins
