"""Tables and times as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)}


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their longest cell, two blanks apart; numbers to the right, None as "-"."""
    cells = [list(row) for row in rows]
    body = [[_text(cell) for cell in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
    right = [bool(column) and all(map(_is_number, column)) for column in _columns(cells, len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in (list(header), *body)
    )


def clock_time(seconds: float | None) -> str | None:
    """A time of the local clock, with its day unless that is today."""
    if seconds is None:
        return None
    time = datetime.fromtimestamp(seconds)
    is_today = time.date() == datetime.now().date()
    return time.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S")


def duration(seconds: float | None) -> str | None:
    """Seconds as 0:07, 12:30 or 1:02:03."""
    if seconds is None:
        return None
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _columns(cells: Sequence[Sequence[object]], count: int) -> list[list[object]]:
    return [[row[place] for row in cells if row[place] is not None] for place in range(count)]


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _text(cell: object) -> str:
    """What came from the network may hold control characters, which no terminal shall obey."""
    return "-" if cell is None or cell == "" else str(cell).translate(_CONTROL)
