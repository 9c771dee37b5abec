"""The service is told to end in the middle of a call: everybody is hung up on, and nothing is left."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.phone import Phone
from tests.e2e.records import read_records
from tests.e2e.rtp_peer import RtpPeers
from tests.e2e.service import Service, is_alive, until
from tests.e2e.sipp import Caller, Sipp


def test_an_orderly_end_hangs_up_every_call(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "service", agents=["alice"]) as service,
        Phone("alice", server=service.server) as phone,
        RtpPeers([450, 550]) as callers,
    ):
        phone.wait_for("registered")
        rows = [Caller(f"555{number}", peer.port) for number, peer in enumerate(callers.peers, 1)]
        sipp = Sipp(tmp_path / "sipp", server=service.server, callers=rows)
        phone.wait_for("call_connected")
        assert until(lambda: all(peer.arrivals for peer in callers.peers), 5)
        assert service.stop() == 0
        assert until(lambda: not any(is_alive(pid) for pid in service.pids), 5)
        assert phone.wait_for("call_terminated")["hung_up_by"] == "remote"
        assert sipp.wait().exit_code == 0
        records = read_records(service)
        assert [record.hung_up_by for record in records] == ["system", "system"]
        assert all(record.ended_at for record in records)
        assert service.trouble() == []
