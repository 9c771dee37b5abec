"""Session descriptions (RFC 8866): read from their lines, of which every one is kept in its place."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from callengine.errors import BadSdp

MAX_BYTES = 65535
MAX_LINES = 2048
MAX_MEDIA = 64

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
"""The four direction attributes (RFC 8866 6.7)."""

Line = tuple[str, str]
"""The letter before the "=", and what stands behind it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """`o=`: who made the session, and which version of it this is."""

    username: str
    """"-" if there is none."""
    session_id: int
    """The same as long as the session lasts."""
    version: int
    """One more with every change (RFC 3264 8)."""
    host: str
    """Where it was made; not where media goes."""
    address_type: str = "IP4"
    """IP4 or IP6."""

    @classmethod
    def parse(cls, text: str) -> "Origin":
        """Raises BadSdp."""
        words = text.split()
        if len(words) != 6 or words[3] != "IN":
            raise BadSdp("the origin is malformed")
        session_id, version = _number(words[1], 2**64 - 1), _number(words[2], 2**64 - 1)
        return cls(words[0], session_id, version, host=words[5], address_type=words[4])

    def __str__(self) -> str:
        return f"{self.username} {self.session_id} {self.version} IN {self.address_type} {self.host}"


@dataclass(frozen=True, slots=True)
class Connection:
    """`c=`: where media is to be sent."""

    host: str
    """An address, without the TTL and count that multicast adds."""
    address_type: str = "IP4"
    """IP4 or IP6."""

    @classmethod
    def parse(cls, text: str) -> "Connection":
        """Raises BadSdp."""
        words = text.split()
        if len(words) != 3 or words[0] != "IN" or words[1] not in ("IP4", "IP6"):
            raise BadSdp("the connection is malformed")
        return cls(words[2].partition("/")[0], words[1])

    @classmethod
    def to(cls, host: str) -> "Connection":
        """To an address of either family."""
        return cls(host, "IP6" if ":" in host else "IP4")

    def __str__(self) -> str:
        return f"IN {self.address_type} {self.host}"


@dataclass(frozen=True, slots=True)
class Media:
    """One `m=` line and the lines that belong to it."""

    kind: str
    """audio, video, application, ..."""
    port: int
    """Where the sender of this wants to receive; 0 refuses the stream (RFC 3264 6)."""
    protocol: str
    """RTP/AVP, RTP/SAVP, ..."""
    formats: tuple[str, ...]
    """Payload types, first choice first."""
    lines: tuple[Line, ...] = ()
    """All lines behind `m=`, in order."""
    port_count: int | None = None
    """What stands behind a slash after the port; None when not written."""

    @classmethod
    def parse(cls, text: str, lines: tuple[Line, ...] = ()) -> "Media":
        """`audio 4000 RTP/AVP 0 8` and what follows it. Raises BadSdp."""
        words = text.split()
        if len(words) < 4:
            raise BadSdp("a media line is malformed")
        number, slash, count = words[1].partition("/")
        port_count = _number(count, 65535) if slash else None
        return cls(words[0], _number(number, 65535), words[2], tuple(words[3:]), lines, port_count)

    @property
    def connection(self) -> Connection | None:
        """The stream's own `c=`. Raises BadSdp."""
        return _connection(self.lines)

    @property
    def attributes(self) -> tuple[tuple[str, str | None], ...]:
        """All `a=` lines in order: name and value, None for a flag."""
        return _attributes(self.lines)

    def attribute(self, name: str) -> str | None:
        """The first attribute of that name: its value, "" for a flag, None if there is none."""
        return _attribute(self.lines, name)

    @property
    def direction(self) -> str | None:
        """The stream's own direction attribute."""
        return _direction(self.lines)

    def _all_lines(self) -> Iterator[str]:
        count = "" if self.port_count is None else f"/{self.port_count}"
        yield f"m={self.kind} {self.port}{count} {self.protocol} {' '.join(self.formats)}"
        for letter, value in self.lines:
            yield f"{letter}={value}"


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description: the session's own lines, then its media."""

    lines: tuple[Line, ...]
    """All lines before the first `m=`, in order."""
    media: tuple[Media, ...] = ()
    """The streams in order: an answer has one for each of the offer's (RFC 3264 6)."""

    @classmethod
    def parse(cls, body: bytes) -> "SessionDescription":
        """A message body. Lines end with CRLF or LF. Raises BadSdp."""
        if len(body) > MAX_BYTES:
            raise BadSdp("the description is too large")
        texts = body.decode("utf-8", "surrogateescape").rstrip("\r\n").split("\n")
        if len(texts) > MAX_LINES:
            raise BadSdp("the description has too many lines")
        lines = [_split_line(text.removesuffix("\r")) for text in texts]
        if lines[0] != ("v", "0"):
            raise BadSdp("the description does not start with v=0")
        starts = [index for index, (letter, _) in enumerate(lines) if letter == "m"]
        if len(starts) > MAX_MEDIA:
            raise BadSdp("the description has too many streams")
        ends = [*starts[1:], len(lines)]
        media = [Media.parse(lines[a][1], tuple(lines[a + 1 : b])) for a, b in zip(starts, ends)]
        return cls(tuple(lines[: starts[0] if starts else None]), tuple(media))

    def with_port(self, port: int) -> "SessionDescription":
        """The same, each stream that is not refused received at `port`."""
        media = tuple(replace(stream, port=port) if stream.port else stream for stream in self.media)
        return replace(self, media=media)

    @property
    def origin(self) -> Origin:
        """Raises BadSdp, also when there is none."""
        value = _first(self.lines, "o")
        if value is None:
            raise BadSdp("the description has no origin")
        return Origin.parse(value)

    def connection_of(self, media: Media) -> Connection:
        """Where this stream is to be sent: its own `c=` or the session's. Raises BadSdp."""
        connection = media.connection or _connection(self.lines)
        if connection is None:
            raise BadSdp("a stream has no connection")
        return connection

    def direction_of(self, media: Media) -> str:
        """The stream's own direction, or the session's, or sendrecv (RFC 8866 6.7)."""
        return media.direction or _direction(self.lines) or "sendrecv"

    def values(self, letter: str) -> list[str]:
        """The session's own lines of that letter."""
        return [value for key, value in self.lines if key == letter]

    def serialise(self) -> bytes:
        """The message body: every line as it was read, ended by CRLF."""
        texts = [f"{letter}={value}" for letter, value in self.lines]
        for media in self.media:
            texts.extend(media._all_lines())
        return "".join([text + "\r\n" for text in texts]).encode("utf-8", "surrogateescape")

    __bytes__ = serialise


def _split_line(text: str) -> Line:
    if text[1:2] != "=" or not text[0].isalpha() or "\r" in text or "\0" in text:
        raise BadSdp("a line is malformed")
    return text[0], text[2:]


def _number(text: str, maximum: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > maximum:
        raise BadSdp("a number is malformed")
    return int(text)


def _first(lines: tuple[Line, ...], letter: str) -> str | None:
    return next((value for key, value in lines if key == letter), None)


def _connection(lines: tuple[Line, ...]) -> Connection | None:
    value = _first(lines, "c")
    return None if value is None else Connection.parse(value)


def _attributes(lines: tuple[Line, ...]) -> tuple[tuple[str, str | None], ...]:
    parted = [value.partition(":") for letter, value in lines if letter == "a"]
    return tuple([(name, value if colon else None) for name, colon, value in parted])


def _attribute(lines: tuple[Line, ...], name: str) -> str | None:
    return next((value or "" for key, value in _attributes(lines) if key == name), None)


def _direction(lines: tuple[Line, ...]) -> str | None:
    return next((name for name, _ in _attributes(lines) if name in DIRECTIONS), None)
