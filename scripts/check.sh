#!/usr/bin/env bash
# The one yes or no about the code: format, lint, types, floors, drift of the schema, stale generated pages.
# Every check runs; the exit code is 1 if any of them says no.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SETUP_EXTRAS=dev
source scripts/setup.sh

failed=()
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

check() {
    local name=$1
    shift
    if "$@" >"$scratch/output" 2>&1; then
        printf '%-8s good\n' "$name"
    else
        printf '%-8s FAILED\n' "$name"
        cat "$scratch/output"
        failed+=("$name")
    fi
}

# One head, and models that say what the revisions make.
schema() {
    local heads
    heads=$("$PYTHON" -m alembic heads) || return
    if [ "$(wc -l <<<"$heads")" -ne 1 ]; then
        printf 'There must be exactly one head:\n%s\n' "$heads"
        return 1
    fi
    export CALLENGINE_ENV=testing CALLENGINE_DATABASE__URL="sqlite:///$scratch/schema.db"
    "$PYTHON" -m alembic upgrade head && "$PYTHON" -m alembic check
}

shell() {
    local script
    for script in scripts/*.sh .ci/run; do
        bash -n "$script" || return
    done
}

check format "$PYTHON" -m ruff format --check .
check lint "$PYTHON" -m ruff check --output-format concise .
check types "$PYTHON" -m mypy
check floors .venv/bin/lint-imports
check schema schema
check pages "$PYTHON" scripts/make_docs.py --check
check shell shell

if [ ${#failed[@]} -ne 0 ]; then
    echo "Failed: ${failed[*]}."
    exit 1
fi
echo "All checks are good."
