#!/usr/bin/env bash
# Makes a virtual environment from requirements/<name>.txt, and again only when that file changes.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

name=$1 directory=$2
wanted=$(cksum <"requirements/$name.txt")
if [ "$(cat "$directory/gantry-stamp" 2>/dev/null || true)" = "$wanted" ] && [ -x "$directory/bin/python" ]; then
    exit 0
fi
python=$(find_python)
echo "Installing requirements/$name.txt into $directory …"
rm -rf "$directory"
"$python" -m venv "$directory"
# The file names every package with its version and hash, so pip has nothing to find out by itself.
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    -r "requirements/$name.txt" ||
    fail "pip could not install requirements/$name.txt (see above). It needs to reach a Python package index once."
echo "$wanted" >"$directory/gantry-stamp"
