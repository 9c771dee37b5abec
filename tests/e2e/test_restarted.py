"""The service is killed and started again: the audio has no gap, and callers keep call and place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.phone import Phone
from tests.e2e.records import read_records
from tests.e2e.rtp_peer import RtpPeers, is_unbroken, longest_gap
from tests.e2e.service import Service, until
from tests.e2e.sipp import Caller, Sipp

pytestmark = pytest.mark.alone

LONGEST_GAP = 0.06
_STATES = "SELECT state FROM calls ORDER BY arrived_at"


def states(service: Service) -> list[str]:
    """Where the calls are on their way, in the order of their arrival."""
    return [row["state"] for row in service.rows(_STATES)]


@pytest.mark.long
def test_one_talks_on_and_one_keeps_its_place_and_music(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "service", agents=["alice"], is_program=True) as service,
        Phone("alice", "--play", "tone:1100", "--hang-up-after", "8", server=service.server) as phone,
        RtpPeers([450, 550]) as callers,
    ):
        phone.wait_for("registered")
        rows = [Caller(f"555{number}", peer.port) for number, peer in enumerate(callers.peers, 1)]
        sipp = Sipp(tmp_path / "sipp", server=service.server, callers=rows)
        phone.wait_for("call_connected")
        assert until(lambda: sorted(states(service)) == ["connected", "queued"], 5)
        assert until(lambda: all(peer.arrivals for peer in callers.peers), 5)
        time.sleep(1)
        service.kill()
        killed_at = time.time()
        time.sleep(1)
        service.serve()
        assert service.present()["active_calls"] == 2
        phone.wait_for("call_connected", 2, timeout=20)
        taken_at = time.time()
        for peer in callers.peers:
            heard = [arrival.time for arrival in peer.between(killed_at - 0.5, taken_at)]
            assert longest_gap(heard) <= LONGEST_GAP
            assert is_unbroken(peer.arrivals)
        assert sipp.wait().exit_code == 0
        assert until(lambda: states(service) == ["ended", "ended"], 10)
        records = read_records(service)
        assert [(record.disposition, record.hung_up_by) for record in records] == [("answered", "agent")] * 2
        for ended in phone.said("call_terminated"):
            assert ended["sources"] == 1
            assert ended["longest_gap_ms"] <= LONGEST_GAP * 1000
        after = service.present()
        assert (after["legs"], after["ports_in_use"], after["dialogs"]) == (0, 0, 0)
