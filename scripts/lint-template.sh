#!/usr/bin/env bash
# cfn-lint on the template as it is rendered for the Exchange.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/venv.sh lint .cache/lint
cargo run --locked --quiet --package gantry-cli -- render --out .cache/rendered examples/exchange/gantry.toml >/dev/null
.cache/lint/bin/cfn-lint .cache/rendered/template.json
