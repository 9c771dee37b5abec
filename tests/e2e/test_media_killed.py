"""The media process dies or freezes in a bridged call: the audio comes back, the call ends as ever."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.e2e import tones
from tests.e2e.phone import Phone
from tests.e2e.ports import free_udp_range
from tests.e2e.records import read_records
from tests.e2e.rtp_peer import RtpPeer, RtpPeers, longest_gap
from tests.e2e.service import Service, udp_sockets, until
from tests.e2e.sipp import Caller, Sipp

CALLER_TONE, AGENT_TONE, OTHER_TONE = 450, 1100, 1900
pytestmark = pytest.mark.alone

ALL_TONES = (CALLER_TONE, AGENT_TONE, OTHER_TONE)
LONGEST_GAP = 1.0
"""The promise of the service."""
SECONDS_AFTER = 1.0
_RESTARTED = "SELECT payload FROM event_log WHERE type = 'media_restarted'"


def _own_ports() -> dict[str, str]:
    """Which nobody else takes meanwhile; and a media process in reserve."""
    first, last = free_udp_range(20)
    return {"MEDIA__PORT_FIRST": str(first), "MEDIA__PORT_LAST": str(last), "MEDIA__RESERVE": "true"}


def _speaks_again(peer: RtpPeer, since: float) -> bool:
    """Whether a second of audio has come from the new process."""
    return len([each for each in peer.between(since, time.time()) if each.ssrc != peer.arrivals[0].ssrc]) > 50


@pytest.mark.long
def test_both_are_killed_and_who_talks_hears_each_other_again(tmp_path: Path) -> None:
    recording = tmp_path / "alice.wav"
    options = ("--play", f"tone:{AGENT_TONE}", "--record", str(recording), "--hang-up-after", "15")
    with (
        Service(tmp_path / "service", agents=["alice"], settings=_own_ports(), is_program=True) as service,
        Phone("alice", *options, server=service.server) as phone,
        RtpPeers([CALLER_TONE], patience=20.0) as callers,
    ):
        phone.wait_for("registered")
        peer = callers.peers[0]
        sipp = Sipp(tmp_path / "sipp", server=service.server, callers=[Caller("5551", peer.port)])
        phone.wait_for("call_connected")
        time.sleep(1)
        struck_at = time.time()
        (media,) = service.worker_pids
        service.kill()
        os.kill(media, signal.SIGKILL)
        service.serve()
        assert until(lambda: _speaks_again(peer, struck_at), 10), service.trouble()
        back_by = time.time()
        phone.wait_for("call_terminated", timeout=20)
        result = sipp.wait()
        assert result.exit_code == 0, "a re-INVITE, which nobody needs who is heard, would be an error"
        assert until(lambda: service.present()["legs"] == 0, 5)
        (record,) = read_records(service)
    assert (record.disposition, record.hung_up_by) == ("answered", "agent")
    only_agent = {CALLER_TONE: 0.0, AGENT_TONE: 1.0, OTHER_TONE: 0.0}
    assert tones.heard_shares(peer.heard(back_by - 0.8, back_by), ALL_TONES) == only_agent
    only_caller = {CALLER_TONE: 1.0, AGENT_TONE: 0.0, OTHER_TONE: 0.0}
    last_second = tones.read_wav(recording)[-int(SECONDS_AFTER * tones.RATE) :]
    assert tones.heard_shares(last_second, ALL_TONES) == only_caller


@pytest.mark.parametrize("fault", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.long)])
def test_who_talks_hears_each_other_again(
    tmp_path: Path, fault: signal.Signals, result_lines: list[str]
) -> None:
    recording = tmp_path / "alice.wav"
    options = ("--play", f"tone:{AGENT_TONE}", "--record", str(recording), "--hang-up-after", "7")
    with (
        Service(tmp_path / "service", agents=["alice"], settings=_own_ports(), is_program=True) as service,
        Phone("alice", *options, server=service.server) as phone,
        RtpPeers([CALLER_TONE], patience=6.0) as callers,
    ):
        phone.wait_for("registered")
        peer = callers.peers[0]
        sipp = Sipp(tmp_path / "sipp", server=service.server, callers=[Caller("5551", peer.port)])
        connected = phone.wait_for("call_connected")
        time.sleep(1)
        struck_at = time.time()
        (media,) = service.worker_pids
        os.kill(media, fault)
        assert until(lambda: _speaks_again(peer, struck_at), 10), service.trouble()
        back_by = time.time()
        service.worker_pids = [service.present()["media_pid"]]
        assert service.worker_pids != [media]
        ended = phone.wait_for("call_terminated", timeout=20)
        assert sipp.wait().exit_code == 0
        assert until(lambda: service.present()["legs"] == 0, 5)
        assert udp_sockets(service.pids) == 1, "the SIP socket alone"
        (record,) = read_records(service)
        assert service.rows(_RESTARTED) == [{"payload": '{"legs_reopened":2,"legs_lost":0}'}]
    gap = longest_gap([arrival.time for arrival in peer.between(struck_at - 0.5, back_by)])
    result_lines.append(f"media process, {fault.name}: {gap:.2f} s without audio")
    assert 0 < gap < LONGEST_GAP
    assert ended["longest_gap_ms"] < LONGEST_GAP * 1000
    assert (ended["hung_up_by"], ended["sources"]) == ("local", 2)
    assert (record.disposition, record.hung_up_by) == ("answered", "agent")
    assert record.talk_seconds == pytest.approx(ended["time"] - connected["time"], abs=0.5)
    only_agent = {CALLER_TONE: 0.0, AGENT_TONE: 1.0, OTHER_TONE: 0.0}
    assert tones.heard_shares(peer.heard(back_by - 0.8, back_by), ALL_TONES) == only_agent
    only_caller = {CALLER_TONE: 1.0, AGENT_TONE: 0.0, OTHER_TONE: 0.0}
    last_second = tones.read_wav(recording)[-int(SECONDS_AFTER * tones.RATE) :]
    assert tones.heard_shares(last_second, ALL_TONES) == only_caller
