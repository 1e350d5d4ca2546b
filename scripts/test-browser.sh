#!/usr/bin/env bash
# Drives the page of the real demo in headless Chromium. `make test-browser ARGS=--test-name-pattern=phone` picks tests.
set -euo pipefail
cd "$(dirname "$0")/.."

exec scripts/browser.sh --test --test-reporter=spec --test-concurrency=1 --test-timeout=600000 "$@" tests/browser/*.test.mjs
