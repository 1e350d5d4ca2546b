#!/usr/bin/env bash
# Lets a real registry client push to the local world. Installs skopeo where it may.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

if ! command -v skopeo >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing skopeo …"
        apt-get update -qq && apt-get install -y -qq --no-install-recommends skopeo >/dev/null ||
            fail "apt-get could not install skopeo (see above)."
    else
        fail "skopeo is missing. Install it and run this again" \
            "(Debian and Ubuntu: sudo apt-get install skopeo; Fedora: sudo dnf install skopeo; macOS: brew install skopeo)."
    fi
fi
skopeo --version

story=an_image_that_skopeo_pushes_goes_to_production_by_that_alone
# The whole workspace is named so that cargo chooses the features of `make test` and builds nothing again.
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --locked --workspace --test stories --run-ignored only "$@" "$story"
else
    cargo test --locked --workspace --test stories "$@" -- --ignored "$story"
fi
