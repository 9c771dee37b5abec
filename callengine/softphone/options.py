"""What a softphone is to do, and reading it from what a user typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from callengine.errors import CallCenterError
from callengine.media.codecs import g711
from callengine.softphone import dtmf
from callengine.softphone.sound import SILENCE, Sound

DEFAULT_SIP_PORT = 5060


@dataclass(frozen=True)
class Presses:
    """Digits that are sent one after another, from `at` seconds of the call on."""

    digits: str
    at: float


@dataclass(frozen=True, kw_only=True)
class PhoneOptions:
    """All that one phone does by itself; times are in seconds, None means never."""

    name: str
    """The user part of its address, and its name for digest authentication."""
    domain: str
    """The host part of its address."""
    server: tuple[str, int]
    """Host and port to which it registers and through which it calls."""
    password: str | None = None
    """None: it does not register."""
    port: int = 0
    """Its own SIP port, 0: any free one."""
    transport: str = "udp"
    """How SIP travels: "udp" or "tcp"."""
    codecs: tuple[str, ...] = g711.CODECS
    """What it offers and takes, best first."""
    answer_after: float = 0.0
    """How long it rings before it answers, or rejects."""
    reject: int | None = None
    """The status with which it refuses every call."""
    hang_up_after: float | None = None
    """How long it talks."""
    hold_after: float | None = None
    """When, in a call, it puts the far end on hold."""
    call: str | None = None
    """The URI that it calls, once."""
    sound: Sound = SILENCE
    """What it says into every call."""
    record: Path | None = None
    """Where it keeps what it hears in its first call; further calls get a number before the suffix."""
    dtmf: tuple[Presses, ...] = ()
    """What it presses in every call."""

    @property
    def address_of_record(self) -> str:
        """Its address, `sip:NAME@DOMAIN`."""
        return f"sip:{self.name}@{self.domain}"

    def recording_path(self, number: int) -> Path | None:
        """The file for its `number`-th call, from 1."""
        if self.record is None or number == 1:
            return self.record
        return self.record.with_name(f"{self.record.stem}-{number}{self.record.suffix}")


def read_server(text: str) -> tuple[str, int]:
    """`HOST` or `HOST:PORT`; raises CallCenterError for anything else."""
    host, _colon, port = text.rpartition(":") if ":" in text else (text, "", str(DEFAULT_SIP_PORT))
    if not host or ":" in host or not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise CallCenterError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def read_name(text: str, *, host: str) -> tuple[str, str]:
    """Name and domain of `NAME[@DOMAIN]`, the server's host when there is no domain."""
    name, _, domain = text.partition("@")
    if not name or any(not (character.isalnum() or character in "-_.+*#") for character in name):
        raise CallCenterError(f"{text!r} is not NAME[@DOMAIN]")
    return name, domain or host


def read_codecs(text: str) -> tuple[str, ...]:
    """Codec names with commas between them, in either case; raises CallCenterError for one that we lack."""
    names = tuple(name.strip().upper() for name in text.split(","))
    for name in names:
        g711.check(name)
    return tuple(dict.fromkeys(names))


def read_presses(text: str) -> Presses:
    """`DIGITS@SECONDS`; raises CallCenterError for anything else."""
    digits, _, seconds = text.partition("@")
    if not digits or any(digit not in dtmf.DIGITS for digit in digits.upper()):
        raise CallCenterError(f"{text!r} is not DIGITS@SECONDS with digits out of {dtmf.DIGITS}")
    try:
        at = float(seconds)
    except ValueError:
        raise CallCenterError(f"{text!r} is not DIGITS@SECONDS") from None
    if not 0 <= at < 86400:
        raise CallCenterError(f"{text!r}: the digits are due within a day")
    return Presses(digits.upper(), at)
