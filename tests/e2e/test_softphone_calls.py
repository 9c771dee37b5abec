"""A softphone as the caller: it needs no account, presses digits, and hangs up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import tones
from tests.e2e.phone import Phone
from tests.e2e.records import read_records
from tests.e2e.service import Service, until

AGENT_TONE, CALLER_TONE = 1100, 450


@pytest.mark.parametrize("codec", ["PCMU", pytest.param("PCMA", marks=pytest.mark.long)])
def test_a_softphone_calls_the_queue_and_presses_digits(tmp_path: Path, codec: str) -> None:
    heard = tmp_path / "heard.wav"
    with (
        Service(tmp_path / "service", agents=["alice"]) as service,
        Phone("alice", "--play", f"tone:{AGENT_TONE}", "--dtmf", "99@0.5", server=service.server) as agent,
    ):
        agent.wait_for("registered")
        options = ["--call", f"sip:support@{service.server}", "--codecs", codec]
        options += ["--play", f"tone:{CALLER_TONE}", "--record", str(heard)]
        options += ["--dtmf", "12#@1", "--hang-up-after", "2.5"]
        with Phone("5551", *options, server=service.server, password=None) as caller:
            assert caller.process.wait(20) == 0
            agent.wait_for("call_terminated")
            caller.wait_for("call_terminated")
        assert [event["digit"] for event in agent.said("dtmf")] == ["1", "2", "#"]
        assert [event["digit"] for event in caller.said("dtmf")] == ["9", "9"]
        ended = caller.said("call_terminated")[0]
        assert (ended["hung_up_by"], ended["sources"], ended["sequence_breaks"]) == ("local", 1, 0)
        assert until(lambda: read_records(service)[0].ended_at is not None, 5)
        record = read_records(service)[0]
        assert (record.caller_number, record.agent, record.hung_up_by) == ("5551", "alice", "caller")
        assert service.trouble() == []
    talked = tones.read_wav(heard)[-tones.RATE // 2 :]
    assert tones.heard_shares(talked, [AGENT_TONE, CALLER_TONE]) == {AGENT_TONE: 1.0, CALLER_TONE: 0.0}
