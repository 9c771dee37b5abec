"""The tools of these tests, tried without a call center: SIPp calls a softphone, tones name who is heard."""

from __future__ import annotations

import wave
from pathlib import Path

from tests.e2e import tones
from tests.e2e.phone import Phone
from tests.e2e.ports import free_port
from tests.e2e.rtp_peer import RtpPeers, is_unbroken, longest_gap
from tests.e2e.service import open_files, udp_sockets, until
from tests.e2e.sipp import Caller, Sipp

CALLER_TONE, PHONE_TONE, OTHER_TONE = 450, 1100, 750


def test_a_call_is_heard_at_both_ends(tmp_path: Path) -> None:
    port, recording = free_port(), tmp_path / "heard.wav"
    options = ("--port", str(port), "--play", f"tone:{PHONE_TONE}", "--record", str(recording))
    with (
        Phone("alice", *options, "--hang-up-after", "1", server="127.0.0.1:5060", password=None) as phone,
        RtpPeers([CALLER_TONE]) as callers,
    ):
        peer = callers.peers[0]
        assert until(lambda: udp_sockets([phone.process.pid]) == 1, 10)
        sipp = Sipp(
            tmp_path / "sipp",
            server=f"127.0.0.1:{port}",
            service="alice",
            callers=[Caller("5551", peer.port)],
        )
        connected = phone.wait_for("call_connected")
        assert connected["remote_media"] == f"127.0.0.1:{peer.port}"
        assert udp_sockets([phone.process.pid]) == 2
        assert open_files(phone.process.pid) > 2
        result = sipp.wait()
        assert result.exit_code == 0, result.output
        assert (result.count("SuccessfulCall"), result.count("Retransmissions")) == (1, 0)
        assert result.requests_seen_twice() == []
        ended = phone.wait_for("call_terminated")
        assert ended["time"] - connected["time"] > 0.9
        assert result.time_of(1, "BYE", sent=False) > result.time_of(1, "INVITE", sent=True)
        assert is_unbroken(peer.arrivals)
        assert 0 < longest_gap([arrival.time for arrival in peer.arrivals]) < 1
        assert phone.stop() == 0
    heard = peer.heard(connected["time"], ended["time"])
    all_tones = (CALLER_TONE, PHONE_TONE, OTHER_TONE)
    assert tones.heard_shares(heard, all_tones) == {CALLER_TONE: 0.0, PHONE_TONE: 1.0, OTHER_TONE: 0.0}
    with wave.open(str(recording)) as recorded:
        assert recorded.getnframes() > tones.RATE // 2
    heard = tones.read_wav(recording)[800:]
    assert tones.heard_shares(heard, all_tones) == {CALLER_TONE: 1.0, PHONE_TONE: 0.0, OTHER_TONE: 0.0}


def test_a_scenario_that_fails_is_told(tmp_path: Path) -> None:
    port = free_port()
    with Phone(
        "alice", "--port", str(port), "--reject", "603", server="127.0.0.1:5060", password=None
    ) as phone:
        assert until(lambda: udp_sockets([phone.process.pid]) == 1, 10)
        result = Sipp(tmp_path / "sipp", server=f"127.0.0.1:{port}", callers=[Caller("5551", 40000)]).wait()
        assert result.exit_code != 0
        assert result.count("FailedCall") == 1
        assert "603" in result.output
        assert phone.wait_for("call_terminated")["status"] == 603
