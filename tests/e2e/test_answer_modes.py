"""How callers of real phones are answered: at once, by early media, with the agent, or directly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e import tones
from tests.e2e.phone import Phone
from tests.e2e.records import CallRecord, offers_of, read_records
from tests.e2e.rtp_peer import RtpPeer, RtpPeers, is_unbroken, longest_gap
from tests.e2e.service import Service, until
from tests.e2e.sipp import Caller, Sipp, SippResult

pytestmark = pytest.mark.alone

LONGEST_GAP = 0.06
CALLER_TONE, AGENT_TONE = 450, 1100
EXACT = 0.1
"""In seconds: by how much a record may differ from what the phones tell."""
MUSIC_ENDS = 0.05
"""In seconds: how long music may go on after an agent's answer, beside the packet that was on its way."""
PACKET = 0.02


@dataclass
class Floor:
    """A service with some agents' phones, and the ear of a caller."""

    service: Service
    agents: dict[str, Phone]
    caller: RtpPeer
    directory: Path

    def call(
        self, scenario: str = "caller.xml", *, talk_milliseconds: int = 0
    ) -> tuple[SippResult, CallRecord]:
        """One call, to its end."""
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
        return result, read_records(self.service)[0]

    def everything_is_given_back(self) -> None:
        """No agent is held, no leg is open."""
        assert until(lambda: self.service.present()["available_agents"] == len(self.agents), 5)
        assert until(lambda: self.service.present()["legs"] == 0, 5)
        assert self.service.trouble() == []


@contextmanager
def floor_of(directory: Path, agents: dict[str, list[str]], **settings: str) -> Iterator[Floor]:
    """With the options of each agent's phone."""
    with ExitStack() as opened:
        service = opened.enter_context(Service(directory / "service", agents=list(agents), settings=settings))
        phones = {
            name: opened.enter_context(Phone(name, *options, server=service.server))
            for name, options in agents.items()
        }
        callers = opened.enter_context(RtpPeers([CALLER_TONE]))
        for phone in phones.values():
            phone.wait_for("registered")
        yield Floor(service, phones, callers.peers[0], directory)


TALKS = ["--answer-after", "1", "--hang-up-after", "1", "--play", f"tone:{AGENT_TONE}"]


def statuses(result: SippResult) -> list[int]:
    """What the INVITE was answered with, in order, without repetitions and 100."""
    found = [
        int(message.first_line.split()[1])
        for message in result.messages
        if not message.sent and message.first_line.startswith("SIP/2.0") and message.cseq.endswith("INVITE")
    ]
    return [status for status in dict.fromkeys(found) if status != 100]


def is_music(payload: bytes) -> bool:
    """Whether it is neither silence nor the agent's tone."""
    samples = tones.decoded(payload)
    is_tone = tones.loudness(samples, AGENT_TONE) >= tones.SOUNDS_FROM
    return not is_tone and max(map(abs, samples)) > tones.SOUNDS_FROM


@pytest.mark.parametrize(
    ("settings", "told", "hears_music"),
    [
        pytest.param({"QUEUES__SUPPORT__ANSWER": "immediately"}, [200], True, marks=pytest.mark.long),
        ({"QUEUES__SUPPORT__ANSWER": "early_media"}, [183, 200], True),
        ({"QUEUES__SUPPORT__ANSWER": "with_agent"}, [180, 200], False),
        pytest.param({"ROUTING__MODE": "direct_when_available"}, [180, 200], False, marks=pytest.mark.long),
    ],
    ids=["immediately", "early_media", "with_agent", "direct"],
)
def test_a_caller_from_the_invite_to_the_record(
    tmp_path: Path, settings: dict[str, str], told: list[int], hears_music: bool
) -> None:
    with floor_of(tmp_path, {"alice": TALKS}, **settings) as floor:
        result, record = floor.call()
        assert statuses(result) == told
        connected = floor.agents["alice"].wait_for("call_connected")
        ended = floor.agents["alice"].wait_for("call_terminated")
        assert (record.agent, record.disposition) == ("alice", "answered")
        assert record.talk_seconds == pytest.approx(ended["time"] - connected["time"], abs=EXACT)
        answered_at = floor.service.rows("SELECT answered_at, connected_at FROM calls")[0]
        assert (answered_at["answered_at"] == answered_at["connected_at"]) == (told != [200])
        given = result.time_of(1, "SIP/2.0 200", sent=False)
        expected = record.arrived_at if told == [200] else connected["time"]
        assert given == pytest.approx(expected, abs=EXACT)
        heard = floor.caller.arrivals
        assert is_unbroken(heard)
        assert longest_gap([arrival.time for arrival in heard]) <= LONGEST_GAP
        music = [arrival for arrival in heard if is_music(arrival.payload)]
        if hears_music:
            assert heard[0].time < record.arrived_at + 0.5
            assert len(music) > 10
            assert music[-1].time - connected["time"] < MUSIC_ENDS + PACKET
        else:
            assert heard[0].time >= (record.connected_at or 0) - EXACT
            assert not music
        floor.everything_is_given_back()


def test_a_refused_direct_call_goes_on_with_music_and_the_next_agent(tmp_path: Path) -> None:
    agents = {"alice": ["--reject", "486"], "bob": TALKS}
    with floor_of(tmp_path, agents, ROUTING__MODE="direct_when_available") as floor:
        result, record = floor.call()
        assert statuses(result) == [180, 200]
        assert offers_of(floor.service, record.id) == [("alice", "busy"), ("bob", "ended")]
        assert record.agent == "bob"
        assert is_unbroken(floor.caller.arrivals)
        assert longest_gap([arrival.time for arrival in floor.caller.arrivals]) <= LONGEST_GAP
        assert any(is_music(arrival.payload) for arrival in floor.caller.arrivals)
        floor.everything_is_given_back()


@pytest.mark.parametrize("answer", ["early_media", pytest.param("with_agent", marks=pytest.mark.long)])
def test_a_caller_who_gives_up_before_the_answer(tmp_path: Path, answer: str) -> None:
    agents = {"alice": ["--answer-after", "600"]}
    with floor_of(tmp_path, agents, QUEUES__SUPPORT__ANSWER=answer) as floor:
        result, record = floor.call("caller_cancels.xml", talk_milliseconds=700)
        assert statuses(result) == [183 if answer == "early_media" else 180, 487]
        assert (record.disposition, record.hung_up_by, record.agent) == ("abandoned", "caller", None)
        assert floor.agents["alice"].wait_for("call_terminated")["cause"] == "cancelled"
        assert offers_of(floor.service, record.id) == [("alice", "withdrawn")]
        floor.everything_is_given_back()


def test_of_three_phones_that_ring_one_answers(tmp_path: Path) -> None:
    waits = ["--answer-after", "600"]
    agents = {"alice": waits, "bob": TALKS, "carol": waits}
    with floor_of(tmp_path, agents, QUEUES__SUPPORT__STRATEGY="ring_all") as floor:
        result, record = floor.call()
        assert statuses(result) == [200]
        assert record.agent == "bob"
        assert sorted(offers_of(floor.service, record.id)) == [
            ("alice", "withdrawn"),
            ("bob", "ended"),
            ("carol", "withdrawn"),
        ]
        assert len(floor.service.rows("SELECT DISTINCT offered_at, round FROM offers")) == 1
        for phone in floor.agents.values():
            phone.wait_for("incoming_call")
        for name in ("alice", "carol"):
            assert floor.agents[name].wait_for("call_terminated")["cause"] == "cancelled"
        assert is_unbroken(floor.caller.arrivals)
        assert longest_gap([arrival.time for arrival in floor.caller.arrivals]) <= LONGEST_GAP
        floor.everything_is_given_back()
