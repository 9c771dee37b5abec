"""Legs that outlive their process: what was asked of one engine is asked of the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent
import pytest

from callengine import greenlets
from callengine.errors import LegNotFound, MediaError, MediaUnavailable, NotAllowed
from callengine.media.engine import MUSIC, MediaEngine
from callengine.media.local import LocalEngine
from callengine.media.port_pool import PortPool
from callengine.media.steady import Restored, SteadyMedia
from tests.fakes.rtp_phone import HOST, RtpPhone

Phones = Callable[..., RtpPhone]
PORT_FIRST, PORT_LAST = 28400, 28499


class Machine:
    """Engines that follow each other on the same ports, as processes do; in between there is none."""

    def __init__(self) -> None:
        self.engine: LocalEngine | None = self._make()

    def _make(self) -> LocalEngine:
        return LocalEngine(host=HOST, ports=PortPool(PORT_FIRST, PORT_LAST))

    def die(self) -> None:
        if self.engine is not None:
            self.engine.shut_down()
        self.engine = None

    def live_again(self) -> None:
        self.engine = self._make()

    def disconnect(self) -> None:
        self.die()

    def __getattr__(self, call: str) -> Callable[..., object]:
        def ask(*arguments: object, **more: object) -> object:
            gevent.sleep(0)
            if self.engine is None:
                raise MediaUnavailable("nobody is there")
            result: object = getattr(self.engine, call)(*arguments, **more)
            return result

        return ask


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine()
    yield made
    made.die()


@pytest.fixture
def restorations() -> list[Restored]:
    return []


@pytest.fixture
def media(machine: Machine, restorations: list[Restored]) -> Iterator[SteadyMedia]:
    steady = SteadyMedia(machine, patience_seconds=2.0)  # type: ignore[arg-type]
    steady.on_restored = restorations.append
    yield steady
    steady.disconnect()


def replace(machine: Machine, media: SteadyMedia) -> None:
    """One engine dies and another one comes."""
    machine.die()
    media.interrupted()
    machine.live_again()
    media.restore()


def wait_for(restorations: list[Restored], count: int = 1) -> Restored:
    with gevent.Timeout(5, AssertionError(f"restored {len(restorations)} times")):
        while len(restorations) < count:
            gevent.sleep(0.005)
    return restorations[count - 1]


def test_it_is_a_media_engine(media: SteadyMedia) -> None:
    engine: MediaEngine = media
    assert engine.totals().legs == 0


def test_legs_are_open_again_on_their_ports_with_all_that_was_asked(
    machine: Machine, media: SteadyMedia, restorations: list[Restored], phones: Phones
) -> None:
    waiting, caller, agent = phones(), phones(codec="PCMA"), phones()
    media.open("alone")
    media.open("waiting", remote=waiting.remote(), play=MUSIC)
    media.open("caller", remote=caller.remote(), play=MUSIC)
    media.open("agent")
    media.open("closed")
    media.join("caller", "agent", remote=agent.remote())
    media.close("closed")
    before = {leg.leg_id: (leg.port, leg.remote, leg.playing, leg.joined_to) for leg in media.list()}
    replace(machine, media)
    restored = wait_for(restorations)
    assert sorted(restored.reopened) == ["agent", "alone", "caller", "waiting"]
    assert sorted(restored.reopened[:2]) == ["agent", "caller"], "who talks comes first"
    assert restored.lost == []
    after = {leg.leg_id: (leg.port, leg.remote, leg.playing, leg.joined_to) for leg in media.list()}
    assert after == before
    assert after["waiting"][2] == MUSIC
    assert after["caller"][3] == "agent"


def test_both_directions_are_heard_again(
    machine: Machine, media: SteadyMedia, restorations: list[Restored], phones: Phones
) -> None:
    caller, agent = phones(tone=440.0), phones(tone=1000.0)
    caller.engine_port = media.open("caller", remote=caller.remote())
    agent.engine_port = media.open("agent", remote=agent.remote())
    media.join("caller", "agent")
    for phone in (caller, agent):
        phone.speak()
    for phone in (caller, agent):
        phone.wait_for(10)
    replace(machine, media)
    wait_for(restorations)
    for phone in (caller, agent):
        phone.wait_for(len(phone.heard) + 10)
        assert phone.heard[-1].source == (HOST, phone.engine_port)


def test_many_calls_are_given_back_at_a_time_talkers_first(
    machine: Machine,
    media: SteadyMedia,
    restorations: list[Restored],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports = {name: media.open(name) for name in map(str, range(40))}
    for number in range(20, 40, 2):
        media.join(str(number), str(number + 1))
    waits: list[str] = []
    most = 0
    ask = machine.open

    def slow(leg_id: str, **more: object) -> object:
        nonlocal most
        waits.append(leg_id)
        most = max(most, len(waits))
        gevent.sleep(0.02)
        waits.remove(leg_id)
        return ask(leg_id, **more)

    monkeypatch.setattr(machine, "open", slow, raising=False)
    replace(machine, media)
    with gevent.Timeout(5):
        while not restorations:
            gevent.sleep(0.01)
    (restored,) = restorations
    assert most > 8
    assert sorted(restored.reopened) == sorted(ports)
    assert {int(leg_id) for leg_id in restored.reopened[:10]} <= set(range(20, 40))
    assert {leg.leg_id: leg.port for leg in media.list()} == ports
    assert all((leg.joined_to is not None) == (int(leg.leg_id) >= 20) for leg in media.list())


def test_what_changed_after_the_open_is_given_back_too(
    machine: Machine, media: SteadyMedia, restorations: list[Restored], phones: Phones
) -> None:
    for leg_id in "abcd":
        media.open(leg_id, play=MUSIC)
    there = phones()
    media.set_remote("a", there.remote())
    media.stop("a")
    media.join("b", "c")
    media.part("b")
    media.play("b", MUSIC)
    media.play("c", MUSIC, loop=False)
    replace(machine, media)
    wait_for(restorations)
    legs = {leg.leg_id: leg for leg in media.list()}
    assert legs["a"].remote == there.remote()
    assert [legs[leg_id].playing for leg_id in "abcd"] == [None, MUSIC, None, MUSIC]
    assert {leg.joined_to for leg in legs.values()} == {None}


def test_what_is_asked_meanwhile_waits_and_takes_no_port_of_a_call(
    machine: Machine, media: SteadyMedia
) -> None:
    first = media.open("old")
    machine.die()
    media.interrupted()
    asked = gevent.spawn(media.open, "new")
    joined = gevent.spawn(media.play, "old", MUSIC)
    gevent.sleep(0.05)
    machine.live_again()
    gevent.sleep(0.05)
    assert not asked.ready(), "the new process has not got its legs yet"
    media.restore()
    assert asked.get(timeout=2) != first
    joined.get(timeout=2)
    assert {leg.leg_id: leg.playing for leg in media.list()} == {"old": MUSIC, "new": None}


def test_who_finds_the_process_gone_asks_the_next(machine: Machine, media: SteadyMedia) -> None:
    media.open("a")
    media.open("b")
    machine.die()
    joining = gevent.spawn(media.join, "a", "b")
    gevent.sleep(0.05)
    assert not joining.ready()
    media.interrupted()
    machine.live_again()
    media.restore()
    joining.get(timeout=2)
    assert media.statistics("a").joined_to == "b"


def test_a_leg_that_was_opened_though_the_answer_came_too_late_is_opened_again(
    machine: Machine, media: SteadyMedia, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine.engine is not None
    opened: list[str] = []
    open_now = machine.engine.open

    def open_late(leg_id: str, **more: object) -> int:
        port = open_now(leg_id, **more)  # type: ignore[arg-type]
        opened.append(leg_id)
        if len(opened) == 1:
            raise MediaUnavailable("no answer in time")
        return port

    monkeypatch.setattr(machine, "open", open_late, raising=False)
    port = media.open("a", play=MUSIC)
    assert opened == ["a", "a"]
    assert [(leg.leg_id, leg.port, leg.playing) for leg in media.list()] == [("a", port, MUSIC)]


def test_patience_has_an_end(machine: Machine, phones: Phones) -> None:
    media = SteadyMedia(machine, patience_seconds=0.2)  # type: ignore[arg-type]
    media.open("a")
    machine.die()
    with pytest.raises(MediaUnavailable, match="nobody is there"):
        media.open("b")
    media.interrupted()
    with pytest.raises(MediaUnavailable, match="no other has come in time"):
        media.set_remote("a", phones().remote())
    media.disconnect()


def test_what_is_wrong_is_told_at_once(media: SteadyMedia) -> None:
    media.open("a")
    with gevent.Timeout(1, AssertionError("it waited")):
        with pytest.raises(LegNotFound):
            media.join("a", "unknown")
        with pytest.raises(LegNotFound):
            media.stop("unknown")
        with pytest.raises(MediaError, match="open already"):
            media.open("a")


def test_closing_waits_for_nobody_and_the_leg_does_not_come_back(
    machine: Machine, media: SteadyMedia, restorations: list[Restored]
) -> None:
    media.open("a")
    media.open("b")
    media.join("a", "b")
    machine.die()
    media.interrupted()
    assert media.close("a", "unknown") == []
    machine.live_again()
    media.restore()
    assert wait_for(restorations).reopened == ["b"]
    assert [(leg.leg_id, leg.joined_to) for leg in media.list()] == [("b", None)]


def test_a_leg_that_is_closed_while_it_is_opened_again_is_closed(
    machine: Machine, media: SteadyMedia, restorations: list[Restored]
) -> None:
    for number in range(20):
        media.open(f"leg {number}")
    machine.die()
    media.interrupted()
    machine.live_again()
    media.restore()
    gevent.sleep(0)
    gevent.sleep(0)
    assert machine.engine is not None
    while machine.engine.totals().legs < 10:
        gevent.sleep(0)
    media.close("leg 0", "leg 19")
    wait_for(restorations)
    assert {leg.leg_id for leg in media.list()} == {f"leg {number}" for number in range(1, 19)}


def test_a_leg_whose_port_another_program_took_is_lost(
    machine: Machine, media: SteadyMedia, restorations: list[Restored]
) -> None:
    port = media.open("a")
    media.open("b")
    media.join("a", "b")
    machine.die()
    media.interrupted()
    thief = RtpPhone(port=port)
    try:
        machine.live_again()
        media.restore()
        restored = wait_for(restorations)
        assert (restored.reopened, restored.lost) == (["b"], ["a"])
        assert media.statistics("b").joined_to is None
        with pytest.raises(LegNotFound):
            media.join("a", "b")
    finally:
        thief.close()


def test_a_process_that_dies_while_it_gets_its_legs_is_followed_by_another(
    machine: Machine, media: SteadyMedia, restorations: list[Restored]
) -> None:
    for number in range(10):
        media.open(f"leg {number}")
    replace(machine, media)
    gevent.sleep(0)
    replace(machine, media)
    assert len(wait_for(restorations).reopened) == 10
    gevent.sleep(0.15)
    assert len(restorations) == 1
    assert len(media.list()) == 10


def test_a_join_that_got_no_answer_is_done_by_the_second_try(
    machine: Machine,
    media: SteadyMedia,
    restorations: list[Restored],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    media.open("a")
    media.open("b")
    media.join("a", "b")
    machine.die()
    media.interrupted()
    machine.live_again()
    assert machine.engine is not None
    join = machine.engine.join

    def be_late(*_legs: str) -> None:
        monkeypatch.setattr(machine.engine, "join", join)
        raise MediaUnavailable("no answer in time")

    monkeypatch.setattr(machine.engine, "join", be_late)
    media.restore()
    assert sorted(wait_for(restorations).reopened) == ["a", "b"]
    assert media.statistics("a").joined_to == "b"


def test_a_connection_that_was_lost_alone_changes_nothing(
    media: SteadyMedia, restorations: list[Restored], machine: Machine
) -> None:
    media.open("a")
    media.open("b")
    media.join("a", "b")
    assert machine.engine is not None
    machine.engine.open("strange")
    media.interrupted()
    media.restore()
    assert wait_for(restorations) == Restored()
    assert {leg.leg_id: leg.joined_to for leg in media.list()} == {"a": "b", "b": "a"}


def test_the_legs_of_an_earlier_life_are_known(
    machine: Machine, media: SteadyMedia, restorations: list[Restored], phones: Phones
) -> None:
    phone = phones()
    assert machine.engine is not None
    machine.engine.open("caller", remote=phone.remote(), play=MUSIC)
    machine.engine.open("a")
    machine.engine.open("b")
    machine.engine.join("a", "b")
    assert sorted(media.adopt("node", 2)) == ["a", "b", "caller"]
    before = [(leg.leg_id, leg.port, leg.remote, leg.playing, leg.joined_to) for leg in media.list()]
    replace(machine, media)
    wait_for(restorations)
    after = [(leg.leg_id, leg.port, leg.remote, leg.playing, leg.joined_to) for leg in media.list()]
    assert sorted(after, key=str) == sorted(before, key=str)


def test_a_process_that_is_somebody_else_s_loses_all(
    machine: Machine, media: SteadyMedia, restorations: list[Restored], monkeypatch: pytest.MonkeyPatch
) -> None:
    media.open("a")
    machine.die()
    media.interrupted()
    machine.live_again()

    def refuse() -> None:
        raise NotAllowed("the media legs belong to 'other'")

    monkeypatch.setattr(machine.engine, "list", refuse)
    media.restore()
    assert wait_for(restorations).lost == ["a"]
    with pytest.raises(LegNotFound):
        media.stop("a")


def test_leaving_frees_whoever_waits(machine: Machine, media: SteadyMedia) -> None:
    machine.die()
    media.interrupted()
    asked = gevent.spawn(media.open, "a")
    gevent.sleep(0.02)
    media.disconnect()
    with pytest.raises(MediaUnavailable):
        asked.get(timeout=1)
    assert greenlets.running() == {}
