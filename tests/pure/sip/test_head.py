"""The head of a message: line ends, folding, limits, and what cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadMessage
from callengine.sip.head import is_keepalive, split_head


def items(data: bytes) -> list[tuple[str, str]]:
    return split_head(data).headers.items()


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\r\n", b"\x00", b"\x00\r\n\x00\x00"])
def test_keepalives(data: bytes) -> None:
    assert is_keepalive(data)


def test_what_is_no_keepalive() -> None:
    assert not is_keepalive(b"\r\nx")


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"S\r\nA: 1\r\nB: 2\r\n\r\nbody\r\n\r\n", b"body\r\n\r\n"),
        (b"S\nA: 1\nB: 2\n\nbody\r\n\r\n", b"body\r\n\r\n"),
        (b"S\r\nA: 1\nB: 2\n\r\nbody\n\n", b"body\n\n"),
        (b"\r\n\n\r\nS\r\nA: 1\r\nB: 2\r\n\r\nbody", b"body"),
        (b"S\r\nA: 1\r\nB: 2\r\n\r\n", b""),
        (b"S\r\nA: 1\r\nB: 2\r\n", b""),
        (b"S\nA: 1\nB: 2", b""),
        (b"S\r\nA:1\r\nB\t :  2 \t\r\n\r\n", b""),
        (b"S\r\nA:\r\n 1\r\nB: \r\n\t2\r\n\r\n", b""),
    ],
)
def test_lines_end_with_crlf_or_lf(data: bytes, body: bytes) -> None:
    head = split_head(data)
    assert head.start_line == "S"
    assert [(name, value.strip()) for name, value in head.headers.items()] == [("A", "1"), ("B", "2")]
    assert data[head.body_start :] == body
    assert head.fault is None


def test_a_folded_line_is_joined_by_one_blank() -> None:
    assert items(b"S\r\nA: one\r\n  \t two\r\n three\r\nB: x\r\n\r\n") == [("A", "one two three"), ("B", "x")]
    assert items(b"S\nA : one\n two\n\n") == [("A", "one two")]


def test_a_fold_right_behind_the_start_line_is_a_line_of_its_own() -> None:
    assert items(b"S\r\n A: one\r\n\r\n") == [("A", "one")]
    assert split_head(b"S\r\n A\r\n B\r\n\r\n").fault == "a header line is malformed"


@pytest.mark.parametrize("line", [b"nothing", b": value", b"a b: c", b"\xc3\xa9: x", b"Via", b"a\tb: c"])
def test_a_line_that_cannot_be_read_is_a_fault_beside_the_others(line: bytes) -> None:
    head = split_head(b"S\r\nA: 1\r\n" + line + b"\r\nB: 2\r\n\r\n")
    assert head.fault == "a header line is malformed"
    assert [name for name, _ in head.headers.items()] == ["A", "B"]


def test_control_characters_are_a_fault() -> None:
    for octet in [*range(9), 11, 12, *range(14, 32), 127]:
        assert split_head(b"S\r\nA: x" + bytes([octet]) + b"\r\n\r\n").fault is not None
    assert split_head(b"S\r\nA: x\ty\r\n\r\n\x00").fault is None


def test_limits() -> None:
    assert split_head(b"S\r\nA: " + b"x" * 8189 + b"\r\n\r\n").fault is None
    assert split_head(b"S\r\nA: " + b"x" * 8190 + b"\r\n\r\n").fault == "a header line is too long"
    assert split_head(b"S\r\nA: x\r\n" + b" y\r\n" * 100 + b"\r\n").fault is None
    with pytest.raises(BadMessage, match="too many"):
        split_head(b"S\r\n" + b"A: x\r\n" * 256 + b"\r\n")


@pytest.mark.parametrize(
    "data", [b"S\r\nA: x\ry\r\n\r\n", b"S\nA: x\r\r\nB: y\n\n", b"S\rA: x\r\n\r\n", b"S\nA: x\ry\n\n"]
)
def test_a_lone_cr_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage, match="CR"):
        split_head(data)


@given(st.lists(st.sampled_from([b"S", b"\r", b"\n", b"\r\n", b" ", b"\t", b"A", b":", b"\x00", b"\xff"])))
def test_no_mixture_of_line_ends_breaks_it(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    try:
        head = split_head(data)
    except BadMessage:
        return
    assert 0 <= head.body_start <= len(data)
    assert all("\r" not in value and "\n" not in value for _, value in head.headers.items())


def test_bytes_that_are_not_utf_8_come_back() -> None:
    raw = bytes(range(0x80, 0x100))
    value = items(b"S\r\nA: " + raw + b"\r\n\r\n")[0][1]
    assert value.encode("utf-8", "surrogateescape") == raw


def test_blanks_of_other_alphabets_are_kept() -> None:
    assert items("S\r\nA: \u00a0x\u2003\r\n\r\n".encode()) == [("A", "\u00a0x\u2003")]
