"""The service is told to end, or to read its settings again, by signals, as an operator or systemd would."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.e2e.phone import Phone
from tests.e2e.raw_sip import SDP, RawSip, header
from tests.e2e.records import read_records
from tests.e2e.rtp_peer import RtpPeers
from tests.e2e.service import Service, until
from tests.e2e.sipp import Caller, Sipp


def answer_to_a_new_call(service: Service, number: str = "support") -> str:
    """The final response to an INVITE; a refusal is ACKed."""
    with RawSip(service.server) as phone:
        invite = phone.request("INVITE", number, body=SDP.format(port=9, formats="0"))
        response = phone.final_response(invite)
        assert response is not None
        phone.acknowledge(invite, response)
    return response


def test_calls_finish_before_the_service_ends(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "service", agents=["alice"], settings={"GENERAL__DRAIN_SECONDS": "30"}) as service,
        Phone("alice", "--hang-up-after", "3", server=service.server) as alice,
        RtpPeers([450]) as callers,
    ):
        alice.wait_for("registered")
        sipp = Sipp(tmp_path / "sipp", server=service.server, callers=[Caller("5551", callers.peers[0].port)])
        alice.wait_for("call_connected")
        service.tell(signal.SIGTERM)
        assert until(lambda: "drains" in service.log.read_text(), 5)
        response = answer_to_a_new_call(service)
        assert response.startswith("SIP/2.0 503 ")
        assert header(response, "Retry-After") == "35"
        assert service.present()["draining"]
        assert service.wait(20) == 0
        assert sipp.wait().exit_code == 0
        (record,) = read_records(service)
        assert (record.hung_up_by, record.disposition) == ("agent", "answered")
        assert service.trouble() == []


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "service", agents=["alice"], settings={"GENERAL__DRAIN_SECONDS": "60"}) as service,
        Phone("alice", server=service.server) as alice,
        RtpPeers([450]) as callers,
    ):
        alice.wait_for("registered")
        sipp = Sipp(tmp_path / "sipp", server=service.server, callers=[Caller("5551", callers.peers[0].port)])
        alice.wait_for("call_connected")
        service.tell(signal.SIGINT)
        assert until(lambda: "drains" in service.log.read_text(), 5)
        service.tell(signal.SIGINT)
        assert service.wait(15) == 0
        assert alice.wait_for("call_terminated")["hung_up_by"] == "remote"
        assert sipp.wait().exit_code == 0
        (record,) = read_records(service)
        assert record.hung_up_by == "system"


def test_settings_are_read_again_at_sighup(tmp_path: Path) -> None:
    extra = tmp_path / "extra.toml"
    extra.write_text("[default]\n")
    with Service(tmp_path / "service", agents=["alice"], settings={"SETTINGS": str(extra)}) as service:
        assert answer_to_a_new_call(service, "closed").startswith("SIP/2.0 404 ")
        extra.write_text('[default.numbers.closed]\ndestination = "hangup:480"\n')
        service.tell(signal.SIGHUP)
        assert until(lambda: "numbers.closed is new" in service.log.read_text(), 5)
        assert answer_to_a_new_call(service, "closed").startswith("SIP/2.0 480 ")
        extra.write_text('[default.numbers.closed]\ndestination = "hangup:600"\n[default.sip]\nprot = 1\n')
        service.tell(signal.SIGHUP)
        assert until(lambda: "not taken over" in service.log.read_text(), 5)
        assert "sip.prot" in service.log.read_text()
        assert answer_to_a_new_call(service, "closed").startswith("SIP/2.0 480 ")
