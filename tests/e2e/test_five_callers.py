"""Five callers at once and two agents: who talks with whom, what each hears, and what is left behind.

The shift runs once; each test looks at one side of it. Everybody's tone is their own, so that what sounds at
an end names who was connected to it. What is left behind is looked at after all other end-to-end tests: some
of it lingers for 32 s, in which they run.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.e2e import tones
from tests.e2e.capture import capture
from tests.e2e.held import Held
from tests.e2e.phone import Event, Phone
from tests.e2e.records import CallRecord, read_records
from tests.e2e.rtp_peer import RtpPeer, RtpPeers, is_unbroken, longest_gap
from tests.e2e.service import Service, until
from tests.e2e.sipp import Caller, Sipp, SippResult

CALLER_TONES = {"5551": 450, "5552": 550, "5553": 650, "5554": 750, "5555": 850}
AGENT_TONES = {"alice": 1100, "bob": 1500}
AGENT_CODECS = {"alice": "PCMU", "bob": "PCMA"}
"""The callers speak mu-law, so bob's calls have to be translated."""
ALL_TONES = {**CALLER_TONES, **AGENT_TONES}
ANSWER_AFTER = 0.3
TALK_SECONDS = {"alice": 2.0, "bob": 2.4}
"""Different, so that it is certain who is free first, and alice has the odd call."""
EXACT = 0.1
"""In seconds: how near a record has to be to what was seen from outside."""
LONGEST_GAP = 0.06
SWITCH = 0.1
"""In seconds: what is cut from both ends of a talk before it is judged which tones sound in it."""
GIVEN_BACK_WITHIN = 40.0

pytestmark = [pytest.mark.timeout(180), pytest.mark.alone, pytest.mark.quiet]


@dataclass(frozen=True)
class Shift:
    """All that was seen of it."""

    sipp: SippResult
    peers: dict[str, RtpPeer]
    events: dict[str, list[Event]]
    records: list[CallRecord]
    before: Held
    during: Held
    aftermath: Aftermath

    def talks(self) -> list[Talk]:
        """Every call record beside what its agent's phone told of it."""
        return [Talk(record, self._told(record)) for record in self.records]

    def _told(self, record: CallRecord) -> dict[str, Event]:
        """The events of the phone's call from that caller, by their names."""
        events = self.events[record.agent or ""]
        offered = next(
            event
            for event in events
            if event["event"] == "incoming_call" and f"sip:{record.caller_number}@" in event["from"]
        )
        return {event["event"]: event for event in events if event.get("call_id") == offered["call_id"]}


@dataclass(frozen=True)
class Talk:
    """One caller with one agent."""

    record: CallRecord
    told: dict[str, Event]

    @property
    def caller(self) -> str:
        """The caller's number."""
        return self.record.caller_number or ""

    @property
    def call_number(self) -> int:
        """Which of SIPp's calls it is, from 1."""
        return list(CALLER_TONES).index(self.caller) + 1

    @property
    def agent(self) -> str:
        """The agent's name."""
        return self.record.agent or ""

    def times(self) -> tuple[float, float]:
        """From when to when they talked, by the record."""
        assert self.record.connected_at is not None
        assert self.record.ended_at is not None
        return self.record.connected_at, self.record.ended_at


def _phone(name: str, service: Service, directory: Path, transport: str) -> Phone:
    return Phone(
        name,
        *("--transport", transport),
        *("--play", f"tone:{AGENT_TONES[name]}", "--record", str(directory / f"{name}.wav")),
        *("--codecs", AGENT_CODECS[name]),
        *("--answer-after", str(ANSWER_AFTER), "--hang-up-after", str(TALK_SECONDS[name])),
        server=service.server,
        is_program=True,
    )


class Aftermath:
    """Looks at what the service holds until it is as `before`, or the time for that is over."""

    def __init__(self, service: Service, before: Held) -> None:
        self.service = service
        self._before = before
        self._seen: list[Held] = []
        self._watch = threading.Thread(target=self._look_on, daemon=True)
        self._watch.start()

    def _look_on(self) -> None:
        until(self._is_as_before, GIVEN_BACK_WITHIN, pause=3.0)

    def _is_as_before(self) -> bool:
        self._seen.append(Held.by(self.service))
        return self._seen[-1] == self._before

    def after(self) -> Held:
        """What it held at last."""
        self._watch.join()
        return self._seen[-1]


@pytest.fixture(scope="session")
def shifts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Shift]]:
    """The shift over this transport; each is run once, and its service goes on to the end of all tests."""
    with ExitStack() as stack:
        yield cache(lambda transport: _run(transport, tmp_path_factory.mktemp("shift"), stack))


@pytest.fixture(params=["udp", pytest.param("tcp", marks=pytest.mark.long)])
def shift(request: pytest.FixtureRequest, shifts: Callable[[str], Shift]) -> Shift:
    """What was seen of it."""
    return shifts(request.param)


def _run(transport: str, directory: Path, stack: ExitStack) -> Shift:
    """Both agents sign on, all five call in the same moment, the agents hang up."""
    service = stack.enter_context(
        Service(directory / "service", settings={"MEDIA__RESERVE": "true"}, is_program=True)
    )
    unused = service.status()
    phones = {name: stack.enter_context(_phone(name, service, directory, transport)) for name in AGENT_TONES}
    for phone in phones.values():
        phone.wait_for("registered")
    before = Held.by(service).with_transactions(unused["transactions"])
    peers = dict(zip(CALLER_TONES, stack.enter_context(RtpPeers(CALLER_TONES.values())).peers))
    callers = [Caller(number, peer.port) for number, peer in peers.items()]
    with capture():
        running = Sipp(directory / "sipp", server=service.server, callers=callers, transport=transport)
        for phone in phones.values():
            phone.wait_for("call_connected")
        during = Held.by(service)
        sipp = running.wait()
    aftermath = Aftermath(service, before)
    events = {name: list(phone.events) for name, phone in phones.items()}
    return Shift(sipp, peers, events, read_records(service), before, during, aftermath)


def _calls_of(shift: Shift) -> Counter[str]:
    """How many calls each agent's phone had, by what the phones told."""
    return Counter(
        {
            name: sum(event["event"] == "call_connected" for event in events)
            for name, events in shift.events.items()
        }
    )


def test_every_call_went_as_the_callers_scenario_says(shift: Shift) -> None:
    assert shift.sipp.exit_code == 0, shift.sipp.output
    assert shift.sipp.count("SuccessfulCall") == len(CALLER_TONES)
    assert shift.sipp.count("FailedCall") == 0


def test_the_calls_are_shared_three_and_two(shift: Shift, result_lines: list[str]) -> None:
    calls = _calls_of(shift)
    shares = ", ".join(f"{name.capitalize()}: {calls[name]} calls" for name in AGENT_TONES)
    result_lines[:] = [f"Test Results: {shares}"]
    assert calls == {"alice": 3, "bob": 2}
    assert Counter(record.agent for record in shift.records) == calls


def test_every_caller_has_one_record_of_an_answered_call(shift: Shift) -> None:
    assert sorted(record.caller_number or "" for record in shift.records) == list(CALLER_TONES)
    assert {record.disposition for record in shift.records} == {"answered"}
    assert {record.hung_up_by for record in shift.records} == {"agent"}
    assert {record.dialled for record in shift.records} == {"support"}


def test_the_callers_hear_the_agent_that_the_record_names_and_nobody_else(shift: Shift) -> None:
    for talk in shift.talks():
        start, end = talk.times()
        heard = shift.peers[talk.caller].heard(start + SWITCH, end - SWITCH)
        assert len(heard) > tones.RATE
        assert tones.heard_shares(heard, ALL_TONES.values()) == _only(AGENT_TONES[talk.agent]), talk


def test_the_agents_hear_the_caller_that_the_record_names_and_nobody_else(shift: Shift) -> None:
    cut = round(SWITCH * tones.RATE)
    for talk in shift.talks():
        heard = tones.read_wav(Path(talk.told["call_terminated"]["recording"]))[cut:-cut]
        assert len(heard) > tones.RATE
        assert tones.heard_shares(heard, ALL_TONES.values()) == _only(CALLER_TONES[talk.caller]), talk


def _only(frequency: int) -> dict[int, float]:
    return {tone: 1.0 if tone == frequency else 0.0 for tone in ALL_TONES.values()}


def test_each_agent_is_spoken_to_in_its_own_codec(shift: Shift) -> None:
    for talk in shift.talks():
        assert talk.told["call_connected"]["codec"] == AGENT_CODECS[talk.agent]
    for peer in shift.peers.values():
        assert {arrival.payload_type for arrival in peer.arrivals} == {0}


def test_the_callers_hear_one_unbroken_stream_from_answer_to_end(shift: Shift) -> None:
    for number, peer in shift.peers.items():
        assert is_unbroken(peer.arrivals), number
        assert longest_gap([arrival.time for arrival in peer.arrivals]) <= LONGEST_GAP, number


def test_the_agents_hear_one_unbroken_stream(shift: Shift) -> None:
    for talk in shift.talks():
        ended = talk.told["call_terminated"]
        own_gap = longest_gap(shift.peers[talk.caller].sent_at)
        assert ended["sources"] == 1
        assert ended["sequence_breaks"] == 0
        assert ended["longest_gap_ms"] <= LONGEST_GAP * 1000, f"the test itself paused for {own_gap} s"
        assert ended["first_packet_ms"] <= EXACT * 1000


@pytest.mark.last
def test_nobody_sent_anything_twice(shift: Shift) -> None:
    assert shift.sipp.count("Retransmissions") == 0
    assert shift.sipp.requests_seen_twice() == []
    shift.aftermath.after()
    assert shift.aftermath.service.status()["retransmissions"] == 0
    ended = [talk.told["call_terminated"] for talk in shift.talks()]
    assert [event["retransmissions"] for event in ended] == [0] * len(ended)


def test_the_records_are_right_to_a_tenth_of_a_second(shift: Shift) -> None:
    for talk in shift.talks():
        record, told = talk.record, talk.told
        called_at = shift.sipp.time_of(talk.call_number, "INVITE", sent=True)
        rang_at, connected_at, ended_at = (
            told[name]["time"] for name in ("incoming_call", "call_connected", "call_terminated")
        )
        assert record.arrived_at == pytest.approx(called_at, abs=EXACT)
        assert record.wait_seconds == pytest.approx(connected_at - called_at, abs=EXACT)
        assert record.ring_seconds == pytest.approx(connected_at - rang_at, abs=EXACT)
        assert record.talk_seconds == pytest.approx(ended_at - connected_at, abs=EXACT)


def test_a_dialog_and_a_relay_have_one_greenlet_each(shift: Shift) -> None:
    callers, agents = len(CALLER_TONES), len(AGENT_TONES)
    held = shift.during
    assert (held.active_calls, held.legs, held.ports_in_use) == (callers, callers + agents, callers + agents)
    assert held.dialogs == held.greenlets["serve"]["dialog"] == callers + agents
    assert held.greenlets["media"]["relay"] == callers


@pytest.mark.last
def test_everything_is_given_back(shift: Shift) -> None:
    after = shift.aftermath.after()
    assert after == shift.before
    assert "dialog" not in after.greenlets["serve"]
    assert "relay" not in after.greenlets["media"]


@pytest.mark.last
def test_nothing_in_the_log_warns(shift: Shift) -> None:
    shift.aftermath.after()
    assert shift.aftermath.service.trouble() == []
