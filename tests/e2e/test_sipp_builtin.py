"""SIPp's own client, unchanged: every one of its calls reaches the agent."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.phone import Phone
from tests.e2e.records import read_records
from tests.e2e.service import Service, until
from tests.e2e.sipp import Sipp

CALLS = 4


def test_each_call_of_sipps_client_is_talked_through(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "service", agents=["alice"]) as service,
        Phone("alice", "--answer-after", "0.2", server=service.server) as phone,
    ):
        phone.wait_for("registered")
        result = Sipp(
            tmp_path / "sipp",
            server=service.server,
            scenario=None,
            calls=CALLS,
            talk_milliseconds=1500,
            at_once=1,
        ).wait()
        assert result.exit_code == 0, result.output
        phone.wait_for("call_terminated", CALLS)
        assert until(lambda: all(record.ended_at for record in read_records(service)), 5)
        records = read_records(service)
        assert [record.agent for record in records] == ["alice"] * CALLS
        assert [record.hung_up_by for record in records] == ["caller"] * CALLS
        assert all((record.talk_seconds or 0) > 0.4 for record in records)
        assert len(phone.said("call_connected")) == CALLS
        assert service.trouble() == []
