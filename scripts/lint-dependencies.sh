#!/usr/bin/env bash
# cargo-deny: who may depend on what, licences, sources. Advisories need a database from the network: not here.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
tools=.cache/tools
if [ "$("$tools/bin/cargo-deny" --version 2>/dev/null || true)" != "cargo-deny $version" ]; then
    echo "Building cargo-deny $version into $tools (once, about a minute) …"
    # It runs once and briefly, so it is built to be built quickly. Its own target directory keeps ours as it is.
    env CARGO_TARGET_DIR=.cache/tools-build CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --quiet --locked --no-default-features --root "$tools" "cargo-deny@$version"
    rm -rf .cache/tools-build
fi
# Tests may use what is banned elsewhere.
"$tools/bin/cargo-deny" --locked --log-level warn --workspace --exclude-dev check --allow unused-wrapper bans
"$tools/bin/cargo-deny" --locked --log-level warn --workspace check licenses sources
