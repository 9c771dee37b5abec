"""The command line beside a running service: what it prints, what it changes, how it ends the service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.phone import Phone
from tests.e2e.records import read_records
from tests.e2e.service import PASSWORD, Service


def printed(service: Service, *arguments: str) -> list[list[str]]:
    """The cells of the table that a command prints."""
    return [line.split() for line in service.command(*arguments).splitlines()]


def test_an_operators_day(tmp_path: Path) -> None:
    caller = ("caller", "--call", "sip:support@{}", "--hang-up-after", "60")
    with Service(
        tmp_path / "service", agents=["alice"], settings={"GENERAL__DRAIN_SECONDS": "30"}
    ) as service:
        service.command("agents", "add", "bob", "--password", PASSWORD, "--queue", "support")
        call = [text.format(service.server) for text in caller]
        with Phone("bob", server=service.server) as bob:
            bob.wait_for("registered")
            assert printed(service, "agents", "list")[2][:2] == ["bob", "available"]
            with pytest.raises(RuntimeError, match="callengine: agent alice is offline and cannot be paused"):
                service.command("agents", "pause", "alice")
            service.command("agents", "pause", "bob", "--reason", "lunch")
            assert printed(service, "agents", "list")[2][1:3] == ["paused", "(lunch)"]
            with Phone(*call, server=service.server, password=None) as first:
                first.wait_for("call_connected")
                assert printed(service, "queues", "list")[1][:2] == ["support", "1"]
                assert printed(service, "queues", "show", "support")[-1][:3] == ["1", "caller", "waiting"]
                service.command("agents", "resume", "bob")
                bob.wait_for("call_connected")
                (row,) = printed(service, "calls", "list")[1:]
                assert row[2:7] == ["caller", "support", "support", "bob", "connected"]
                assert "call_connected" in service.command("calls", "show", row[0][:8])
                service.command("calls", "hangup", row[0][:8])
                bob.wait_for("call_terminated")
        (record,) = read_records(service)
        assert record.hung_up_by == "system"
        service.command("agents", "remove", "bob")
        assert [agent["name"] for agent in json.loads(service.command("agents", "list", "--json"))] == [
            "alice"
        ]
        assert printed(service, "calls", "list", "--latest", "5")[1][5] == "bob"
        assert "drains: 0 calls" in service.command("drain", "--wait")
        assert service.wait(10) == 0
        assert service.trouble() == []
        assert "bob" in service.command("calls", "list", "--latest", "5")
