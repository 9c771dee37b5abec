"""What a setting's value may be: each kind reads a value, refuses a wrong one, and says what is allowed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Protocol


class Kind(Protocol):
    """One kind of value."""

    @property
    def allowed(self) -> str:
        """What is allowed, as it completes the sentence "must be ..."."""

    @property
    def verbatim(self) -> bool:
        """Whether an environment variable's text is the value itself, as it stands."""

    def read(self, value: object) -> Any:
        """The value in its own type; raises ValueError when it is not allowed."""

    def show(self, value: Any) -> object:
        """The value as a settings file would have it; a secret in it is masked."""


class Plain:
    """What most kinds share: the value is shown as it is."""

    verbatim = False

    def show(self, value: Any) -> object:
        return value


@dataclass(frozen=True)
class Text(Plain):
    """Text that matches `pattern` as a whole (the pattern must be linear)."""

    allowed: str
    pattern: str = r"[^\x00-\x1f\x7f]*"
    longest: int = 1024
    verbatim = True

    def read(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > self.longest or not re.fullmatch(self.pattern, value):
            raise ValueError
        return value


@dataclass(frozen=True)
class Address(Plain):
    """An address of this machine, in numbers."""

    allowed = "an IPv4 address"
    verbatim = True

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError
        return str(IPv4Address(value))


@dataclass(frozen=True)
class Whole(Plain):
    """A whole number in a range, both ends allowed."""

    low: int
    high: int

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def read(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise ValueError
        return value


@dataclass(frozen=True)
class Number(Plain):
    """A number in a range, fractions and both ends allowed."""

    low: float
    high: float

    @property
    def allowed(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"

    def read(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise ValueError
        if not self.low <= value <= self.high:
            raise ValueError
        return float(value)

    def show(self, value: Any) -> object:
        return int(value) if value == int(value) else value


@dataclass(frozen=True)
class Switch(Plain):
    """On or off."""

    allowed = "true or false"

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value


@dataclass(frozen=True)
class Choice(Plain):
    """One of some words."""

    words: tuple[str, ...]
    verbatim = True

    @property
    def allowed(self) -> str:
        return f"one of {', '.join(self.words)}"

    def read(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise ValueError
        return value


@dataclass(frozen=True)
class OneOf(Plain):
    """One of some whole numbers."""

    numbers: tuple[int, ...]

    @property
    def allowed(self) -> str:
        return f"one of {', '.join(map(str, self.numbers))}"

    def read(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value not in self.numbers:
            raise ValueError
        return value


@dataclass(frozen=True)
class Choices(Plain):
    """A list of one or more of some words, in an order that counts, none twice."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return f"a list of one or more of {', '.join(self.words)}, none twice"

    def read(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise ValueError
        if any(word not in self.words for word in value) or len(set(value)) != len(value):
            raise ValueError
        return tuple(value)

    def show(self, value: Any) -> object:
        return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Words(Plain):
    """A list of texts, maybe empty, none twice; each is printable and not blank."""

    what: str
    longest: int = 64

    @property
    def allowed(self) -> str:
        return f"a list of {self.what}, none twice"

    def read(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(map(self._is_good, value)):
            raise ValueError
        if len(set(value)) != len(value):
            raise ValueError
        return tuple(value)

    def show(self, value: Any) -> object:
        return list(value) if isinstance(value, tuple) else value

    def _is_good(self, word: object) -> bool:
        return (
            isinstance(word, str) and bool(word.strip()) and word.isprintable() and len(word) <= self.longest
        )


_UNITS = {"kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


@dataclass(frozen=True)
class Size(Plain):
    """An amount of bytes, written with its unit."""

    allowed = 'a size such as "500 kB", "100 MB" or "2 GB"'
    verbatim = True

    def read(self, value: object) -> int:
        match = re.fullmatch(r"([0-9]{1,6}) ?(kB|MB|GB)", value) if isinstance(value, str) else None
        if match is None or int(match[1]) == 0:
            raise ValueError
        return int(match[1]) * _UNITS[match[2]]

    def show(self, value: Any) -> object:
        unit = next(name for name in ("GB", "MB", "kB") if value % _UNITS[name] == 0)
        return f"{value // _UNITS[unit]} {unit}"


@dataclass(frozen=True)
class DatabaseUrl(Plain):
    """Where the database is; a password in it is never shown."""

    allowed = "sqlite:FILE, sqlite:///FILE or postgresql://[USER[:PASSWORD]@]HOST[:PORT]/NAME"
    verbatim = True

    def read(self, value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(
            r"sqlite:[^\x00-\x1f]+|postgresql://[^\x00-\x20]+", value
        ):
            raise ValueError
        return value

    def show(self, value: Any) -> object:
        return mask_password(str(value))


def mask_password(url: str) -> str:
    """The URL with its password, in the authority or as a parameter, replaced by three stars."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if separator and "@" in authority:
        user, _, host = authority.rpartition("@")
        name, colon, _ = user.partition(":")
        url = f"{scheme}://{name}{':***' if colon else ''}@{host}{slash}{path}"
    return re.sub(r"(?i)([?&](?:ssl)?password=)[^&]*", r"\1***", url)
