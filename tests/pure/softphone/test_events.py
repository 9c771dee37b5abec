"""The lines that a phone prints."""

import json

from callengine.softphone.events import EventPrinter, PhoneEvent
from tests.fakes.clock import FakeClock


def _lines(*, as_json: bool) -> tuple[list[str], EventPrinter]:
    lines: list[str] = []
    return lines, EventPrinter(write=lines.append, clock=FakeClock(), as_json=as_json)


def test_an_event_is_one_json_object_a_line() -> None:
    lines, printer = _lines(as_json=True)
    printer.tell(PhoneEvent.INCOMING_CALL, call_id="a@b", from_="Zoë\n", to=None)
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert json.loads(lines[0]) == {
        "event": "incoming_call",
        "time": 1_700_000_000.0,
        "call_id": "a@b",
        "from": "Zoë\n",
        "to": None,
    }


def test_for_a_person_it_has_the_same_words() -> None:
    lines, printer = _lines(as_json=False)
    printer.tell(PhoneEvent.CALL_TERMINATED, call_id="a@b", cause="busy", status=None)
    assert lines[0].split(" ", 1)[1] == "call_terminated call_id=a@b cause=busy"


def test_control_characters_do_not_reach_the_terminal() -> None:
    lines, printer = _lines(as_json=False)
    printer.tell(PhoneEvent.ERROR, message="\x1b[2J\nfake")
    assert lines[0].endswith("message=?[2J?fake")
