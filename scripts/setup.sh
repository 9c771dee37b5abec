# Sourced by the other scripts, from the top of the checkout: makes the Python environment .venv once, with
# callengine and what it depends on, and gives PYTHON. With SETUP_EXTRAS=dev set, the tools for tests too.
# needs_programs COMMAND:DEBIAN_PACKAGE ... installs the packages whose command is missing.

fail() {
    printf '%s\n' "$*" >&2
    exit 2
}

# The first Python that is new enough.
find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "callengine needs Python 3.11 or newer: install the package python3, or set PYTHON."
}

install_packages() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        fail "These packages are missing: $*. Install them (apt-get install $*), then run this again."
    fi
    echo "Installing the packages $* ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Any of PostgreSQL's server programs lies outside of PATH on Debian.
has_program() {
    command -v "$1" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null
}

needs_programs() {
    local pair missing=()
    for pair in "$@"; do
        has_program "${pair%%:*}" || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

make_environment() {
    local base
    [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1 && return
    base=$(find_python)
    "$base" -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    "$base" -m venv .venv
}

# The stamp holds what .venv was filled from, so that nothing is done while setup.cfg stays as it is.
fill_environment() {
    local extras=${SETUP_EXTRAS:-} wanted stamp
    wanted=$(cat setup.cfg pyproject.toml | sha256sum | cut -d' ' -f1)
    for stamp in ".venv/.filled-$extras" .venv/.filled-dev; do
        [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
    done
    echo "Installing callengine's Python packages into .venv ..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".${extras:+[$extras]}"
    printf '%s\n' "$wanted" >".venv/.filled-$extras"
}

make_environment
fill_environment
PYTHON=$PWD/.venv/bin/python
