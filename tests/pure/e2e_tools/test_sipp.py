"""What is read from the files that SIPp leaves."""

from pathlib import Path

import pytest

from tests.e2e.sipp import SippResult, last_statistics, read_messages

MESSAGES = (
    "2026-01-01\t00:00:00.250000\t1767225600.250000\tS\t1-99@127.0.0.1\tCSeq:1 INVITE\tINVITE sip:a SIP/2.0\n"
    "2026-01-01\t00:00:00.500000\t1767225600.500000\tR\t1-99@127.0.0.1\tCSeq:1 INVITE\tSIP/2.0 200 OK\n"
    "cut off\n"
    "2026-01-01\t00:00:01.000000\t1767225601.000000\tR\t1-99@127.0.0.1\tCSeq:7 BYE\tBYE sip:a@b SIP/2.0\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "messages.log"
    path.write_text(MESSAGES, encoding="utf-8")
    return path


def _result(log: Path) -> SippResult:
    return SippResult(0, {"Retransmissions(C)": "2"}, read_messages(log), "")


def test_times_are_found_by_call_and_first_line(log: Path) -> None:
    result = _result(log)
    assert result.time_of(1, "INVITE", sent=True) == 1767225600.25
    assert result.time_of(1, "SIP/2.0 200", sent=False) == 1767225600.5
    assert result.count("Retransmissions") == 2


def test_a_request_that_comes_twice_is_found_and_a_response_is_not(log: Path) -> None:
    assert _result(log).requests_seen_twice() == []
    log.write_text(MESSAGES * 2, encoding="utf-8")
    assert len(_result(log).requests_seen_twice()) == 2


def test_without_a_log_there_are_no_messages(tmp_path: Path) -> None:
    assert read_messages(tmp_path / "messages.log") == []


def test_the_last_statistics_count(tmp_path: Path) -> None:
    path = tmp_path / "statistics.csv"
    path.write_text("When;FailedCall(C);\n1;0;\n2;3;\n", encoding="utf-8")
    assert last_statistics(path)["FailedCall(C)"] == "3"
