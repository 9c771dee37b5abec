"""The agent does not take the call: the caller keeps place and music, and the next agent rings at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.phone import Phone
from tests.e2e.records import CallRecord, offers_of, read_records
from tests.e2e.rtp_peer import RtpPeer, RtpPeers, is_unbroken, longest_gap
from tests.e2e.service import Service, until
from tests.e2e.sipp import Caller, Sipp

pytestmark = pytest.mark.alone

RING_TIMEOUT = 2
AT_ONCE = 0.2
"""In seconds: between the end of one offer and the beginning of the next."""
LONGEST_GAP = 0.06


@dataclass
class Floor:
    """A service whose first agent, alice, does not take calls, and whose second, bob, does."""

    service: Service
    alice: Phone
    bob: Phone
    caller: RtpPeer
    directory: Path

    def call(self, scenario: str = "caller.xml", *, talk_milliseconds: int = 0) -> CallRecord:
        """One call, to its end; gives its record."""
        sipp = Sipp(
            self.directory / "sipp",
            server=self.service.server,
            scenario=scenario,
            callers=[Caller("5551", self.caller.port)],
            talk_milliseconds=talk_milliseconds,
        )
        result = sipp.wait()
        assert result.exit_code == 0, result.output
        assert until(lambda: read_records(self.service)[0].ended_at is not None, 5)
        return read_records(self.service)[0]

    def pause_between_offers(self) -> float:
        """From the end of the first offer to the beginning of the second, in seconds."""
        first, second = self.service.rows("SELECT offered_at, ended_at FROM offers ORDER BY offered_at")
        return float(second["offered_at"] - first["ended_at"])


@contextmanager
def _floor(directory: Path, *alice_options: str) -> Iterator[Floor]:
    settings = {"QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": str(RING_TIMEOUT)}
    with (
        Service(directory / "service", settings=settings) as service,
        Phone("alice", *alice_options, server=service.server) as alice,
        Phone("bob", "--answer-after", "0.2", "--hang-up-after", "1", server=service.server) as bob,
        RtpPeers([450]) as callers,
    ):
        alice.wait_for("registered")
        bob.wait_for("registered")
        yield Floor(service, alice, bob, callers.peers[0], directory)


def _assert_bob_took_it(floor: Floor, record: CallRecord, became_of_the_first: str) -> None:
    assert offers_of(floor.service, record.id) == [("alice", became_of_the_first), ("bob", "ended")]
    assert (record.agent, record.disposition, record.hung_up_by) == ("bob", "answered", "agent")
    assert floor.pause_between_offers() <= AT_ONCE
    _assert_one_stream(floor.caller)
    assert floor.service.trouble() == []


def _assert_one_stream(caller: RtpPeer) -> None:
    """One SSRC, every sequence number, and no gap."""
    assert is_unbroken(caller.arrivals)
    assert longest_gap([arrival.time for arrival in caller.arrivals]) <= LONGEST_GAP


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (486, "busy"),
        pytest.param(603, "rejected", marks=pytest.mark.long),
        pytest.param(480, "unreachable", marks=pytest.mark.long),
    ],
)
def test_the_agent_refuses(tmp_path: Path, status: int, state: str) -> None:
    with _floor(tmp_path, "--reject", str(status)) as floor:
        record = floor.call()
        _assert_bob_took_it(floor, record, state)
        assert floor.alice.wait_for("call_terminated")["status"] == status


@pytest.mark.long
def test_the_agent_does_not_answer(tmp_path: Path) -> None:
    with _floor(tmp_path, "--answer-after", "600") as floor:
        record = floor.call()
        _assert_bob_took_it(floor, record, "no_answer")
        rang, ended = floor.alice.wait_for("incoming_call"), floor.alice.wait_for("call_terminated")
        assert ended["cause"] == "cancelled"
        assert ended["time"] - rang["time"] == pytest.approx(RING_TIMEOUT, abs=0.3)


@pytest.mark.long
def test_the_agent_has_vanished(tmp_path: Path) -> None:
    with _floor(tmp_path) as floor:
        floor.alice.vanish()
        record = floor.call()
        state = offers_of(floor.service, record.id)[0][1]
        assert state in ("unreachable", "no_answer")
        _assert_bob_took_it(floor, record, state)


def test_the_caller_gives_up_while_the_agent_rings(tmp_path: Path) -> None:
    with _floor(tmp_path, "--answer-after", "600") as floor:
        record = floor.call("caller_hangs_up.xml", talk_milliseconds=1000)
        ended = floor.alice.wait_for("call_terminated")
        assert ended["cause"] == "cancelled"
        assert offers_of(floor.service, record.id) == [("alice", "withdrawn")]
        assert (record.agent, record.disposition, record.hung_up_by) == (None, "abandoned", "caller")
        assert ended["time"] - (record.ended_at or 0) == pytest.approx(0, abs=AT_ONCE)
        assert until(lambda: floor.service.present()["available_agents"] == 2, 5)
        _assert_one_stream(floor.caller)
        assert floor.service.trouble() == []
