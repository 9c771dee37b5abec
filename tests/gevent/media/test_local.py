"""The engine in this process: its legs, ports, errors, events, lease."""

import socket
from collections.abc import Callable
from dataclasses import replace

import gevent
import pytest

from callengine.errors import LegNotFound, MediaError, NoPorts, NotAllowed
from callengine.media.engine import MUSIC, MediaEngine, MediaEvent, MediaEventKind
from callengine.media.local import LocalEngine
from callengine.media.port_pool import PortPool
from tests.fakes.clock import FakeClock
from tests.fakes.rtp_phone import HOST, RtpPhone

Phones = Callable[..., RtpPhone]
Engines = Callable[..., LocalEngine]
PORTS = (28400, 28405)


def test_it_is_a_media_engine(engine: LocalEngine) -> None:
    as_interface: MediaEngine = engine
    assert as_interface.list() == []


def test_ports_are_even_and_given_back(engine: LocalEngine) -> None:
    ports = [engine.open(name) for name in "abc"]
    assert all(port % 2 == 0 for port in ports)
    assert len(set(ports)) == 3
    assert engine.totals().ports_in_use == 3
    closed = engine.close("a", "unknown", "b", "c", "a")
    assert [leg.leg_id for leg in closed] == ["a", "b", "c"]
    assert (engine.totals().ports_in_use, engine.totals().legs, engine.totals().relays) == (0, 0, 0)
    assert engine.open("a") not in ports, "a port that was used rests"


def test_when_every_port_is_used_the_answer_is_no_ports(engines: Engines) -> None:
    engine = engines(ports=PortPool(*PORTS))
    for name in "abc":
        engine.open(name)
    with pytest.raises(NoPorts):
        engine.open("d")
    engine.close("b")
    with pytest.raises(NoPorts, match="rest"):
        engine.open("d")


def test_a_port_rests_ten_seconds(engines: Engines, clock: FakeClock) -> None:
    engine = engines(ports=PortPool(28400, 28401), clock=clock)
    engine.open("a")
    engine.close("a")
    clock.advance(9.9)
    with pytest.raises(NoPorts):
        engine.open("b")
    clock.advance(0.2)
    assert engine.open("b") == 28400


def test_a_port_that_another_program_holds_is_skipped(engines: Engines) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other_program:
        other_program.bind((HOST, PORTS[0]))
        engine = engines(ports=PortPool(*PORTS))
        assert [engine.open("a"), engine.open("b")] == [PORTS[0] + 2, PORTS[0] + 4]
        with pytest.raises(NoPorts):
            engine.open("c")


def test_a_leg_is_opened_on_the_port_that_it_had(engine: LocalEngine, phones: Phones) -> None:
    port = engine.open("a")
    engine.close("a")
    assert engine.open("b", port=port, remote=phones().remote()) == port, "although it has not rested"
    with pytest.raises(NoPorts, match=f"{port} is in use"):
        engine.open("c", port=port)
    with pytest.raises(MediaError, match="between 1 and 65535"):
        engine.open("d", port=65536)
    holder = phones()
    with pytest.raises(NoPorts, match=f"{holder.port} is in use by another program"):
        engine.open("e", port=holder.port)
    assert [leg.leg_id for leg in engine.list()] == ["b"]
    assert engine.totals().ports_in_use == 1


def test_a_host_that_is_not_ours_is_named(engines: Engines) -> None:
    engine = engines(host="192.0.2.77", ports=PortPool(*PORTS))
    with pytest.raises(MediaError, match=r"192\.0\.2\.77"):
        engine.open("a")
    assert engine.totals().ports_in_use == 0


def test_what_is_asked_of_an_unknown_leg_is_refused(engine: LocalEngine, phones: Phones) -> None:
    engine.open("a")
    for call in (
        lambda: engine.set_remote("x", phones().remote()),
        lambda: engine.join("a", "x"),
        lambda: engine.join("x", "a"),
        lambda: engine.part("x"),
        lambda: engine.play("x", MUSIC),
        lambda: engine.stop("x"),
        lambda: engine.statistics("x"),
    ):
        with pytest.raises(LegNotFound, match="'x'"):
            call()
    assert engine.close("x") == []


def test_a_leg_is_opened_once_and_not_joined_to_itself(engine: LocalEngine) -> None:
    engine.open("a")
    with pytest.raises(MediaError, match="open already"):
        engine.open("a")
    with pytest.raises(MediaError, match="itself"):
        engine.join("a", "a")


def test_a_leg_that_cannot_be_made_whole_is_not_made(engine: LocalEngine, phones: Phones) -> None:
    with pytest.raises(MediaError):
        engine.open("a", remote=replace(phones().remote(), codec="G729"))
    with pytest.raises(MediaError):
        engine.open("a", play="/no/such/file.wav")
    assert engine.list() == []
    assert engine.totals().ports_in_use == 0


def test_join_parts_whoever_was_joined_before(engine: LocalEngine) -> None:
    for name in "abcd":
        engine.open(name)
    engine.join("a", "b")
    engine.join("c", "d")
    assert engine.totals().relays == 2
    engine.join("b", "c")
    assert {leg.leg_id: leg.joined_to for leg in engine.list()} == {"a": None, "b": "c", "c": "b", "d": None}
    assert engine.totals().relays == 3
    engine.join("b", "c")
    engine.part("c")
    engine.part("c")
    assert all(leg.joined_to is None for leg in engine.list())
    assert engine.totals().relays == 4


def test_audio_follows_every_join(engine: LocalEngine, phones: Phones) -> None:
    caller, alice, bob = phones(), phones(tone=700), phones(tone=900)
    for name, phone in (("caller", caller), ("alice", alice), ("bob", bob)):
        phone.engine_port = engine.open(name, remote=phone.remote())
    for agent, name in ((alice, "alice"), (bob, "bob"), (alice, "alice")):
        engine.join("caller", name)
        heard = len(caller.heard)
        sent = agent.send()
        assert caller.wait_for(heard + 1)[-1].packet.payload == sent.payload
    first = caller.heard[0].packet
    assert [heard.packet.ssrc for heard in caller.heard] == [first.ssrc] * 3
    assert [heard.packet.sequence - first.sequence & 0xFFFF for heard in caller.heard] == [0, 1, 2]
    engine.close("alice")
    gevent.sleep(0)
    assert engine.statistics("caller").joined_to is None


def test_relays_are_counted_by_name_and_gone_after_close(engine: LocalEngine) -> None:
    for name in "abc":
        engine.open(name)
    gevent.sleep(0)
    assert engine.totals().greenlets["relay"] == 3
    engine.join("a", "b")
    gevent.sleep(0.01)
    assert engine.totals().greenlets["relay"] == 2
    engine.close("a", "b", "c")
    gevent.sleep(0.05)
    assert "relay" not in engine.totals().greenlets


def test_a_leg_closed_before_its_relay_ran_is_gone(engine: LocalEngine) -> None:
    engine.open("a")
    engine.open("b")
    engine.join("a", "b")
    engine.close("a")
    assert [leg.leg_id for leg in engine.list()] == ["b"]


def test_counters_tell_both_directions(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(), phones()
    one.engine_port = engine.open("one", remote=one.remote())
    other.engine_port = engine.open("other", remote=other.remote())
    assert engine.statistics("one").last_packet_seconds is None
    one.send()
    gevent.sleep(0.02)
    engine.join("one", "other")
    one.send()
    other.wait_for(1)
    statistics = engine.statistics("one")
    assert (statistics.packets_received, statistics.octets_received, statistics.packets_dropped) == (
        2,
        320,
        1,
    )
    assert statistics.last_packet_seconds is not None
    assert statistics.last_packet_seconds < 1.0
    assert (engine.statistics("other").packets_sent, engine.statistics("other").octets_sent) == (1, 160)
    engine.close("one", "other")
    totals = engine.totals()
    assert (totals.packets_received, totals.packets_sent, totals.packets_dropped) == (2, 1, 1)


def test_the_hub_s_watcher_is_asked(engines: Engines) -> None:
    engine = engines(ports=PortPool(*PORTS), hub_blocked=lambda: 1.5)
    assert engine.totals().hub_blocked_seconds == 1.5


def test_a_phone_that_falls_silent_is_reported_once(engines: Engines, phones: Phones) -> None:
    events: list[MediaEvent] = []
    engine = engines(ports=PortPool(*PORTS), timeout_seconds=0.3, on_event=events.append)
    one, other = phones(), phones()
    one.engine_port = engine.open("one", remote=one.remote())
    engine.open("other", remote=other.remote())
    engine.join("one", "other")
    one.send()
    gevent.sleep(0.8)
    assert events == [MediaEvent(MediaEventKind.NO_PACKETS, "one")]
    one.send()
    gevent.sleep(0.8)
    assert len(events) == 2


def test_only_the_owner_s_newest_life_adopts(engine: LocalEngine) -> None:
    assert engine.adopt("node", 5) == []
    engine.open("a")
    assert engine.adopt("node", 6) == ["a"]
    with pytest.raises(NotAllowed, match="newer"):
        engine.adopt("node", 5)
    with pytest.raises(NotAllowed, match="node"):
        engine.adopt("other", 9)
    engine.release()
    with pytest.raises(NotAllowed):
        engine.adopt("other", 9)
    assert engine.adopt("node", 2) == ["a"], "clocks may be set back between two lives"
    engine.close("a")
    engine.release()
    assert engine.adopt("other", 1) == []


def test_a_lease_ends_only_without_an_owner(engines: Engines) -> None:
    engine = engines(ports=PortPool(*PORTS), lease_seconds=0.2)
    engine.adopt("node", 1)
    engine.open("a")
    gevent.sleep(0.3)
    engine.release()
    engine.adopt("node", 2)
    gevent.sleep(0.3)
    assert len(engine.list()) == 1
    engine.release()
    gevent.sleep(0.4)
    assert engine.list() == []
