"""What a softphone tells: one line for each thing that happens, as JSON or for reading."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from callengine.clock import Clock

Field = str | int | float | None


class PhoneEvent(StrEnum):
    """The things that happen to a phone."""

    REGISTERED = "registered"
    INCOMING_CALL = "incoming_call"
    CALL_CONNECTED = "call_connected"
    CALL_HELD = "call_held"
    DTMF = "dtmf"
    CALL_TERMINATED = "call_terminated"
    ERROR = "error"


class EventPrinter:
    """Writes an event a line: a JSON object with `event`, `time` (seconds since the epoch) and its fields,
    or the same words for a person."""

    def __init__(self, *, write: Callable[[str], None], clock: Clock, as_json: bool = False) -> None:
        self._write = write
        self._clock = clock
        self._line = json_line if as_json else plain_line

    def tell(self, event: PhoneEvent, **fields: Field) -> None:
        """Write one event; a field whose name is a Python keyword is given with a `_` behind it (`from_`)."""
        named = {name.rstrip("_"): value for name, value in fields.items()}
        self._write(self._line(event, self._clock.now(), named))


def json_line(event: PhoneEvent, time: float, fields: dict[str, Field]) -> str:
    """The event as one line of JSON, without a line end."""
    return json.dumps({"event": event.value, "time": round(time, 6), **fields}, ensure_ascii=True)


def plain_line(event: PhoneEvent, time: float, fields: dict[str, Field]) -> str:
    """The event as `HH:MM:SS event name=value ...` in local time; fields without a value are left out."""
    clock = datetime.fromtimestamp(time).strftime("%H:%M:%S")
    shown = [f"{name}={_one_line(value)}" for name, value in fields.items() if value is not None]
    return " ".join([clock, event.value, *shown])


def _one_line(value: Field) -> str:
    """A field for a person; what a far end sent may hold control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else "?" for character in str(value))
