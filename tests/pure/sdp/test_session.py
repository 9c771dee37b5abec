"""Session descriptions: the vectors in tests/vectors/sdp, nothing lost, nothing quadratic."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadSdp
from callengine.sdp.session import Connection, Media, Origin, SessionDescription

VECTORS = Path(__file__).parents[2] / "vectors" / "sdp"
VALID = sorted((VECTORS / "valid").glob("*.sdp"))
INVALID = sorted((VECTORS / "invalid").glob("*.sdp"))

EXAMPLE = (
    b"v=0\r\no=alice 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\na=recvonly\r\nt=0 0\r\n"
    b"m=audio 4000/2 RTP/AVP 0 8\r\nb=AS:64\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\na=mid:\r\n"
    b"m=video 4002 RTP/AVP 31\r\nc=IN IP6 2001:db8::1\r\n"
)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_description_loses_nothing(path: Path) -> None:
    body = path.read_bytes()
    expected = json.loads(path.with_suffix(".json").read_text())
    description = SessionDescription.parse(body)
    assert SessionDescription.parse(bytes(description)) == description
    if expected.get("exact"):
        assert bytes(description) == body
    if "origin" in expected:
        origin = description.origin
        assert [origin.username, origin.session_id, origin.version, origin.host] == expected["origin"]


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_description_is_refused(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    with pytest.raises(BadSdp, match=expected["why"]):
        SessionDescription.parse(path.read_bytes())


def test_each_vector_has_its_expectation() -> None:
    assert len(VALID) > 20
    assert len(INVALID) > 10
    for path in [*VALID, *INVALID]:
        assert path.with_suffix(".json").exists()


def test_every_part_is_read() -> None:
    description = SessionDescription.parse(EXAMPLE)
    assert description.origin == Origin("alice", 1, 2, "192.0.2.1")
    audio, video = description.media
    assert (audio.kind, audio.port, audio.port_count, audio.protocol) == ("audio", 4000, 2, "RTP/AVP")
    assert audio.formats == ("0", "8")
    assert audio.attributes == (("rtpmap", "0 PCMU/8000"), ("sendonly", None), ("mid", ""))
    assert audio.attribute("rtpmap") == "0 PCMU/8000"
    assert audio.attribute("sendonly") == ""
    assert audio.attribute("none") is None
    assert audio.connection is None
    assert description.connection_of(audio) == Connection("192.0.2.1")
    assert description.connection_of(video) == Connection("2001:db8::1", "IP6")
    assert [description.direction_of(media) for media in description.media] == ["sendonly", "recvonly"]
    assert description.values("t") == ["0 0"]


def test_both_directions_is_what_is_meant_by_none() -> None:
    description = SessionDescription.parse(b"v=0\r\nm=audio 1 RTP/AVP 0\r\n")
    assert description.direction_of(description.media[0]) == "sendrecv"


def test_what_is_missing_is_missed_when_it_is_needed() -> None:
    description = SessionDescription.parse(b"v=0\r\nm=audio 1 RTP/AVP 0\r\n")
    with pytest.raises(BadSdp, match="origin"):
        _ = description.origin
    with pytest.raises(BadSdp, match="connection"):
        description.connection_of(description.media[0])


@pytest.mark.parametrize(
    "text", ["", "- 1 1 IN IP4", "- x 1 IN IP4 h", "- 1 18446744073709551616 IN IP4 h", "- 1 1 X IP4 h"]
)
def test_what_is_no_origin(text: str) -> None:
    with pytest.raises(BadSdp):
        Origin.parse(text)


@pytest.mark.parametrize("text", ["", "IN IP4", "IN IP5 192.0.2.1", "XX IP4 192.0.2.1", "IN IP4 a b"])
def test_what_is_no_connection(text: str) -> None:
    with pytest.raises(BadSdp):
        Connection.parse(text)


def test_the_ttl_of_a_connection_is_left_out() -> None:
    assert Connection.parse("IN IP4 224.2.1.1/127/3").host == "224.2.1.1"


def test_the_family_of_an_address_is_seen() -> None:
    assert str(Connection.to("192.0.2.1")) == "IN IP4 192.0.2.1"
    assert str(Connection.to("::1")) == "IN IP6 ::1"


text = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)
lines = st.lists(st.tuples(st.sampled_from("abcikostxz"), text), max_size=8).map(tuple)
word = st.from_regex(r"[A-Za-z0-9/*-]{1,8}", fullmatch=True)
media = st.builds(
    Media,
    kind=word,
    port=st.integers(0, 65535),
    protocol=word,
    formats=st.lists(word, min_size=1, max_size=5).map(tuple),
    lines=lines,
    port_count=st.none() | st.integers(0, 65535),
)


@given(lines, st.lists(media, max_size=4))
def test_a_description_written_is_read_as_the_same(
    own: tuple[tuple[str, str], ...], streams: list[Media]
) -> None:
    description = SessionDescription((("v", "0"), *own), tuple(streams))
    assert SessionDescription.parse(description.serialise()) == description


@given(st.binary(max_size=300))
def test_noise_is_read_or_refused_but_breaks_nothing(noise: bytes) -> None:
    for body in (noise, EXAMPLE + noise, b"v=0\r\nm=" + noise):
        try:
            description = SessionDescription.parse(body)
        except BadSdp:
            continue
        assert SessionDescription.parse(bytes(description)) == description


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "line", [b"a=x\r\n", b"m=audio 1 RTP/AVP 0\r\n", b"\n", b"a=rtpmap:0 PCMU/8000\n", b"c=\r\n"]
)
def test_too_many_lines_are_refused_at_once(line: bytes) -> None:
    with pytest.raises(BadSdp):
        SessionDescription.parse(b"v=0\r\n" + line * (60_000 // len(line)) + b"v=0\r\n")


def test_too_large_a_description_is_refused() -> None:
    with pytest.raises(BadSdp, match="too large"):
        SessionDescription.parse(b"v=0\r\na=" + b"x" * 65536)
    with pytest.raises(BadSdp, match="too many streams"):
        SessionDescription.parse(b"v=0\r\n" + b"m=audio 1 RTP/AVP 0\r\n" * 65)


def test_the_port_of_every_stream_that_is_taken_can_be_set() -> None:
    body = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 1 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\n"
    description = SessionDescription.parse(body).with_port(4000)
    assert [media.port for media in description.media] == [4000, 0]
    assert SessionDescription.parse(body).with_port(1).serialise() == body
