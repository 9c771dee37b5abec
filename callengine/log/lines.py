"""One line of the log: what it holds, and how it looks as text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)} | {9: "\t", 10: "\\n", 13: "\\r"}


@dataclass(frozen=True)
class Line:
    """What is known of one line; `detail` is a stack or traceback, of several lines of its own."""

    time: datetime
    level: str
    module: str
    """Module and line number, `name:45`."""
    greenlet: str
    message: str
    call: str = ""
    detail: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


Render = Callable[[Line], str]


def as_text(line: Line) -> str:
    """For people; control characters are escaped, so that nobody outside can forge a line."""
    stamp = f"{line.time:%Y-%m-%d %H:%M:%S}.{line.time.microsecond // 1000:03d}"
    message = line.message.translate(_CONTROL)
    text = f"{stamp} {line.level:<7} {line.module} [{line.greenlet}] {line.call or '-'} {message}\n"
    return text + line.detail


def as_json(line: Line) -> str:
    """For machines: a document a line, with the time in UTC; what is empty is left out."""
    document = {
        "time": line.time.astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": line.level,
        "module": line.module,
        "greenlet": line.greenlet,
        "call": line.call,
        "message": line.message,
        "detail": line.detail,
    }
    return json.dumps({**line.extra, **{k: v for k, v in document.items() if v}}, default=str) + "\n"
