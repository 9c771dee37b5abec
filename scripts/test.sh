#!/usr/bin/env bash
# Sets everything up and runs the tests: scripts/test.sh [SUITE] [--long]
#
# SUITE is pure, gevent, e2e, recovery (a part of e2e), or a directory or file below tests/; without one, the
# checks and all three run. --long adds the tests that take minutes.
# Exit codes: 0 good, 1 failed, 2 wrong use or something is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

suite=all
long=()
installing=tests/e2e/test_install.py
for argument in "$@"; do
    case $argument in
    --long) long=(-m "") ;;
    -h | --help)
        sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    pure | gevent | e2e) suite=tests/$argument ;;
    recovery) suite=tests/e2e/recovery ;;
    *)
        suite=${argument%/}
        if [ ! -e "$suite" ] || [[ $suite != tests/* ]]; then
            echo "There is no suite $argument: it is pure, gevent, e2e, recovery, or a directory below tests/." >&2
            exit 2
        fi
        ;;
    esac
done

SETUP_EXTRAS=dev
source scripts/setup.sh

pure() { "$PYTHON" -m pytest -q "${long[@]}" "$@"; }
patched() { "$PYTHON" -m gevent.monkey --module pytest -q "${long[@]}" "$@"; }

# The folders of the patched tests, three at a time: they wait more than they work. Each one's output in one piece.
# (The end-to-end tests stand alone: beside each other they hear gaps in the audio that are the machine's.)
side_by_side() {
    local outputs failed=0
    outputs=$(mktemp -d)
    patched_folders | xargs -P 3 -I {} bash -c '
        output="$1/$(tr / _ <<<"$2")"
        files=("$2")
        [ "$2" = tests/gevent ] && files=(tests/gevent/test_*.py)
        "$PYTHON" -m gevent.monkey --module pytest -q -p no:cacheprovider "${@:3}" "${files[@]}" >"$output" 2>&1
        status=$?
        echo "$2"
        cat "$output"
        exit $status' _ "$outputs" {} "${long[@]}" || failed=1
    rm -rf "$outputs"
    return $failed
}

export PYTHON

# Those that take longest first.
patched_folders() {
    local folder
    for folder in tests/gevent/{service,callcenter,effects,media}/ tests/gevent/*/; do
        [ "$folder" = tests/gevent/__pycache__/ ] || echo "$folder"
    done | awk '!seen[$0]++'
    echo tests/gevent
}

run() {
    case $1 in
    tests/pure*) pure "$1" ;;
    tests/gevent*)
        needs_programs initdb:postgresql
        if [ "$1" = tests/gevent ]; then
            side_by_side
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
scripts/run_e2e.sh "${long[@]}" --ignore=$installing
