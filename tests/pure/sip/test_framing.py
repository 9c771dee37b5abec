"""A stream cut into messages: whatever pieces it comes in, the same messages come out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadMessage
from callengine.sip.framing import PING, Framer
from callengine.sip.grammar import MAX_MESSAGE_BYTES
from callengine.sip.message import Request

HEAD = (
    b"OPTIONS sip:x@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n"
    b"From: <sip:a@x>;tag=1\r\nTo: <sip:x@x>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"
)


def message(body: bytes = b"", length: str = "Content-Length", line_end: bytes = b"\r\n") -> bytes:
    """A request with this body."""
    head = HEAD + f"{length}: {len(body)}\r\n\r\n".encode()
    return head.replace(b"\r\n", line_end) + body


def cut(*pieces: bytes) -> list[bytes]:
    """All that comes out of one connection."""
    framer = Framer()
    return [found for piece in pieces for found in framer.feed(piece)]


STREAM = [
    message(),
    message(b"v=0\r\n\r\nmore"),
    PING,
    message(b"x" * 300, "l"),
    message(b"\r\n\r\n", "CONTENT-LENGTH "),
    PING,
    PING,
    message(b"abc", line_end=b"\n"),
    HEAD + b"Content-Length:\r\n 3\r\n\r\nxyz",
]


def test_several_messages_in_one_segment() -> None:
    assert cut(b"".join(STREAM)) == STREAM


def test_one_message_byte_by_byte() -> None:
    stream = b"".join(STREAM)
    assert cut(*(stream[place : place + 1] for place in range(len(stream)))) == STREAM


@given(st.lists(st.integers(0, sum(map(len, STREAM))), max_size=12))
def test_any_pieces_give_the_same_messages(cuts: list[int]) -> None:
    stream = b"".join(STREAM)
    places = [0, *sorted(cuts), len(stream)]
    assert cut(*(stream[start:end] for start, end in pairwise(places))) == STREAM


def test_a_single_line_end_is_no_ping() -> None:
    assert cut(b"\r\n" + message()) == [message()]
    assert cut(b"\r\n", b"\r\n") == [PING]
    assert cut(b"\r\n" + message() + b"\r\n" + message()) == [message(), message()]


def test_what_is_begun() -> None:
    framer = Framer()
    assert list(framer.feed(b"\r\n")) == []
    begun = [framer.is_begun]
    for piece in (message(b"abc")[:-1], b"c"):
        list(framer.feed(piece))
        begun.append(framer.is_begun)
    assert begun == [False, True, False]


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (HEAD + b"\r\n", "no Content-Length"),
        (HEAD + b"Content-Length: 1\r\nl: 2\r\n\r\n", "several Content-Lengths"),
        (HEAD + b"Content-Length: -1\r\n\r\n", "Content-Length"),
        (HEAD + b"Content-Length: ten\r\n\r\n", "Content-Length"),
        (HEAD + b"Content-Length: 65535\r\n\r\n", "too large"),
    ],
)
def test_what_cannot_be_cut_can_be_answered(stream: bytes, reason: str) -> None:
    with pytest.raises(BadMessage, match=reason) as caught:
        cut(stream)
    assert isinstance(caught.value.request, Request)


def test_garbage_without_an_end_is_bounded() -> None:
    with pytest.raises(BadMessage, match="head of a message is too large") as caught:
        cut(b"x" * (MAX_MESSAGE_BYTES + 1))
    assert caught.value.request is None


def test_messages_before_the_bad_one_are_not_lost() -> None:
    coming = Framer().feed(message() + HEAD + b"\r\n")
    assert next(coming) == message()
    with pytest.raises(BadMessage):
        next(coming)
