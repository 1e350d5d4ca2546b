#!/usr/bin/env bash
# cfn-lint on the template as it is rendered for the Exchange.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/venv.sh lint .cache/lint
mkdir -p .cache/rendered
cargo run --locked --quiet --package gantry-cli -- render examples/exchange/gantry.toml >.cache/rendered/template.json
.cache/lint/bin/cfn-lint .cache/rendered/template.json
