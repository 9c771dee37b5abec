"""The header lines of a message: ordered, and found by name whatever its case or compact form."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from callengine.sip.grammar import COMPACT_FORMS

T = TypeVar("T")

_WRITTEN_SO = (  # noqa: SIM905 - as a list literal it would take fifty lines
    "Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authorization Call-ID Call-Info "
    "Contact Content-Disposition Content-Encoding Content-Length Content-Type CSeq Date Event Expires From "
    "Max-Forwards Min-Expires Min-SE Organization P-Asserted-Identity Privacy Proxy-Authenticate "
    "Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-To Referred-By Replaces Require "
    "Retry-After Route RSeq Server Session-Expires Subject Subscription-State Supported Timestamp To "
    "Unsupported User-Agent Via Warning WWW-Authenticate"
).split()

KNOWN_KEYS: dict[str, str] = {
    **{name: name.lower() for name in _WRITTEN_SO},
    **{name.lower(): name.lower() for name in _WRITTEN_SO},
    **COMPACT_FORMS,
    **{letter.upper(): name for letter, name in COMPACT_FORMS.items()},
}
"""The usual spellings of the usual names, and the key of each: saves lower-casing."""


def header_key(name: str) -> str:
    """What the header is found by: its full name in lower case."""
    key = KNOWN_KEYS.get(name)
    if key is not None:
        return key
    lower = name.lower()
    return COMPACT_FORMS.get(lower, lower)


class Headers:
    """An ordered multimap of header lines; a name is kept as it was written.

    A comma-separated list counts as one value, as it stood in its line. Values are text in which bytes that
    are not UTF-8 are kept as surrogates (PEP 383). Setting a value with a line break raises ValueError, so
    that nothing can add a header line by way of another.
    """

    __slots__ = ("_index", "_lines", "_typed")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._lines: list[tuple[str, str, str]] = [_line(name, value) for name, value in items]
        self._forget()

    @classmethod
    def from_lines(cls, lines: list[tuple[str, str, str]]) -> "Headers":
        """Takes over a list of (key, name as written, value), already checked: the parser's way in."""
        headers = cls.__new__(cls)
        headers._lines = lines
        headers._forget()
        return headers

    def _forget(self) -> None:
        """Drops what was derived from the lines, because they change."""
        self._index: dict[str, list[str]] | None = None
        self._typed: dict[str, Any] = {}

    def _values(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = self._index = {}
            for key, _, value in self._lines:
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
        return index

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of that name."""
        values = self._values().get(header_key(name))
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        """All values of that name in order, one for each line."""
        return list(self._values().get(header_key(name), ()))

    def add(self, name: str, value: str) -> None:
        """Puts a line behind all others."""
        self._lines.append(_line(name, value))
        self._forget()

    def insert_first(self, name: str, value: str) -> None:
        """Puts a line before all others: where a new Via or Route belongs."""
        self._lines.insert(0, _line(name, value))
        self._forget()

    def set(self, name: str, value: str) -> None:
        """Makes this the only value of that name: in the place of the first, else behind all others."""
        line = _line(name, value)
        place = next((index for index, old in enumerate(self._lines) if old[0] == line[0]), len(self._lines))
        kept = [old for old in self._lines[place:] if old[0] != line[0]]
        self._lines[place:] = [line, *kept]
        self._forget()

    def replace_first(self, name: str, value: str) -> None:
        """Changes the first line of that name and leaves the others; puts one before all if there is none."""
        line = _line(name, value)
        place = next((index for index, old in enumerate(self._lines) if old[0] == line[0]), None)
        if place is None:
            self._lines.insert(0, line)
        else:
            self._lines[place] = (line[0], self._lines[place][1], value)
        self._forget()

    def remove(self, name: str) -> None:
        """Drops all values of that name, if there are any."""
        key = header_key(name)
        self._lines = [line for line in self._lines if line[0] != key]
        self._forget()

    def items(self) -> list[tuple[str, str]]:
        """All lines in order: the name as written, and the value."""
        return [(name, value) for _, name, value in self._lines]

    def copy(self) -> "Headers":
        """The same lines, to be changed apart from these."""
        return Headers.from_lines(list(self._lines))

    def typed(self, name: str, read: Callable[["Headers"], T]) -> T:
        """What `read` makes of these headers, kept under `name` until a line changes."""
        if name in self._typed:
            value: T = self._typed[name]
            return value
        value = self._typed[name] = read(self)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and header_key(name) in self._values()

    def __len__(self) -> int:
        return len(self._lines)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return [(line[0], line[2]) for line in self._lines] == [(line[0], line[2]) for line in other._lines]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self.items()!r})"


def _line(name: str, value: str) -> tuple[str, str, str]:
    if "\n" in value or "\r" in value or "\n" in name or "\r" in name:
        raise ValueError(f"line break in header {name!r}")
    return header_key(name), name, value
