"""Two hundred connections that each send half a message: calls go on, and all of them are closed in time."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from pathlib import Path

from tests.e2e.phone import Phone
from tests.e2e.records import read_records
from tests.e2e.rtp_peer import RtpPeers
from tests.e2e.service import Service, until
from tests.e2e.sipp import Caller, Sipp

CONNECTIONS = 200
MESSAGE_SECONDS = 4
HALF = (
    b"INVITE sip:support@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKhalf\r\n" + b"X" * 8000
)
MOST_KILOBYTES = 200 * 64
"""What a half message may cost at most, and its connection with it: 64 KB each."""


def resident_kilobytes(pid: int) -> int:
    """How much memory a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def test_calls_go_on_beside_half_messages(tmp_path: Path) -> None:
    settings = {"SIP__MESSAGE_TIMEOUT_SECONDS": str(MESSAGE_SECONDS)}
    with (
        Service(tmp_path / "service", agents=["alice"], settings=settings) as service,
        Phone("alice", "--transport", "tcp", "--hang-up-after", "1", server=service.server) as phone,
        RtpPeers([450]) as callers,
        ExitStack() as opened,
    ):
        phone.wait_for("registered")
        before = resident_kilobytes(service.pid)
        halves = [
            opened.enter_context(socket.create_connection(("127.0.0.1", service.sip_port)))
            for _ in range(CONNECTIONS)
        ]
        begun_at = time.monotonic()
        for half in halves:
            half.sendall(HALF)
        assert until(lambda: service.present()["connections"] > CONNECTIONS, 3)
        row = Caller("5551", callers.peers[0].port)
        result = Sipp(tmp_path / "sipp", server=service.server, callers=[row], transport="tcp").wait()
        assert result.exit_code == 0, result.output
        assert resident_kilobytes(service.pid) - before < MOST_KILOBYTES
        assert until(lambda: service.present()["connections"] == 1, MESSAGE_SECONDS + 5)
        assert time.monotonic() - begun_at >= MESSAGE_SECONDS
        for half in halves:
            half.settimeout(1)
            assert half.recv(4096) == b""
        assert read_records(service)[0].disposition == "answered"
        assert service.trouble() == []
