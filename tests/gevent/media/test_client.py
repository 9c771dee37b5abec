"""The media engine in another process: calls, deadlines, errors, events, and what happens when it dies."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable

import gevent
import pytest

from callengine.errors import LegNotFound, MediaError, MediaUnavailable, NoPorts, NotAllowed
from callengine.media import wav
from callengine.media.client import MediaClient
from callengine.media.engine import MUSIC, MediaEngine, MediaEvent, MediaEventKind
from tests.fakes.media_process import ROOT, RunningMedia
from tests.fakes.rtp_phone import RtpPhone, assert_one_stream, longest_gap

Start = Callable[..., RunningMedia]
Connect = Callable[..., MediaClient]
Phones = Callable[..., RtpPhone]


def test_every_call_works_over_the_socket(start_media: Start, connect: Connect, phones: Phones) -> None:
    start_media()
    client: MediaEngine = connect()
    assert client.adopt("node", 1) == []
    caller, agent = phones(), phones(tone=700)
    caller.engine_port = client.open("caller", remote=caller.remote(), play=MUSIC)
    agent.engine_port = client.open("agent")
    client.set_remote("agent", agent.remote())
    caller.speak()
    agent.speak()
    caller.wait_for(10)
    client.join("caller", "agent")
    caller.wait_for(25)
    assert client.statistics("caller").joined_to == "agent"
    client.part("agent")
    client.play("caller", MUSIC)
    caller.wait_for(35)
    client.stop("caller")
    assert_one_stream(caller.heard)
    assert longest_gap(caller.heard) < 0.06
    assert {leg.leg_id: leg.joined_to for leg in client.list()} == {"caller": None, "agent": None}
    assert client.totals().legs == 2
    assert [leg.leg_id for leg in client.close("agent", "caller", "nobody")] == ["agent", "caller"]
    assert client.totals().ports_in_use == 0


def test_many_calls_are_under_way_at_once(start_media: Start, connect: Connect) -> None:
    start_media()
    client = connect()
    opening = [gevent.spawn(client.open, str(number)) for number in range(40)]
    ports = {greenlet.get(timeout=3) for greenlet in opening}
    assert len(ports) == 40


def test_errors_come_back_as_what_they_are(start_media: Start, connect: Connect) -> None:
    start_media(port_first=29000, port_last=29001)
    client = connect()
    client.open("a")
    with pytest.raises(NoPorts) as refused:
        client.open("b")
    assert refused.value.sip_status == 503
    with pytest.raises(LegNotFound):
        client.part("b")
    with pytest.raises(MediaError, match="open already"):
        client.open("a")
    with pytest.raises(MediaError, match="leg_id must be a text"):
        client.part("")
    with pytest.raises(MediaError, match="longer than"):
        client.close(*["x" * 100] * 1000)
    assert client.totals().legs == 1


def test_without_a_process_the_answer_is_unavailable_at_once(connect: Connect) -> None:
    client = connect(deadline=30.0)
    with pytest.raises(MediaUnavailable, match="no media process"):
        client.totals()


def test_a_frozen_process_costs_the_deadline_and_no_more(start_media: Start, connect: Connect) -> None:
    media = start_media()
    client = connect(deadline=0.2)
    client.open("a")
    media.freeze()
    calls = [gevent.spawn(_outcome, client.open, f"late{number}") for number in range(5)]
    gevent.joinall(calls, timeout=3)
    assert [type(call.value) for call in calls] == [MediaUnavailable] * 5
    assert "'open' within 0.2 s" in str(calls[0].value)
    media.thaw()
    _wait_for_legs(client, ["a"])


def test_what_was_given_up_and_is_asked_for_again_stays(start_media: Start, connect: Connect) -> None:
    media = start_media()
    client = connect(deadline=0.2)
    client.open("a")
    media.freeze()
    assert isinstance(_outcome(client.open, "b"), MediaUnavailable)
    again = [gevent.spawn(_outcome, client.close, "b"), gevent.spawn(_outcome, client.open, "b")]
    gevent.sleep(0.05)
    media.thaw()
    gevent.joinall(again, timeout=3)
    assert isinstance(again[1].value, int)
    gevent.sleep(0.2)
    assert [leg.leg_id for leg in client.list()] == ["a", "b"]


def _outcome(call: Callable[..., object], *arguments: object) -> object:
    try:
        return call(*arguments)
    except MediaError as error:
        return error


def _wait_for_legs(client: MediaClient, expected: list[str]) -> None:
    """What was opened after its caller had given up is closed again."""
    legs: object = None
    for _ in range(100):
        legs = _outcome(lambda: [leg.leg_id for leg in client.list()])
        if legs == expected:
            break
        gevent.sleep(0.05)
    assert legs == expected


def test_a_process_frozen_before_the_first_call(start_media: Start, connect: Connect) -> None:
    media = start_media()
    media.freeze()
    client = connect(deadline=0.1)
    for _ in range(3):
        with pytest.raises(MediaUnavailable):
            client.open("a")
    media.thaw()
    _wait_for_legs(client, [])


def test_waiting_calls_fail_when_the_process_dies(start_media: Start, connect: Connect) -> None:
    media = start_media()
    client = connect(deadline=20.0)
    client.totals()
    media.freeze()
    waiting = gevent.spawn(_outcome, client.totals)
    gevent.sleep(0.05)
    media.close()
    assert isinstance(waiting.get(timeout=3), MediaUnavailable)
    with pytest.raises(MediaUnavailable):
        client.totals()


def test_after_a_restart_the_next_call_connects_and_adopts(start_media: Start, connect: Connect) -> None:
    first = start_media()
    client = connect()
    client.open("a")
    first.close()
    start_media()
    gevent.sleep(0.05)
    assert client.list() == []
    assert client.open("b") > 0


def test_the_next_life_of_the_owner_finds_the_legs(start_media: Start, connect: Connect) -> None:
    start_media()
    first = connect(incarnation=1)
    first.open("a")
    second = connect(incarnation=2)
    assert second.adopt("node", 2) == ["a"]
    with pytest.raises(NotAllowed, match="newer"):
        first.open("b")
    stranger = connect(owner="stranger", incarnation=3)
    with pytest.raises(NotAllowed, match="node"):
        stranger.list()
    assert [leg.leg_id for leg in second.list()] == ["a"]


SIGNALLING = """
from gevent import monkey; monkey.patch_all()
import json, sys, time
sys.path.insert(0, sys.argv[1])
from callengine.media.client import MediaClient
from callengine.media.engine import RemoteMedia
client = MediaClient(sys.argv[2], owner="node", incarnation=1)
phones = [RemoteMedia("127.0.0.1", int(port)) for port in sys.argv[3:]]
ports = [client.open(leg, remote=phone) for leg, phone in zip("ab", phones)]
client.join("a", "b")
print(json.dumps(ports), flush=True)
time.sleep(60)
"""


def test_when_the_owner_is_killed_the_audio_goes_on_for_the_lease(
    start_media: Start, connect: Connect, phones: Phones, socket_path: str
) -> None:
    start_media(lease_seconds=1.0)
    one, other = phones(), phones(tone=700)
    arguments = [os.fspath(ROOT), socket_path, str(one.port), str(other.port)]
    with subprocess.Popen(
        [sys.executable, "-c", SIGNALLING, *arguments], stdout=subprocess.PIPE
    ) as signalling:
        assert signalling.stdout is not None
        one.engine_port, other.engine_port = json.loads(signalling.stdout.readline())
        one.speak()
        other.speak()
        one.wait_for(10)
        signalling.kill()
    one.wait_for(40)
    next_life = connect(incarnation=2)
    assert next_life.adopt("node", 2) == ["a", "b"]
    heard = len(one.heard)
    one.wait_for(heard + 60)
    assert_one_stream(one.heard)
    assert longest_gap(one.heard) < 0.06
    next_life.disconnect()
    gevent.sleep(1.5)
    heard = len(one.heard)
    gevent.sleep(0.1)
    assert len(one.heard) == heard
    assert connect(incarnation=3).adopt("node", 3) == []


def test_a_client_that_disconnects_leaves_its_legs(start_media: Start, connect: Connect) -> None:
    start_media()
    client = connect()
    client.open("a")
    client.disconnect()
    with pytest.raises(MediaUnavailable, match="not asked any more"):
        client.list()
    assert [leg.leg_id for leg in connect().list()] == ["a"]


def test_events_arrive(
    start_media: Start, connect: Connect, events: list[MediaEvent], tmp_path: object
) -> None:
    path = f"{tmp_path}/short.wav"
    with open(path, "wb") as file:
        file.write(wav.write(bytes(640)))
    start_media()
    client = connect()
    client.open("a")
    client.play("a", path, loop=False)
    for _ in range(100):
        if events:
            break
        gevent.sleep(0.02)
    assert events == [MediaEvent(MediaEventKind.PLAYBACK_FINISHED, "a")]


def test_an_event_that_is_not_dealt_with_ends_nothing(start_media: Start, socket_path: str) -> None:
    start_media(timeout_seconds=0.2)

    def fail(_: MediaEvent) -> None:
        raise ZeroDivisionError

    client = MediaClient(socket_path, owner="node", incarnation=1, on_event=fail)
    one, other = RtpPhone(), RtpPhone()
    one.engine_port = client.open("one", remote=one.remote())
    client.open("other", remote=other.remote())
    client.join("one", "other")
    one.send()
    gevent.sleep(0.6)
    assert client.statistics("one").packets_received == 1
    for part in (one, other):
        part.close()
    client.disconnect()


def test_nonsense_from_the_other_side_is_unavailable(socket_path: str, connect: Connect) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(socket_path)
        listener.listen()
        impostor = gevent.spawn(_talk_nonsense, listener)
        with pytest.raises(MediaUnavailable):
            connect().totals()
        impostor.kill()


def _talk_nonsense(listener: socket.socket) -> None:
    accepted, _ = listener.accept()
    with accepted:
        accepted.sendall(b"220 mail.example.com ESMTP\n")
        accepted.recv(1000)
        gevent.sleep(1)
