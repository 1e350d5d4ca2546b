#!/usr/bin/env bash
# Deploys with `scripts/deploy.sh` and the real SAM CLI into the local world, and lets a release run through what stands.
# Before that, the AWS commands in the documents are checked against AWS's description of its services.
#
# The archives hold the functions as `make build` built them: the same code as `make package` packs, built for this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

need_rust
scripts/venv.sh deploy .cache/deploy
.cache/deploy/bin/python scripts/check_aws_commands.py
built=${CARGO_TARGET_DIR:-target}
"$built/debug/gantry-local" pack --into "$built/local-package"
# As in `make test`, so that cargo chooses the same features and builds nothing again.
cargo test --locked --workspace --test deploy "$@"
