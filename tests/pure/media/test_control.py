import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadMessage, LegNotFound, MediaError, NoPorts, NotAllowed
from callengine.media import control
from callengine.media.engine import EngineTotals, LegStatistics, MediaEvent, MediaEventKind, RemoteMedia

REMOTE = RemoteMedia("192.0.2.1", 4000, "PCMA", 8, 8, 101, 96, "recvonly")


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def test_a_request_is_read_as_it_was_written() -> None:
    written = control.write_request(7, "open", {"leg_id": "a", "remote": REMOTE, "play": None})
    assert written.endswith(b"\n")
    request = control.read_request(written)
    assert (request.id, request.call) == (7, "open")
    assert request.arguments == {"leg_id": "a", "remote": REMOTE, "play": None}


@pytest.mark.parametrize(
    ("request_line", "number", "reason"),
    [
        (b"", None, "not a line of JSON"),
        (b"\xff\xfe\x00", None, "not a line of JSON"),
        (b"[" * 60_000, None, "not a line of JSON"),
        (b"7" * 60_000, None, "not a"),
        (b"[1]", None, "not a JSON object"),
        (b"null", None, "not a JSON object"),
        (line(call="list"), None, "the id must be a whole number"),
        (line(id="7", call="list"), None, "the id must be a whole number"),
        (line(id=True, call="list"), None, "the id must be a whole number"),
        (line(id=7), 7, "no call 'None'"),
        (line(id=7, call="__init__"), 7, "no call '__init__'"),
        (line(id=7, call=["list"]), 7, "no call"),
        (line(id=7, call="x" * 10_000), 7, "no call"),
        (line(id=7, call="join", leg_a="a"), 7, "join: leg_b is missing"),
        (line(id=7, call="part", leg_id=5), 7, "part: leg_id must be a text"),
        (line(id=7, call="part", leg_id=""), 7, "part: leg_id must be a text"),
        (line(id=7, call="part", leg_id="a" * 5000), 7, "part: leg_id must be a text"),
        (line(id=7, call="part", leg_id=None), 7, "part: leg_id must be a text"),
        (line(id=7, call="part", leg_id="a", now=1), 7, "part: 'now' is not an argument"),
        (line(id=7, call="play", leg_id="a", sound="music", loop=1), 7, "play: loop must be true or false"),
        (line(id=7, call="close", leg_ids="abc"), 7, "close: leg_ids must be a list"),
        (line(id=7, call="close", leg_ids=[None]), 7, "close: leg_ids must be a text"),
        (line(id=7, call="adopt", owner="n", incarnation=1.5), 7, "incarnation must be a whole number"),
        (line(id=7, call="set_remote", leg_id="a", remote=None), 7, "remote must be an object"),
        (line(id=7, call="set_remote", leg_id="a", remote={}), 7, "remote host is missing"),
        (line(id=7, call="set_remote", leg_id="a", remote={"host": 1, "port": 2}), 7, "host must be a text"),
        (
            line(id=7, call="set_remote", leg_id="a", remote={"host": "h", "port": "2"}),
            7,
            "remote port must be a whole number",
        ),
    ],
)
def test_what_is_no_request_is_refused_with_its_reason(
    request_line: bytes, number: int | None, reason: str
) -> None:
    with pytest.raises(control.BadRequest, match=reason) as refused:
        control.read_request(request_line)
    assert refused.value.id == number
    answer = json.loads(control.write_error(number, refused.value))
    assert (answer["id"], answer["error"]["type"]) == (number, "MediaError")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["id", "call", "leg_id", "remote", "play", "leg_ids"]), json_values))
def test_any_object_is_a_request_or_refused(value: dict[str, Any]) -> None:
    try:
        control.read_request(json.dumps(value | {"call": "open"}).encode())
    except control.BadRequest:
        pass


def test_garbage_is_refused() -> None:
    dice = random.Random(3)
    for _ in range(1000):
        with pytest.raises(control.BadRequest):
            control.read_request(b"{" + dice.randbytes(dice.randrange(40)))


def test_too_long_a_request_is_not_sent() -> None:
    with pytest.raises(MediaError, match="longer than"):
        control.write_request(1, "close", {"leg_ids": ["x" * 32] * 2000})


def test_results_come_back_as_they_were() -> None:
    leg = LegStatistics("a", 4000, packets_received=3, last_packet_seconds=0.5, joined_to="b", remote=REMOTE)
    totals = EngineTotals(legs=1, relays=1, greenlets={"relay": 1})
    answers = [control.read_answer(control.write_result(1, result)) for result in (4000, [leg], totals, None)]
    port, legs, figures, nothing = [
        answer.result for answer in answers if isinstance(answer, control.Reply) and answer.id == 1
    ]
    assert (port, nothing) == (4000, None)
    assert [control.read_statistics(one) for one in legs] == [leg]
    assert control.read_totals(figures) == totals


def test_a_leg_of_an_older_process_is_read_without_its_remote() -> None:
    assert control.read_statistics({"leg_id": "a", "port": 4000}) == LegStatistics("a", 4000)


def test_the_port_of_a_leg_to_be_opened_again_is_a_number() -> None:
    line = control.write_request(7, "open", {"leg_id": "a", "port": 4000})
    assert control.read_request(line).arguments == {"leg_id": "a", "port": 4000}
    with pytest.raises(control.BadRequest, match="port must be a whole number"):
        control.read_request(control.write_request(7, "open", {"leg_id": "a", "port": "4000"}))


def test_fields_of_a_newer_process_are_left_out() -> None:
    assert control.read_totals({"legs": 2, "jitter": 3}) == EngineTotals(legs=2)


@pytest.mark.parametrize(
    "error", [NoPorts("none"), LegNotFound("who"), NotAllowed("no"), MediaError("broken")]
)
def test_our_errors_come_back_as_what_they_are(error: MediaError) -> None:
    answer = control.read_answer(control.write_error(9, error))
    assert isinstance(answer, control.Reply)
    assert type(answer.error) is type(error)
    assert str(answer.error) == str(error)


def test_another_error_comes_back_as_a_media_error() -> None:
    answer = control.read_answer(control.write_error(None, BadMessage("odd")))
    assert isinstance(answer, control.Reply)
    assert type(answer.error) is MediaError


def test_an_event_comes_back() -> None:
    event = MediaEvent(MediaEventKind.NO_PACKETS, "a")
    assert control.read_answer(control.write_event(event)) == event


@pytest.mark.parametrize("answer", [b"x", b"{}", b'{"id":1}', b'{"event":"no"}', b'{"id":1,"error":"x"}'])
def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(MediaError):
        control.read_answer(answer)
