#!/usr/bin/env bash
# Sets everything up and runs the real service against SIPp, baresip and softphones:
# scripts/run_e2e.sh [--capture FILE] [OPTIONS OF PYTEST]
#
# --capture FILE writes what goes over loopback in the shift of five callers (tcpdump, where it is allowed).
# The last line is the result of that shift. Exit codes: 0 good, 1 failed, 2 something is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "${1:-}" = --capture ]; then
    if [ -z "${2:-}" ]; then
        echo "--capture wants the name of the file." >&2
        exit 2
    fi
    E2E_CAPTURE=$(realpath -m "$2")
    export E2E_CAPTURE
    shift 2
fi

SETUP_EXTRAS=dev
source scripts/setup.sh
needs_programs sipp:sip-tester baresip:baresip tcpdump:tcpdump ss:iproute2 systemd-analyze:systemd

# Two streams of tests that judge the audio, one for each processor of a small machine, and two of all others, which
# stand back for them (nice). What is quiet, like the chaos run, has its turn when no other test has
# (tests/e2e/conftest.py). What the stream with the shift has said comes last.
named() { printf 'tests/e2e/test_%s.py\n' "$@"; }
with_shift=$(named five_callers killed media_killed overflow restarted units)
audio=$(named answer_modes refusals)
apart=$(named agents_calls baresip draining examples)
others=$(printf '%s\n' tests/e2e/test_*.py | grep -vxF "$with_shift"$'\n'"$audio"$'\n'"$apart")
no_tests=5 # pytest's own code

stream() { "$PYTHON" -m pytest -q -p no:cacheprovider "$@"; }
standing_back() { nice -n 5 "$PYTHON" -m pytest -q -p no:cacheprovider "$@"; }

stop_all() {
    [ -z "${forking:-}" ] || kill -- "-$forking" || true
    rm -rf "$outputs" "$E2E_TURNS"
}

outputs=$(mktemp -d)
E2E_TURNS=$(mktemp -d)
export E2E_TURNS TEST_PROGRAMS=1
trap stop_all EXIT
if [ -z "${TEST_FORKING:-}" ]; then # what only prepares is forked from one process, as in scripts/test.sh
    export TEST_FORKING=callengine-e2e-$$
    "$PYTHON" -m tests.fakes.forking "$TEST_FORKING" &
    forking=$!
fi
codes=() streams=()
standing_back "$@" $apart >"$outputs/0" 2>&1 &
streams+=($!)
standing_back "$@" $others >"$outputs/1" 2>&1 &
streams+=($!)
stream "$@" $with_shift >"$outputs/2" 2>&1 &
streams+=($!)
stream "$@" $audio tests/e2e/recovery/ && codes+=(0) || codes+=($?)
for each in "${streams[@]}"; do
    wait "$each" && codes+=(0) || codes+=($?)
done
cat "$outputs"/*

# A part without any of the wanted tests is good, unless no part has any.
case " ${codes[*]} " in
*" 0 "*) result=0 ;;
*) result=$no_tests ;;
esac
for code in "${codes[@]}"; do
    [ "$code" -eq 0 ] || [ "$code" -eq $no_tests ] || result=1
done
exit $result
