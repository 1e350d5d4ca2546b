#!/usr/bin/env bash
# Builds the functions for Lambda and packs an archive of each. The whole workspace is built once, never function by function.
#
#   scripts/package.sh [--only FUNCTION] [arm64|x86_64]
#
# With --only one function is built and packed, apart from the others: to see whether it can be done here.
# Without a word it is arm64, which costs less, where Rust's target for it is installed, and this machine's processor
# otherwise. zig links, so that neither processor nor glibc of this machine matter.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh

# What provided.al2023 has. The archives are refused if a binary needs a newer one.
glibc=2.34

triple() {
    case $1 in
    arm64 | aarch64) echo aarch64-unknown-linux-gnu ;;
    x86_64) echo x86_64-unknown-linux-gnu ;;
    *) fail "Lambda has arm64 and x86_64, not $1." ;;
    esac
}

installed() {
    compgen -G "$(rustc --print target-libdir --target "$1")/libstd-*.rlib" >/dev/null
}

need_rust
only=
if [ "${1:-}" = --only ]; then
    only=${2:-}
    [ -f "functions/$only/Cargo.toml" ] || fail "There is no function '$only': the folders of functions/ name them."
    shift 2
fi
wanted=${1:-}
if [ -n "$wanted" ]; then
    target=$(triple "$wanted")
elif installed "$(triple arm64)"; then
    target=$(triple arm64)
else
    host=$(rustc --print host-tuple)
    target=$(triple "${host%%-*}")
    echo "package: Rust's target $(triple arm64) is not installed here, so the functions are built for ${host%%-*}." >&2
    echo "package: for arm64, which costs less: rustup target add $(triple arm64)" >&2
fi
installed "$target" || fail "Rust's target $target is not installed here. Install it: rustup target add $target"
case $target in aarch64-*) architecture=arm64 ;; *) architecture=x86_64 ;; esac

scripts/venv.sh package .cache/package
export PATH="$PWD/.cache/package/bin:$PATH"
built=${CARGO_TARGET_DIR:-target}
packages=()
for function in functions/*/; do
    name=$(basename "$function")
    [ "${only:-$name}" = "$name" ] && packages+=(--package "$name")
done
archives=$built/package${only:+-$only}
started=$SECONDS
echo "package: building for $target, glibc $glibc (the first time takes minutes) …"
cargo lambda build --release --locked --target "$target.$glibc" --lambda-dir "$built/lambda" "${packages[@]}"
echo "package: built in $((SECONDS - started)) s"
.cache/package/bin/python scripts/archive.py pack "$built/lambda" "$archives" \
    --architecture "$architecture" --glibc "$glibc" ${only:+--only "$only"}
