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
set_up=$SECONDS checked=$SECONDS

# The last line, if all is good.
tell_times() {
    local tests=$((SECONDS - checked))
    printf 'Setting up took %d s, the checks %d s, the tests %d min %d s.\n' \
        "$set_up" $((checked - set_up)) $((tests / 60)) $((tests % 60))
}

# The tests start many processes; without bytecode each of them would compile everything that it imports.
unset PYTHONDONTWRITEBYTECODE

pure() { "$PYTHON" -m pytest -q "${long[@]}" "$@"; }
patched() { "$PYTHON" -m gevent.monkey --module pytest -q "${long[@]}" "$@"; }

# The end-to-end tests that judge no audio; the others stand alone, beside these they would hear the machine.
beside="not alone and not long"
if [ "${#long[@]}" -gt 0 ]; then beside="not alone"; fi

# Lanes, seven at a time, since many of them wait most of the time; each is one line, of files or folders. Each one's
# output in one piece.
side_by_side() {
    local outputs failed=0
    outputs=$(mktemp -d)
    xargs -P 7 -I {} bash -c '
        output=$(mktemp "$1/XXXXXX")
        read -ra lane <<<"$2"
        case $2 in
        tests/pure*) "$PYTHON" -m pytest -q -p no:cacheprovider "${@:4}" "${lane[@]}" ;;
        tests/e2e*) "$PYTHON" -m pytest -q -p no:cacheprovider -m "$3" "${lane[@]}" ;;
        *) "$PYTHON" -m tests.fakes.warm -q -p no:cacheprovider "${@:4}" "${lane[@]}" ;;
        esac >"$output" 2>&1
        status=$?
        [ $status -ne 5 ] || exit 0 # no test of this lane is among those that are wanted
        echo "$2"
        cat "$output"
        exit $status' _ "$outputs" {} "$beside" "${long[@]}" || failed=1
    rm -rf "$outputs"
    return $failed
}

export PYTHON

others() { # others THAN FILE...: the files that are not among those
    printf '%s\n' "${@:2}" | grep -vxF "$(tr ' ' '\n' <<<"$1")"
}

# Where most tests need a database the halves are lanes of their own, that on PostgreSQL first: it takes longer.
halves() {
    local lane kind
    while read -r lane; do
        for kind in postgresql sqlite; do
            echo "$lane --database=$kind"
        done
    done
}

# What rests on the database most runs on PostgreSQL always, whatever needs one with --long.
on_sqlite() { sed 's/$/ --database=sqlite/'; }
wanted=on_sqlite on_both="$(echo tests/gevent/callcenter/test_{guards,two_dispatchers,invariants,fairness,inbound,reckoning}.py)"
if [ "${#long[@]}" -gt 0 ]; then wanted=halves on_both=; fi

# The lanes of patched tests, those that take longest first.
patched_tests() {
    "$wanted" < <(echo tests/gevent/effects/)
    echo tests/gevent/db/
    xargs -n 11 < <(echo tests/gevent/callcenter/test_*.py tests/gevent/callcenter/reconciling/) | "$wanted"
    echo tests/gevent/media/
    xargs -n 6 < <(echo tests/gevent/service/test_*.py) | "$wanted"
    [ -z "$on_both" ] || echo "$on_both --database=postgresql"
    echo tests/gevent/cli/
    echo $(ls -d tests/gevent/*/ | grep -vE "/(__pycache__|service|callcenter|effects|db|media|cli)/") \
        tests/gevent/test_*.py
}

programs_tests() {
    local long_of_e2e
    long_of_e2e="$(echo tests/e2e/test_{killed_phones,examples,units,command_line,draining}.py)"
    others "$long_of_e2e" $(find tests/e2e -name "test_*.py" | sort) | xargs -n 7
    xargs -n 2 <<<"$long_of_e2e"
}

# One PostgreSQL for all lanes and one SQLite file to copy; they tell how many of their tests run on which.
start_databases() {
    local template
    needs_programs initdb:postgresql
    made=$(mktemp -d)
    export TEST_SQLITE=$made/template.db TEST_COUNTS=$made/counts
    "$PYTHON" -m tests.fakes.sqlite_template "$TEST_SQLITE" &
    template=$!
    TEST_POSTGRESQL=$("$PYTHON" -m tests.fakes.postgresql start)
    export TEST_POSTGRESQL
    wait $template
}

# One process for all that has imported everything, and of which lanes and services are forks.
start_forking() {
    export TEST_FORKING=callengine-tests-$$
    "$PYTHON" -m tests.fakes.forking "$TEST_FORKING" &
    forking=$!
}

stop_all() {
    [ -z "${forking:-}" ] || kill -- "-$forking" || true
    [ -z "${TEST_POSTGRESQL:-}" ] || "$PYTHON" -m tests.fakes.postgresql stop "$TEST_POSTGRESQL"
    [ -z "${made:-}" ] || rm -rf "$made"
}

compare_databases() {
    local sqlite postgresql
    sqlite=$(grep -c sqlite "$TEST_COUNTS" || true)
    postgresql=$(grep -c postgresql "$TEST_COUNTS" || true)
    echo "On SQLite ran $sqlite tests, on PostgreSQL $postgresql."
    [ "$wanted" = on_sqlite ] || [ "$sqlite" -eq "$postgresql" ]
}

run() {
    case $1 in
    tests/pure*) pure "$1" ;;
    tests/gevent*)
        needs_programs initdb:postgresql
        if [ "$1" = tests/gevent ]; then
            start_forking
            start_databases
            patched_tests | side_by_side
            compare_databases
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

trap stop_all EXIT
if [ "$suite" != all ]; then
    run "$suite"
    tell_times
    exit
fi

needs_programs sipp:sip-tester baresip:baresip tcpdump:tcpdump ss:iproute2 systemd-analyze:systemd initdb:postgresql
set_up=$SECONDS

scripts/check.sh
checked=$SECONDS
start_forking
start_databases
{ programs_tests; patched_tests; echo tests/pure/; } | side_by_side
compare_databases
scripts/run_e2e.sh --audio "${long[@]}"
tell_times
