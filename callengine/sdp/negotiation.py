"""Offer and answer for one G.711 audio stream with telephone-event (RFC 3264, RFC 3551, RFC 4733)."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from callengine.errors import NotAcceptable
from callengine.sdp.session import Connection, Line, Media, Origin, SessionDescription

PROTOCOL = "RTP/AVP"
PTIME = 20
"""Milliseconds of audio in each packet that we make."""

TELEPHONE_EVENT = "telephone-event"
_EVENTS = "0-15"  # the sixteen keys (RFC 4733 3.2)

_SENDING = ("sendrecv", "sendonly")
_RECEIVING = ("sendrecv", "recvonly")


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoding as `a=rtpmap` names it."""

    name: str
    """In capitals."""
    clock_rate: int
    """Hz."""


PCMU = Codec("PCMU", 8000)
PCMA = Codec("PCMA", 8000)

STATIC_TYPES = {0: PCMU, 8: PCMA}
"""Payload types that need no rtpmap (RFC 3551 6)."""

_TYPE_OF = {codec.name: number for number, codec in STATIC_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both ends of a leg have agreed on, from our side of it."""

    host: str
    """Their address, to which we send."""
    port: int
    """Their port."""
    codec: str
    """"PCMU" or "PCMA"."""
    payload_type: int
    """What they want to receive: we send with it."""
    receive_payload_type: int
    """What we asked for: they send with it."""
    telephone_event: int | None
    """The payload type of key presses that they want to receive; None if they take none."""
    receive_telephone_event: int | None
    """That of key presses which they send; None if they send none."""
    direction: str
    """Ours: sendrecv, sendonly, recvonly or inactive."""
    ptime: int
    """Milliseconds of audio in each packet that they wish for."""


def make_offer(
    *,
    host: str,
    port: int,
    codecs: Sequence[str],
    session_id: int,
    version: int,
    telephone_event: int | None = 101,
    direction: str = "sendrecv",
) -> SessionDescription:
    """An offer of one audio stream that we receive at `host` and `port`, first choice of `codecs` first.

    `telephone_event` is the payload type for key presses, None for none.
    """
    types = [(_TYPE_OF[name], name) for name in codecs]
    audio = _our_audio(port, types, telephone_event, direction)
    return _our_session(host, session_id, version, ["0 0"], [audio])


def make_answer(
    offer: SessionDescription,
    *,
    host: str,
    port: int,
    codecs: Sequence[str],
    session_id: int,
    version: int,
) -> tuple[SessionDescription, Agreement]:
    """The answer to an offer and what it settles: the offerer's first codec that is among `codecs`.

    One audio stream is taken and every other refused. Raises NotAcceptable if there is none to take, and
    BadSdp if what it needs cannot be read.
    """
    audio, codec, number = _choose(offer, codecs)
    event = _find_event(audio)
    direction = _our_direction(offer, audio)
    agreement = _agree(offer, audio, codec, (number, number), (event, event), direction)
    ours = _our_audio(port, [(number, codec.name)], event, direction)
    media = [ours if theirs is audio else _refusal(theirs) for theirs in offer.media]
    return _our_session(host, session_id, version, offer.values("t") or ["0 0"], media), agreement


def read_answer(offer: SessionDescription, answer: SessionDescription) -> Agreement:
    """What the answer to an offer of ours settles.

    Raises NotAcceptable if it takes no audio stream or no codec that we offered, and BadSdp if what is
    needed cannot be read.
    """
    ours = next(media for media in offer.media if media.kind == "audio")
    offered = {codec: number for number, codec in reversed(_codecs(ours))}
    audio, codec, number = _choose(answer, [codec.name for codec in offered])
    event = _find_event(audio)
    our_event = _find_event(ours)
    events = (None, None) if event is None or our_event is None else (event, our_event)
    direction = _narrow(_our_direction(answer, audio), offer.direction_of(ours))
    return _agree(answer, audio, codec, (number, offered[codec]), events, direction)


def _agree(
    theirs: SessionDescription,
    audio: Media,
    codec: Codec,
    types: tuple[int, int],
    events: tuple[int | None, int | None],
    direction: str,
) -> Agreement:
    """`types` and `events` are payload types: to send with, and to receive."""
    return Agreement(
        host=_host(theirs, audio),
        port=audio.port,
        codec=codec.name,
        payload_type=types[0],
        receive_payload_type=types[1],
        telephone_event=events[0],
        receive_telephone_event=events[1],
        direction=direction,
        ptime=_ptime(audio),
    )


def _choose(theirs: SessionDescription, codecs: Sequence[str]) -> tuple[Media, Codec, int]:
    """Their first audio stream with a codec among `codecs`, that codec and their payload type for it."""
    streams = [media for media in theirs.media if media.kind == "audio" and media.port]
    if not streams:
        raise NotAcceptable("no audio stream")
    for media in streams:
        if media.protocol.upper() != PROTOCOL:
            continue
        for number, codec in _codecs(media):
            if codec.name in codecs and codec in STATIC_TYPES.values():
                return media, codec, number
    raise NotAcceptable("no audio stream with a codec and protocol that we have")


def _codecs(media: Media) -> list[tuple[int, Codec]]:
    """Payload types and encodings in the order of preference; what cannot be read is passed over."""
    mapped = _mapped(media)
    found = [(number, mapped.get(number) or STATIC_TYPES.get(number)) for number in _payload_types(media)]
    return [(number, codec) for number, codec in found if codec is not None]


def _payload_types(media: Media) -> list[int]:
    short = [word for word in media.formats if word.isascii() and word.isdigit() and len(word) <= 3]
    return [number for number in map(int, short) if number <= 127]


def _mapped(media: Media) -> dict[int, Codec]:
    """What the stream's `a=rtpmap` lines say; one channel only."""
    codecs: dict[int, Codec] = {}
    for name, value in media.attributes:
        if name != "rtpmap":
            continue
        words = (value or "").split()
        encoding = words[1].split("/") if len(words) == 2 else []
        if (
            2 <= len(encoding) <= 3
            and encoding[2:] in ([], ["1"])
            and _is_short_number(words[0], encoding[1])
        ):
            codecs[int(words[0])] = Codec(encoding[0].upper(), int(encoding[1]))
    return codecs


def _is_short_number(*words: str) -> bool:
    return all(word.isascii() and word.isdigit() and len(word) <= 9 for word in words)


def _find_event(media: Media) -> int | None:
    """Their payload type for key presses at our clock rate."""
    wanted = Codec(TELEPHONE_EVENT.upper(), PCMU.clock_rate)
    return next((number for number, codec in _codecs(media) if codec == wanted), None)


def _host(theirs: SessionDescription, audio: Media) -> str:
    """The address to send to: a literal IPv4 one, since nothing here can ask the DNS or send over IPv6."""
    host = theirs.connection_of(audio).host
    try:
        address = ip_address(host)
    except ValueError:
        raise NotAcceptable("the connection is not an IP address") from None
    if address.version != 4:
        raise NotAcceptable("the connection is not an IPv4 address")
    if address.is_multicast:
        raise NotAcceptable("the connection is a multicast address")
    return host


def _our_direction(theirs: SessionDescription, audio: Media) -> str:
    """Their direction seen from our side; sending to 0.0.0.0 is off (RFC 3264 8.4)."""
    direction = theirs.direction_of(audio)
    nowhere = theirs.connection_of(audio).host in ("0.0.0.0", "::")
    return _direction(sends=direction in _RECEIVING and not nowhere, receives=direction in _SENDING)


def _narrow(direction: str, limit: str) -> str:
    """What both directions, of the same side, allow."""
    return _direction(
        sends=direction in _SENDING and limit in _SENDING,
        receives=direction in _RECEIVING and limit in _RECEIVING,
    )


def _direction(*, sends: bool, receives: bool) -> str:
    if sends:
        return "sendrecv" if receives else "sendonly"
    return "recvonly" if receives else "inactive"


def _ptime(media: Media) -> int:
    """The packet length they wish for if it is a possible one, else the usual."""
    text = media.attribute("ptime") or ""
    number = int(text) if _is_short_number(text) else 0
    return number if 10 <= number <= 200 else PTIME


def _our_audio(
    port: int, types: Sequence[tuple[int, str]], telephone_event: int | None, direction: str
) -> Media:
    """`types` are payload types and codec names, first choice first."""
    attributes = [f"rtpmap:{number} {name}/8000" for number, name in types]
    formats = [str(number) for number, _ in types]
    if telephone_event is not None:
        formats.append(str(telephone_event))
        attributes.append(f"rtpmap:{telephone_event} {TELEPHONE_EVENT}/8000")
        attributes.append(f"fmtp:{telephone_event} {_EVENTS}")
    attributes += [f"ptime:{PTIME}", direction]
    return Media("audio", port, PROTOCOL, tuple(formats), tuple([("a", text) for text in attributes]))


def _our_session(
    host: str, session_id: int, version: int, times: Sequence[str], media: Sequence[Media]
) -> SessionDescription:
    connection = Connection.to(host)
    origin = Origin("-", session_id, version, host, connection.address_type)
    lines: list[Line] = [("v", "0"), ("o", str(origin)), ("s", "-"), ("c", str(connection))]
    lines += [("t", text) for text in times]  # RFC 3264 6: in an answer the offer's own
    return SessionDescription(tuple(lines), tuple(media))


def _refusal(theirs: Media) -> Media:
    """The `m=` line that refuses a stream (RFC 3264 6)."""
    return Media(theirs.kind, 0, theirs.protocol, theirs.formats)
