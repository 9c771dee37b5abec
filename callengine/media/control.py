"""What goes over the media process's socket: a line of JSON for each request, reply and event.

    request   {"id": 7, "call": "open", "leg_id": "4f..", "play": "music"}
    reply     {"id": 7, "result": 16384}
    error     {"id": 7, "error": {"type": "NoPorts", "message": "all 8192 media ports are in use"}}
    event     {"event": "no_packets", "leg_id": "4f.."}

Requests may follow each other without waiting; replies name theirs. An error to a line that could not be read
has the id null. Arguments are checked here, by name and type; what they mean is checked by the engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from callengine.errors import (
    CallCenterError,
    LegNotFound,
    MediaError,
    MediaUnavailable,
    NoPorts,
    NotAllowed,
)
from callengine.media.engine import EngineTotals, LegStatistics, MediaEvent, MediaEventKind, RemoteMedia

LONGEST_LINE = 65_536
"""Octets in a line, its newline included; enough for 1,500 leg ids in one `close`."""
LONGEST_TEXT = 4096
"""Characters in an argument: what a path may have."""

_ERRORS: dict[str, type[CallCenterError]] = {
    kind.__name__: kind for kind in (LegNotFound, MediaError, MediaUnavailable, NoPorts, NotAllowed)
}


@dataclass(frozen=True)
class Request:
    """A checked request: `arguments` are those of the method `call` of the engine, by name."""

    id: int
    call: str
    arguments: dict[str, Any]


class BadRequest(MediaError):
    """A line that is no request; `id` is the request's own, if that much could be read."""

    def __init__(self, message: str, *, id: int | None = None) -> None:
        super().__init__(message)
        self.id = id


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
        raise MediaError(f"must be a text of 1 to {LONGEST_TEXT} characters")
    return value


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise MediaError("must be a list of texts")
    return [_text(item) for item in value]


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise MediaError("must be a whole number")
    return value


def _optional_number(value: object) -> int | None:
    return None if value is None else _number(value)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise MediaError("must be true or false")
    return value


_REMOTE_FIELDS: dict[str, Callable[[object], Any]] = {
    "host": _text,
    "port": _number,
    "codec": _text,
    "payload_type": _number,
    "receive_payload_type": _number,
    "telephone_event": _optional_number,
    "receive_telephone_event": _optional_number,
    "direction": _text,
}


def _remote(value: object) -> RemoteMedia:
    if not isinstance(value, dict):
        raise MediaError("must be an object")
    return RemoteMedia(**_check(value, _REMOTE_FIELDS, {"host", "port"}))


def _optional_remote(value: object) -> RemoteMedia | None:
    return None if value is None else _remote(value)


_CALLS: dict[str, tuple[dict[str, Callable[[object], Any]], set[str]]] = {
    "open": (
        {"leg_id": _text, "remote": _optional_remote, "play": _optional_text, "port": _optional_number},
        {"leg_id"},
    ),
    "set_remote": ({"leg_id": _text, "remote": _remote}, {"leg_id", "remote"}),
    "join": ({"leg_a": _text, "leg_b": _text, "remote": _optional_remote}, {"leg_a", "leg_b"}),
    "part": ({"leg_id": _text}, {"leg_id"}),
    "play": ({"leg_id": _text, "sound": _text, "loop": _truth}, {"leg_id", "sound"}),
    "stop": ({"leg_id": _text}, {"leg_id"}),
    "statistics": ({"leg_id": _text}, {"leg_id"}),
    "close": ({"leg_ids": _texts}, {"leg_ids"}),
    "list": ({}, set()),
    "adopt": ({"owner": _text, "incarnation": _number}, {"owner", "incarnation"}),
    "totals": ({}, set()),
}

FREE_CALLS = frozenset({"statistics", "list", "totals", "adopt"})
"""The calls that change nothing, which anyone may make, and the one that makes an owner."""


def _check(
    given: Mapping[str, object], known: Mapping[str, Callable[[object], Any]], needed: set[str]
) -> dict[str, Any]:
    """The given arguments, each checked; raises MediaError naming the one that is wrong."""
    for name in sorted(needed - given.keys()):
        raise MediaError(f"{name} is missing")
    checked = {}
    for name, value in given.items():
        if name not in known:
            raise MediaError(f"{name[:80]!r} is not an argument")
        try:
            checked[name] = known[name](value)
        except MediaError as error:
            raise MediaError(f"{name} {error}") from None
    return checked


def read_request(line: bytes) -> Request:
    """Read one line; raises BadRequest for anything but a request that the engine can be asked."""
    given = _read_object(line)
    number = given.pop("id", None)
    if not isinstance(number, int) or isinstance(number, bool):
        raise BadRequest("the id must be a whole number")
    call = given.pop("call", None)
    if not isinstance(call, str) or call not in _CALLS:
        raise BadRequest(f"there is no call {str(call)[:80]!r}", id=number)
    known, needed = _CALLS[call]
    try:
        return Request(number, call, _check(given, known, needed))
    except MediaError as error:
        raise BadRequest(f"{call}: {error}", id=number) from None


def _read_object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRequest("not a line of JSON") from None
    if not isinstance(value, dict):
        raise BadRequest("not a JSON object")
    return value


def write_request(number: int, call: str, arguments: Mapping[str, object]) -> bytes:
    """The line of a request; raises MediaError if it is too long to be read."""
    given = {name: vars(v) if isinstance(v, RemoteMedia) else v for name, v in arguments.items()}
    line = _line({"id": number, "call": call, **given})
    if len(line) > LONGEST_LINE:
        raise MediaError(f"a request of {len(line)} octets is longer than {LONGEST_LINE}")
    return line


def write_result(number: int, result: object) -> bytes:
    """The line of a good reply: a number, ids, counters or nothing."""
    if isinstance(result, list):
        result = [_plain(item) for item in result]
    else:
        result = _plain(result)
    return _line({"id": number, "result": result})


def _plain(result: object) -> object:
    if isinstance(result, LegStatistics):
        return {**vars(result), "remote": result.remote and vars(result.remote)}
    return vars(result) if isinstance(result, EngineTotals) else result


def write_error(number: int | None, error: CallCenterError) -> bytes:
    """The line of an error; our own errors keep their class, so that the other side can raise it again."""
    kind = "MediaError" if isinstance(error, BadRequest) else type(error).__name__
    return _line({"id": number, "error": {"type": kind, "message": str(error)}})


def write_event(event: MediaEvent) -> bytes:
    """The line of an event."""
    return _line({"event": event.kind, "leg_id": event.leg_id})


_to_json = json.JSONEncoder(separators=(",", ":")).encode


def _line(value: Mapping[str, object]) -> bytes:
    return _to_json(value).encode() + b"\n"


@dataclass(frozen=True)
class Reply:
    """A reply as it came: `result` is plain JSON, or `error` is what the other side raised."""

    id: int | None
    result: Any = None
    error: CallCenterError | None = None


def read_answer(line: bytes) -> Reply | MediaEvent:
    """Read what the media process sent; raises MediaError for what it would not send."""
    value = _read_object(line)
    try:
        if "event" in value:
            return MediaEvent(MediaEventKind(value["event"]), value["leg_id"])
        if "error" in value:
            return Reply(value["id"], error=_raised(value["error"]))
        return Reply(value["id"], result=value["result"])
    except (KeyError, TypeError, ValueError):
        raise MediaError("the media process sent something else than an answer") from None


def _raised(error: Mapping[str, str]) -> CallCenterError:
    return _ERRORS.get(error["type"], MediaError)(error["message"])


def read_statistics(value: Mapping[str, Any]) -> LegStatistics:
    """The counters of a leg from a result; fields that a newer process added are left out."""
    own = _own_fields(LegStatistics, value)
    return LegStatistics(**{**own, "remote": _optional_remote(own.get("remote"))})


def read_totals(value: Mapping[str, Any]) -> EngineTotals:
    """The figures of an engine from a result; fields that a newer process added are left out."""
    return EngineTotals(**_own_fields(EngineTotals, value))


def _own_fields(kind: type[LegStatistics] | type[EngineTotals], value: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: content for name, content in value.items() if name in names}
