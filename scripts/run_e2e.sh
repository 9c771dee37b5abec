#!/usr/bin/env bash
# Sets everything up and runs the real service against SIPp, baresip and softphones:
# scripts/run_e2e.sh [--capture FILE] [--audio] [OPTIONS OF PYTEST]
#
# --capture FILE writes what goes over loopback in the shift of five callers (tcpdump, where it is allowed).
# --audio runs only the tests that judge audio.
# The last line is the result of that shift. Exit codes: 0 good, 1 failed, 2 something is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

only_audio=
while true; do
    case ${1:-} in
    --capture)
        if [ -z "${2:-}" ]; then
            echo "--capture wants the name of the file." >&2
            exit 2
        fi
        E2E_CAPTURE=$(realpath -m "$2")
        export E2E_CAPTURE
        shift 2
        ;;
    --audio)
        only_audio=yes
        shift
        ;;
    *) break ;;
    esac
done

SETUP_EXTRAS=dev
source scripts/setup.sh
needs_programs sipp:sip-tester baresip:baresip tcpdump:tcpdump ss:iproute2 systemd-analyze:systemd

# First what judges no audio (E2E_PART), in several streams. Then what does, in two, one for each processor of a small
# machine; what is quiet, like the shift and the chaos run, has its turn when no other test has (tests/e2e/conftest.py).
files() { printf 'tests/e2e/test_%s.py\n' "$@"; }
without() { printf '%s\n' "${@:2}" | grep -vxF "$1"; } # without FILES FILE...: the files that are not among those
judging=$(grep -rlF mark.alone tests/e2e --include="test_*.py" | sort -r)
with_shift=$(files five_callers killed media_killed overflow restarted units)
beside_it=$(without "$with_shift" $judging)
on_their_own=$(files examples units)
silent=$(without "$on_their_own" $(find tests/e2e -name "test_*.py" | sort))
no_tests=5 # pytest's own code

stop_all() {
    [ -z "${forking:-}" ] || kill -- "-$forking" || true
    rm -rf "$outputs" "$E2E_TURNS"
}

outputs=$(mktemp -d)
E2E_TURNS=$(mktemp -d)
export E2E_TURNS
trap stop_all EXIT
if [ -z "${TEST_FORKING:-}" ]; then # what need not be the program is forked from one process, as in scripts/test.sh
    export TEST_FORKING=callengine-e2e-$$
    "$PYTHON" -m tests.fakes.forking "$TEST_FORKING" &
    forking=$!
fi
codes=() streams=()

stream() { # stream NAME ARGUMENTS...: a run of pytest beside others; finish tells what it has said, and its code
    "$PYTHON" -m pytest -q -p no:cacheprovider "${@:2}" >"$outputs/$1" 2>&1 &
    streams+=("$1:$!")
}

finish() {
    local each
    for each in "${streams[@]}"; do
        wait "${each#*:}" && codes+=(0) || codes+=($?)
        cat "$outputs/${each%:*}"
    done
    streams=()
}

if [ -z "$only_audio" ]; then
    export E2E_PART=silent
    while read -r part; do
        stream "${part//\//.}" "$@" $part
    done < <(printf '%s\n' "$on_their_own"; xargs -n 5 <<<"$silent")
    finish
fi
export E2E_PART=audio
stream beside_it "$@" $beside_it
stream with_shift "$@" $with_shift
finish

# A part without any of the wanted tests is good, unless no part has any.
case " ${codes[*]} " in
*" 0 "*) result=0 ;;
*) result=$no_tests ;;
esac
for code in "${codes[@]}"; do
    [ "$code" -eq 0 ] || [ "$code" -eq $no_tests ] || result=1
done
exit $result
