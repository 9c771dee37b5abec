"""The chain of the enterprise example, a hundred times as fast: vip, premium, general; what a caller hears.

Each queue has a tone of its own for music, and the agent another, so that what a caller hears tells where it
is. A caller of SIPp waits through two queues and is answered in the third; who is more urgent comes first.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from callengine.media import tones as sines
from callengine.media import wav
from tests.e2e import tones
from tests.e2e.phone import Phone
from tests.e2e.rtp_peer import RtpPeer, RtpPeers, is_unbroken, longest_gap
from tests.e2e.service import Service, until
from tests.e2e.sipp import Caller, Sipp

MUSIC = {"vip": 400, "premium": 800, "general": 1200}
AGENT_TONE = 1700
WAITS = {"vip": 0.6, "premium": 1.2, "general": 30.0}
LONGEST_GAP = 0.06
EDGE = 0.2
"""Seconds after a change before it is judged what sounds."""

pytestmark = [pytest.mark.timeout(120), pytest.mark.alone]


def settings(directory: Path) -> dict[str, str]:
    found = {
        "NUMBERS__VIP__DESTINATION": "queue:vip",
        "QUEUES__VIP__OVERFLOW_QUEUE": "premium",
        "QUEUES__PREMIUM__OVERFLOW_QUEUE": "general",
    }
    for name, frequency in MUSIC.items():
        path = directory / f"{name}.wav"
        path.write_bytes(wav.write(sines.sine(frequency, 1.0)))
        found[f"QUEUES__{name.upper()}__MUSIC"] = str(path)
        found[f"QUEUES__{name.upper()}__MAX_WAIT_TIME_SECONDS"] = str(WAITS[name])
    return found


def joined_at(service: Service) -> dict[str, float]:
    rows = service.rows("SELECT q.name, e.joined_at FROM queue_entries e JOIN queues q ON q.id = e.queue_id")
    return {row["name"]: row["joined_at"] for row in rows}


def _wait(service: Service, count: int) -> bool:
    return bool(service.present()["total_queued"] == count)


def heard(peer: RtpPeer, start: float, end: float) -> int | None:
    """The frequency that sounds all the time between."""
    frequencies = [*MUSIC.values(), AGENT_TONE]
    shares = tones.heard_shares(peer.heard(start, end), frequencies)
    return next((each for each in frequencies if shares[each] > 0.9), None)


def test_a_caller_goes_through_the_chain_and_hears_no_gap(tmp_path: Path) -> None:
    with ExitStack() as stack:
        service = Service(tmp_path / "service", agents=(), settings=settings(tmp_path))
        stack.enter_context(service)
        service.command("agents", "add", "gina", "--password", "e2e-secret", "--queue", "general")
        (peer,) = stack.enter_context(RtpPeers([500])).peers
        sipp = Sipp(
            tmp_path / "sipp", server=service.server, service="vip", callers=[Caller("5551", peer.port)]
        )
        assert until(lambda: set(joined_at(service)) == set(MUSIC), 20)
        times = joined_at(service)
        assert until(lambda: peer.arrivals[-1].time > times["general"] + 1.0, 10)
        gina = stack.enter_context(
            Phone(
                "gina",
                *("--play", f"tone:{AGENT_TONE}", "--hang-up-after", "1.5"),
                server=service.server,
            )
        )
        gina.wait_for("call_terminated", timeout=20)
        assert sipp.wait().exit_code == 0
        record = service.rows("SELECT c.*, q.name FROM calls c JOIN queues q ON q.id = c.queue_id")[0]
        states = service.rows("SELECT state, first_arrived_at FROM queue_entries ORDER BY joined_at")
    assert [row["state"] for row in states] == ["overflowed", "overflowed", "connected"]
    assert len({row["first_arrived_at"] for row in states}) == 1
    assert (record["name"], record["disposition"]) == ("general", "answered")
    assert times["premium"] - times["vip"] == pytest.approx(WAITS["vip"], abs=0.4)
    assert times["general"] - times["premium"] == pytest.approx(WAITS["premium"], abs=0.4)
    heard_in = [
        heard(peer, times["vip"] + EDGE, times["premium"] - 0.05),
        heard(peer, times["premium"] + EDGE, times["general"] - 0.05),
        heard(peer, times["general"] + EDGE, times["general"] + 0.8),
        heard(peer, record["connected_at"] + EDGE, record["ended_at"] - EDGE),
    ]
    assert heard_in == [*MUSIC.values(), AGENT_TONE]
    waiting = peer.between(times["vip"], record["ended_at"])
    assert is_unbroken(waiting)
    assert longest_gap([arrival.time for arrival in waiting]) <= LONGEST_GAP


def test_who_is_more_urgent_comes_first(tmp_path: Path) -> None:
    urgent = {"CALLERS__GOOD__NUMBERS": '["77*"]', "CALLERS__GOOD__PRIORITY": "10"}
    with ExitStack() as stack:
        service = stack.enter_context(Service(tmp_path / "service", agents=("alice",), settings=urgent))
        peers = stack.enter_context(RtpPeers([500, 600, 700])).peers
        running = []
        for number, peer in zip(("5551", "5552", "7753"), peers):
            callers = [Caller(number, peer.port)]
            running.append(Sipp(tmp_path / number, server=service.server, callers=callers))
            assert until(partial(_wait, service, len(running)), 10)
        alice = stack.enter_context(Phone("alice", "--hang-up-after", "0.3", server=service.server))
        alice.wait_for("call_terminated", count=3, timeout=30)
        assert [each.wait().exit_code for each in running] == [0, 0, 0]
        served = service.rows("SELECT caller_number FROM calls ORDER BY connected_at")
    assert [row["caller_number"] for row in served] == ["7753", "5551", "5552"]
