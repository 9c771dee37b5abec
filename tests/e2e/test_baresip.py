"""A phone that others wrote registers with digest authentication and takes a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e import tones
from tests.e2e.baresip import Baresip
from tests.e2e.records import read_records
from tests.e2e.rtp_peer import RtpPeers
from tests.e2e.service import PASSWORD, Service, until
from tests.e2e.sipp import Caller, Sipp

CALLER_TONE, AGENT_TONE = 450, 1100
TALK_MILLISECONDS = 2000
SWITCH = 0.3


@pytest.mark.parametrize("transport", ["udp", pytest.param("tcp", marks=pytest.mark.long)])
def test_baresip_is_an_agent(tmp_path: Path, transport: str) -> None:
    with (
        Service(tmp_path / "service", agents=["bill"]) as service,
        Baresip(
            tmp_path / "baresip",
            "bill",
            server=service.server,
            password=PASSWORD,
            tone=AGENT_TONE,
            transport=transport,
        ) as phone,
        RtpPeers([CALLER_TONE]) as caller,
    ):
        assert until(lambda: service.present()["available_agents"] == 1, 10), phone.output()
        peer = caller.peers[0]
        result = Sipp(
            tmp_path / "sipp",
            server=service.server,
            scenario="caller_hangs_up.xml",
            callers=[Caller("5551", peer.port)],
            talk_milliseconds=TALK_MILLISECONDS,
        ).wait()
        assert result.exit_code == 0, result.output
        assert until(lambda: bool(read_records(service)[0].ended_at), 5)
        record = read_records(service)[0]
        assert (record.agent, record.disposition, record.hung_up_by) == ("bill", "answered", "caller")
        phone.wait_for("terminated (duration")
        assert record.connected_at is not None
        assert record.ended_at is not None
        heard = peer.heard(record.connected_at + SWITCH, record.ended_at - SWITCH)
        assert tones.heard_shares(heard, [CALLER_TONE, AGENT_TONE]) == {CALLER_TONE: 0.0, AGENT_TONE: 1.0}
        phone.stop()
        assert until(lambda: service.present()["available_agents"] == 0, 5)
        assert service.trouble() == []
