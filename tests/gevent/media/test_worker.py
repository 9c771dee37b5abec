"""The media process, seen over its socket: requests, bad input, owners, lease, its end."""

import json
import os
import random
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event

from callengine.clock import SystemClock
from callengine.errors import MediaError
from callengine.media import wav, worker
from callengine.media.control import LONGEST_LINE
from callengine.media.engine import MUSIC
from callengine.media.local import LocalEngine
from callengine.media.port_pool import PortPool
from tests.fakes.media_process import RunningMedia, descriptors
from tests.fakes.rtp_phone import HOST, RtpPhone, assert_one_stream, longest_gap

Start = Callable[..., RunningMedia]
Phones = Callable[..., RtpPhone]


class Wire:
    """A bare connection to the media process."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(5)
        self.socket.connect(path)
        self._incoming = self.socket.makefile("rb")

    def send(self, *requests: dict[str, Any]) -> None:
        self.socket.sendall(b"".join(json.dumps(request).encode() + b"\n" for request in requests))

    def read(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._incoming.readline())
        return answer

    def ask(self, call: str, **arguments: Any) -> dict[str, Any]:
        self.send({"id": 1, "call": call, **arguments})
        return self.read()

    def close(self) -> None:
        self._incoming.close()
        self.socket.close()


@pytest.fixture
def wires(socket_path: str) -> Iterator[Callable[[], Wire]]:
    made: list[Wire] = []

    def make() -> Wire:
        made.append(Wire(socket_path))
        return made[-1]

    yield make
    for wire in made:
        wire.close()


Wires = Callable[[], Wire]


@pytest.fixture
def inside(socket_path: str) -> Iterator[LocalEngine]:
    """A worker in this process, on `socket_path`."""
    serving = worker.Worker(clock=SystemClock(), ownerless_seconds=None)
    engine = LocalEngine(host=HOST, ports=PortPool(28600, 28699), lease_seconds=0.4, on_event=serving.report)
    stop = Event()
    main = gevent.spawn(serving.serve, engine, worker.listen(socket_path), stop)
    yield engine
    stop.set()
    main.get(timeout=5)
    assert not os.path.exists(socket_path)


@pytest.mark.usefixtures("inside")
def test_requests_may_follow_each_other_without_waiting(wires: Wires) -> None:
    wire = wires()
    legs = [f"leg{number}" for number in range(20)]
    wire.send(
        {"id": 100, "call": "adopt", "owner": "node", "incarnation": 1},
        *({"id": number, "call": "open", "leg_id": leg} for number, leg in enumerate(legs)),
        {"id": 101, "call": "join", "leg_a": "leg0", "leg_b": "leg1"},
        {"id": 102, "call": "close", "leg_ids": legs},
    )
    answers = {answer["id"]: answer["result"] for answer in (wire.read() for _ in range(23))}
    assert answers[100] == []
    assert len({answers[number] for number in range(20)}) == 20
    assert answers[101] is None
    assert [leg["leg_id"] for leg in answers[102]] == legs


@pytest.mark.usefixtures("inside")
def test_errors_name_their_kind_and_the_request(wires: Wires) -> None:
    wire = wires()
    assert wire.ask("open", leg_id="a")["error"]["type"] == "NotAllowed"
    wire.ask("adopt", owner="node", incarnation=1)
    assert wire.ask("part", leg_id="x") == {
        "id": 1,
        "error": {"type": "LegNotFound", "message": "leg 'x' is not open"},
    }
    assert "no call 'reboot'" in wire.ask("reboot")["error"]["message"]
    assert "'force' is not an argument" in wire.ask("part", leg_id="x", force=True)["error"]["message"]
    assert "must be a text" in wire.ask("part", leg_id=7)["error"]["message"]
    assert wire.ask("totals")["result"]["legs"] == 0


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"\xff\x00\xfe garbage\n",
        b"GET / HTTP/1.1\r\n",
        b"[" * 60_000 + b"\n",
        b'{"id": 1e400}\n',
        b"x" * (3 * LONGEST_LINE) + b"\n",
    ],
    ids=["empty", "octets", "http", "nested", "number", "huge"],
)
def test_garbage_gets_an_error_and_the_next_request_its_answer(wires: Wires, garbage: bytes) -> None:
    wire = wires()
    wire.socket.sendall(garbage)
    answer = wire.read()
    assert (answer["id"], answer["error"]["type"]) == (None, "MediaError")
    assert wire.ask("totals")["result"]["legs"] == 0


@pytest.mark.usefixtures("inside")
def test_a_thousand_random_lines_are_survived(wires: Wires) -> None:
    dice = random.Random(5)
    wire = wires()
    for _ in range(1000):
        line = dice.randbytes(dice.randrange(1, 80)).replace(b"\n", b" ")
        wire.socket.sendall(line + b"\n")
        assert "error" in wire.read()
    assert wire.ask("totals")["result"]["legs"] == 0


def test_a_fault_of_ours_is_an_error_too(
    inside: LocalEngine, wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(inside, "list", fail)
    wire = wires()
    assert "ZeroDivisionError" in wire.ask("list")["error"]["message"]
    monkeypatch.undo()
    assert wire.ask("list")["result"] == []


@pytest.mark.usefixtures("inside")
def test_a_client_that_leaves_within_a_line_is_forgotten(wires: Wires) -> None:
    for content in (b"", b'{"id": 1, "call"', b"x" * 100_000):
        wire = wires()
        wire.socket.sendall(content)
        wire.socket.shutdown(socket.SHUT_WR)
        wire.socket.recv(10_000)
    assert wires().ask("totals")["result"]["legs"] == 0


@pytest.mark.usefixtures("inside")
def test_connections_are_bounded(wires: Wires, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOST_CONNECTIONS", 3)
    kept = [wires() for _ in range(3)]
    for wire in kept:
        wire.ask("totals")
    assert wires().socket.recv(1) == b""
    kept[0].close()
    gevent.sleep(0.05)
    assert "result" in wires().ask("totals")


@pytest.mark.usefixtures("inside")
def test_the_newest_connection_of_the_owner_has_the_legs(wires: Wires) -> None:
    first, second = wires(), wires()
    first.ask("adopt", owner="node", incarnation=1)
    first.ask("open", leg_id="a")
    assert second.ask("adopt", owner="other", incarnation=9)["error"]["type"] == "NotAllowed"
    assert second.ask("adopt", owner="node", incarnation=2)["result"] == ["a"]
    assert first.socket.recv(1) == b"", "the connection of the former life is closed"
    gevent.sleep(0.6)
    assert [leg["leg_id"] for leg in second.ask("list")["result"]] == ["a"], "no lease runs"


@pytest.mark.usefixtures("inside")
def test_without_an_owner_the_lease_ends(wires: Wires) -> None:
    owner, watcher = wires(), wires()
    owner.ask("adopt", owner="node", incarnation=1)
    owner.ask("open", leg_id="a", play=MUSIC)
    owner.close()
    gevent.sleep(0.1)
    assert len(watcher.ask("list")["result"]) == 1
    gevent.sleep(0.6)
    assert watcher.ask("list")["result"] == []


@pytest.mark.usefixtures("inside")
def test_events_go_to_the_owner(wires: Wires, tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    path.write_bytes(wav.write(bytes(640)))
    owner, watcher = wires(), wires()
    owner.ask("adopt", owner="node", incarnation=1)
    owner.ask("open", leg_id="a")
    owner.ask("play", leg_id="a", sound=str(path), loop=False)
    assert owner.read() == {"event": "playback_finished", "leg_id": "a"}
    assert "result" in watcher.ask("totals")


def test_the_socket_is_for_owner_and_group(socket_path: str) -> None:
    listener = worker.listen(socket_path)
    assert stat.S_IMODE(os.stat(socket_path).st_mode) == 0o660
    listener.close()
    replacing = worker.listen(socket_path, mode=0o600)
    assert stat.S_IMODE(os.stat(socket_path).st_mode) == 0o600
    with pytest.raises(MediaError, match="another media process"):
        worker.listen(socket_path)
    replacing.close()


def test_what_is_no_socket_is_not_removed(socket_path: str) -> None:
    with open(socket_path, "w") as file:
        file.write("precious")
    with pytest.raises(MediaError, match="no socket"):
        worker.listen(socket_path)
    assert os.path.getsize(socket_path) == 8


@pytest.mark.parametrize("path", ["/no/such/directory/media.sock", "/tmp/" + "x" * 200, "a\0b"])
def test_a_socket_that_cannot_be_made_is_named(path: str) -> None:
    with pytest.raises(MediaError, match="cannot listen on"):
        worker.listen(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_orderly(
    start_media: Start, wires: Wires, socket_path: str, number: signal.Signals
) -> None:
    media = start_media()
    wire = wires()
    wire.ask("adopt", owner="node", incarnation=1)
    wire.ask("open", leg_id="a", play=MUSIC)
    media.process.send_signal(number)
    assert media.wait() == 0
    assert wire.socket.recv(1) == b""
    assert not os.path.exists(socket_path)


def test_a_second_process_on_a_live_socket_is_refused(start_media: Start, socket_path: str) -> None:
    start_media()
    with pytest.raises(MediaError, match="another media process"):
        worker.listen(socket_path)


def test_a_killed_process_leaves_a_socket_that_the_next_replaces(
    start_media: Start, wires: Wires, socket_path: str
) -> None:
    start_media().close()
    assert os.path.exists(socket_path)
    start_media()
    assert wires().ask("totals")["result"]["legs"] == 0


def test_without_an_owner_the_process_ends(start_media: Start, wires: Wires, socket_path: str) -> None:
    media = start_media(lease_seconds=0.2, ownerless_seconds=1.5)
    wire = wires()
    wire.ask("adopt", owner="node", incarnation=1)
    gevent.sleep(2.0)
    assert media.process.poll() is None
    wire.close()
    assert media.wait() == 0
    assert not os.path.exists(socket_path)


def test_the_process_stays_as_long_as_legs_may(start_media: Start, wires: Wires) -> None:
    media = start_media(lease_seconds=30.0, ownerless_seconds=0.2)
    wire = wires()
    wire.ask("adopt", owner="node", incarnation=1)
    wire.ask("open", leg_id="a")
    wire.close()
    gevent.sleep(1.0)
    assert media.process.poll() is None
    assert [leg["leg_id"] for leg in wires().ask("list")["result"]] == ["a"]


def test_when_the_owner_is_killed_the_audio_goes_on_and_the_next_life_adopts(
    start_media: Start, wires: Wires, phones: Phones
) -> None:
    media = start_media(lease_seconds=10)
    watch = wires()
    _wait_until(lambda: watch.ask("totals")["result"]["greenlets"]["control"] == 1)
    before, at_rest = descriptors(media.process.pid), watch.ask("totals")["result"]["greenlets"]
    one, other = phones(tone=440), phones(tone=700)
    owner = wires()
    owner.ask("adopt", owner="node", incarnation=1)
    for leg_id, phone in (("one", one), ("other", other)):
        remote = {"host": HOST, "port": phone.port}
        phone.engine_port = owner.ask("open", leg_id=leg_id, remote=remote)["result"]
    owner.ask("join", leg_a="one", leg_b="other")
    one.speak()
    other.speak()
    one.wait_for(10)
    owner.close()  # the kernel closes it so when its process is killed
    heard = len(one.heard)
    one.wait_for(heard + 25)
    next_life = wires()
    assert next_life.ask("adopt", owner="node", incarnation=2)["result"] == ["one", "other"]
    one.wait_for(heard + 35)
    for phone in (one, other):
        assert_one_stream(phone.heard)
        assert longest_gap(phone.heard) < 0.06
    closed = next_life.ask("close", leg_ids=["one", "other"])["result"]
    assert all(leg["packets_received"] > 30 for leg in closed)
    totals = next_life.ask("totals")["result"]
    assert (totals["legs"], totals["ports_in_use"], totals["relays"]) == (0, 0, 0)
    next_life.close()
    _wait_until(lambda: watch.ask("totals")["result"]["greenlets"] == at_rest)
    assert descriptors(media.process.pid) == before


def _wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 3
    while not condition():
        assert time.monotonic() < give_up
        gevent.sleep(0.02)
