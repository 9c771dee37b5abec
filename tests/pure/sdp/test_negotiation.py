"""Offer and answer: what phones offer, what we answer, and what both then believe."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadSdp, NotAcceptable
from callengine.sdp.negotiation import Agreement, make_answer, make_offer, read_answer
from callengine.sdp.session import SessionDescription

VALID = sorted((Path(__file__).parents[2] / "vectors" / "sdp" / "valid").glob("*.sdp"))
BOTH = ("PCMU", "PCMA")


def answer_to(
    offer: SessionDescription, codecs: tuple[str, ...] = BOTH
) -> tuple[SessionDescription, Agreement]:
    return make_answer(offer, host="203.0.113.1", port=49170, codecs=codecs, session_id=7, version=1)


def offer_of(
    codecs: tuple[str, ...] = BOTH, *, event: int | None = 101, direction: str = "sendrecv"
) -> SessionDescription:
    return make_offer(
        host="198.51.100.1",
        port=40000,
        codecs=codecs,
        session_id=5,
        version=3,
        telephone_event=event,
        direction=direction,
    )


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_an_offer_is_answered_as_its_expectation_says(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    offer = SessionDescription.parse(path.read_bytes())
    if "not_acceptable" in expected:
        with pytest.raises(NotAcceptable, match=expected["not_acceptable"]) as caught:
            answer_to(offer)
        assert caught.value.sip_status == 488
        return
    answer, agreement = answer_to(offer)
    assert agreement == Agreement(**expected["agreement"])
    assert [[media.kind, media.port, list(media.formats)] for media in answer.media] == expected["media"]
    assert answer.values("t") == expected.get("times", ["0 0"])
    assert SessionDescription.parse(bytes(answer)) == answer


def test_an_offer_as_it_is_sent() -> None:
    assert bytes(offer_of(("PCMA", "PCMU"))).decode().split("\r\n") == [
        "v=0",
        "o=- 5 3 IN IP4 198.51.100.1",
        "s=-",
        "c=IN IP4 198.51.100.1",
        "t=0 0",
        "m=audio 40000 RTP/AVP 8 0 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]


def test_an_answer_as_it_is_sent() -> None:
    offer = SessionDescription.parse(
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        b"m=video 4002 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 98 8\r\na=rtpmap:98 telephone-event/8000\r\n"
        b"a=sendonly\r\n"
    )
    answer, _ = answer_to(offer)
    assert bytes(answer).decode().split("\r\n") == [
        "v=0",
        "o=- 7 1 IN IP4 203.0.113.1",
        "s=-",
        "c=IN IP4 203.0.113.1",
        "t=0 0",
        "m=video 0 RTP/AVP 31",
        "m=audio 49170 RTP/AVP 8 98",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:98 telephone-event/8000",
        "a=fmtp:98 0-15",
        "a=ptime:20",
        "a=recvonly",
        "",
    ]


def test_the_offerers_order_decides() -> None:
    assert answer_to(offer_of(("PCMA", "PCMU")), ("PCMU", "PCMA"))[1].codec == "PCMA"
    assert answer_to(offer_of(("PCMA", "PCMU")), ("PCMU",))[1].codec == "PCMU"


def test_the_answerers_own_payload_types_are_sent_with_and_ours_received() -> None:
    answer = SessionDescription.parse(
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        b"m=audio 4000 RTP/AVP 100 96\r\na=rtpmap:100 pcma/8000\r\na=rtpmap:96 telephone-event/8000\r\n"
        b"a=ptime:40\r\n"
    )
    assert read_answer(offer_of(), answer) == Agreement(
        host="192.0.2.1",
        port=4000,
        codec="PCMA",
        payload_type=100,
        receive_payload_type=8,
        telephone_event=96,
        receive_telephone_event=101,
        direction="sendrecv",
        ptime=40,
    )


def test_key_presses_need_both_ends() -> None:
    answer, _ = answer_to(offer_of(event=101))
    agreement = read_answer(offer_of(event=None), answer)
    assert (agreement.telephone_event, agreement.receive_telephone_event) == (None, None)
    answer, agreement = answer_to(offer_of(event=None))
    assert agreement.telephone_event is None
    assert read_answer(offer_of(event=101), answer).receive_telephone_event is None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"m=audio 0 RTP/AVP 0\r\n", "no audio"),
        (b"m=audio 4000 RTP/AVP 18\r\n", "codec"),
        (b"m=audio 4000 RTP/AVP 8\r\n", "codec"),
        (b"m=audio 4000 RTP/SAVPF 0\r\n", "codec and protocol"),
        (b"", "no audio"),
    ],
)
def test_an_answer_that_takes_nothing(body: bytes, why: str) -> None:
    answer = SessionDescription.parse(b"v=0\r\nc=IN IP4 192.0.2.1\r\n" + body)
    with pytest.raises(NotAcceptable, match=why):
        read_answer(offer_of(("PCMU",)), answer)


def test_an_answer_without_a_connection_cannot_be_read() -> None:
    with pytest.raises(BadSdp, match="connection"):
        read_answer(offer_of(), SessionDescription.parse(b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"))


REVERSE = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
directions = st.sampled_from(list(REVERSE))
orders = st.permutations(BOTH).flatmap(lambda both: st.integers(1, 2).map(lambda count: tuple(both[:count])))


@given(orders, orders, st.none() | st.integers(96, 127), directions)
def test_both_ends_believe_the_same(
    offered: tuple[str, ...], known: tuple[str, ...], event: int | None, direction: str
) -> None:
    offer = SessionDescription.parse(bytes(offer_of(offered, event=event, direction=direction)))
    if not set(offered) & set(known):
        with pytest.raises(NotAcceptable):
            answer_to(offer, known)
        return
    answer, theirs = answer_to(offer, known)
    ours = read_answer(offer, SessionDescription.parse(bytes(answer)))
    assert (ours.host, ours.port, theirs.host, theirs.port) == ("203.0.113.1", 49170, "198.51.100.1", 40000)
    assert ours.codec == theirs.codec
    assert (ours.payload_type, ours.telephone_event) == (
        theirs.receive_payload_type,
        theirs.receive_telephone_event,
    )
    assert (theirs.payload_type, theirs.telephone_event) == (
        ours.receive_payload_type,
        ours.receive_telephone_event,
    )
    assert ours.direction == direction == REVERSE[theirs.direction]


@pytest.mark.parametrize(
    ("offered", "answered", "ours"),
    [
        ("sendrecv", "recvonly", "sendonly"),
        ("sendrecv", "inactive", "inactive"),
        ("sendonly", "sendrecv", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "sendonly", "recvonly"),
        ("inactive", "sendrecv", "inactive"),
    ],
)
def test_an_answer_cannot_widen_the_offer(offered: str, answered: str, ours: str) -> None:
    answer = offer_of(direction=answered)
    assert read_answer(offer_of(direction=offered), answer).direction == ours


@given(st.binary(max_size=200))
def test_no_offer_that_can_be_read_breaks_the_answer(noise: bytes) -> None:
    try:
        offer = SessionDescription.parse(
            b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0 96\r\na=" + noise
        )
        answer_to(offer)
    except (BadSdp, NotAcceptable):
        pass
