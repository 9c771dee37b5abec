"""Lines of the log as text and as JSON."""

import json
from datetime import UTC, datetime

from callengine.log.lines import Line, as_json, as_text

TIME = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
LINE = Line(TIME, "INFO", "callengine.sip:45", "dialog", "hello", call="abc", extra={"queue": "support"})


def test_text() -> None:
    assert as_text(LINE) == "2026-01-02 03:04:05.678 INFO    callengine.sip:45 [dialog] abc hello\n"


def test_text_outside_a_call_with_a_stack() -> None:
    line = Line(TIME, "WARNING", "m:1", "main", "blocked", detail="a\nstack\n")
    assert as_text(line) == "2026-01-02 03:04:05.678 WARNING m:1 [main] - blocked\na\nstack\n"


def test_nobody_forges_a_line() -> None:
    line = Line(TIME, "INFO", "m:1", "main", "a\r\nb\x1b[31m\x00\x7f\tc")
    assert as_text(line).endswith(" a\\r\\nb\\x1b[31m\\x00\\x7f\tc\n")
    assert as_json(line).count("\n") == 1


def test_json() -> None:
    assert json.loads(as_json(LINE)) == {
        "time": "2026-01-02T03:04:05.678+00:00",
        "level": "INFO",
        "module": "callengine.sip:45",
        "greenlet": "dialog",
        "call": "abc",
        "message": "hello",
        "queue": "support",
    }


def test_json_leaves_out_what_is_empty() -> None:
    assert set(json.loads(as_json(Line(TIME, "INFO", "m:1", "main", "x")))) == {
        "time",
        "level",
        "module",
        "greenlet",
        "message",
    }
