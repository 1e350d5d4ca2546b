# Sourced by the other scripts: what each needs, and a plain sentence when it is missing.

fail() {
    echo "$*" >&2
    exit 1
}

need_rust() {
    command -v cargo >/dev/null || fail "Rust is missing. Install rustup from https://rustup.rs and run this again;" \
        "the compiler that rust-toolchain.toml names then installs itself."
    cargo --version >/dev/null || fail "cargo does not run here. Gantry is built with the compiler that" \
        "rust-toolchain.toml names; rustup (https://rustup.rs) installs it by itself."
    command -v cc >/dev/null || fail "A C compiler and linker is missing. Install one" \
        "(Debian and Ubuntu: apt install build-essential; Fedora: dnf install gcc; macOS: xcode-select --install)."
}

# Prints a Python that is new enough and can make virtual environments.
find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3.10 python3.14; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.10 or newer with its venv module is missing (found: $(python3 --version 2>/dev/null || echo none))." \
        "Install it (Debian and Ubuntu: apt install python3-venv; macOS: brew install python3)," \
        "or name one: make PYTHON=/path/to/python3 …"
}

need_node() {
    command -v npm >/dev/null || fail "Node is missing: asl-validator needs Node 18 or newer with npm" \
        "(https://nodejs.org). Only 'make lint' needs it."
}

need_node_for_browser() {
    local major
    major=$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/')
    if [ "${major:-0}" -lt 20 ] || ! command -v npm >/dev/null; then
        fail "Node 20 or newer with npm is missing: it drives the browser (https://nodejs.org)." \
            "Only 'make test-browser' and 'make pictures' need it."
    fi
}

# Prints the browser that shows the page. Debian's is installed where that may be done; elsewhere the command is named.
find_chromium() {
    local candidate
    for candidate in "${CHROMIUM:-chromium}" chromium-browser google-chrome google-chrome-stable; do
        command -v "$candidate" && return
    done
    local install="apt-get install --yes --no-install-recommends chromium fonts-dejavu-core fonts-noto-color-emoji"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "Chromium is missing. Install it (Debian and Ubuntu: sudo $install)," \
            "or name one: CHROMIUM=/path/to/chromium make …"
    fi
    echo "Installing Debian's chromium …" >&2
    { apt-get update --quiet && DEBIAN_FRONTEND=noninteractive $install; } >&2 ||
        fail "apt-get could not install chromium (see above). By hand: apt-get update && $install"
    command -v chromium || fail "chromium was installed and is not there: is /usr/bin in PATH?"
}
