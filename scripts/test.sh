#!/usr/bin/env bash
# Sets everything up and runs the tests: scripts/test.sh [SUITE] [--long]
#
# SUITE is pure, gevent, e2e, or a directory or file below tests/; without one, the checks and all three run.
# --long adds the tests that take minutes. Exit codes: 0 good, 1 failed, 2 wrong use or something is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite=all
long=()
installing=tests/e2e/test_install.py
for argument in "$@"; do
    case $argument in
    --long) long=(-m "") ;;
    -h | --help)
        sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    pure | gevent | e2e) suite=tests/$argument ;;
    *)
        suite=${argument%/}
        if [ ! -e "$suite" ] || [[ $suite != tests/* ]]; then
            echo "There is no suite $argument: it is pure, gevent, e2e, or a directory below tests/." >&2
            exit 2
        fi
        ;;
    esac
done

SETUP_EXTRAS=dev
source scripts/setup.sh

pure() { "$PYTHON" -m pytest -q "${long[@]}" "$@"; }
patched() { "$PYTHON" -m gevent.monkey --module pytest -q "${long[@]}" "$@"; }

# Runs the words behind the number beside each other, so many at a time: tests wait more than they work. Each of
# them is a call of one_of; what it says comes in one piece.
side_by_side() {
    local at_once=$1 outputs failed=0
    shift
    outputs=$(mktemp -d)
    printf '%s\n' "$@" | xargs -P "$at_once" -I {} bash -c '
        output="$1/$(tr / _ <<<"$2")"
        one_of "$2" "${@:3}" >"$output" 2>&1
        status=$?
        echo "$2"
        cat "$output"
        exit $status' _ "$outputs" {} "${long[@]}" || failed=1
    rm -rf "$outputs"
    return $failed
}

# A folder of the patched tests, or a file of the end-to-end ones.
one_of() {
    local where=$1 files=("$1") runner=(-m gevent.monkey --module pytest)
    shift
    [ "$where" != tests/gevent ] || files=(tests/gevent/test_*.py)
    [[ $where != tests/e2e/* ]] || runner=(-m pytest)
    "$PYTHON" "${runner[@]}" -q -p no:cacheprovider "$@" "${files[@]}"
}
export PYTHON
export -f one_of

# Those that take longest first.
patched_folders() {
    local folder
    for folder in tests/gevent/{service,callcenter,effects,media}/ tests/gevent/*/; do
        [ "$folder" = tests/gevent/__pycache__/ ] || echo "$folder"
    done | awk '!seen[$0]++'
    echo tests/gevent
}

e2e_files() {
    local first=tests/e2e/test_five_callers.py file
    echo $first
    for file in tests/e2e/test_*.py; do
        [ "$file" = $first ] || [ "$file" = $installing ] || echo "$file"
    done
}

run() {
    case $1 in
    tests/pure*) pure "$1" ;;
    tests/gevent*)
        needs_programs initdb:postgresql
        if [ "$1" = tests/gevent ]; then
            mapfile -t folders < <(patched_folders)
            side_by_side 3 "${folders[@]}"
        else
            patched "$1"
        fi
        ;;
    tests/e2e*)
        needs_programs sipp:sip-tester baresip:baresip tcpdump:tcpdump ss:iproute2 systemd-analyze:systemd
        if [ "$1" = tests/e2e ]; then
            scripts/run_e2e.sh "${long[@]}"
        else
            pure "$1"
        fi
        ;;
    *)
        echo "tests below $1 cannot be run: name tests/pure, tests/gevent or tests/e2e." >&2
        exit 2
        ;;
    esac
}

if [ "$suite" != all ]; then
    run "$suite"
    exit
fi

needs_programs sipp:sip-tester baresip:baresip tcpdump:tcpdump ss:iproute2 systemd-analyze:systemd initdb:postgresql

# To install takes a minute of its own, so it goes beside what is judged by no time.
installed=$(mktemp)
pure $installing >"$installed" 2>&1 &
wait_for_it=$!
trap 'rm -f "$installed"' EXIT
scripts/check.sh
run tests/pure
wait $wait_for_it || { cat "$installed"; exit 1; }
tail -1 "$installed"
run tests/gevent
mapfile -t files < <(e2e_files)
side_by_side 2 "${files[@]}"
