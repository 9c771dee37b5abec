"""The service dies in a bridged call: the audio goes on, and the rows are enough to end the call well."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from callengine.sip.dialog import Dialog, DialogFacts
from callengine.sip.message import Request, Response, parse
from tests.e2e.phone import Phone
from tests.e2e.rtp_peer import RtpPeers, is_unbroken, longest_gap
from tests.e2e.service import Service, is_alive, until
from tests.e2e.sipp import Caller, Sipp

pytestmark = [pytest.mark.alone, pytest.mark.quiet]

SECONDS_ALONE = 3.0
LONGEST_GAP = 0.06
_LIVE_LEGS = "SELECT * FROM legs WHERE state = 'connected' ORDER BY role"


@dataclass(frozen=True)
class StoredLeg:
    """A leg as its row has it."""

    role: str
    facts: DialogFacts
    flow: tuple[str, int]


def _stored_legs(service: Service) -> list[StoredLeg]:
    return [_stored_leg(row) for row in service.rows(_LIVE_LEGS)]


def _stored_leg(row: dict[str, Any]) -> StoredLeg:
    facts = DialogFacts(
        call_id=row["sip_call_id"],
        local_tag=row["local_tag"],
        remote_tag=row["remote_tag"] or "",
        local_uri=row["local_uri"],
        remote_uri=row["remote_uri"],
        route_set=tuple(json.loads(row["route_set"])),
        remote_target=row["remote_target"],
        local_cseq=row["local_cseq"],
        remote_cseq=row["remote_cseq"],
        is_uac=row["direction"] == "outgoing",
    )
    return StoredLeg(row["role"], facts, (row["host"], row["port"]))


def _bye(leg: StoredLeg, port: int) -> Request:
    """The BYE that follows from the stored facts; its CSeq jumps a block, as after every restart."""
    dialog = Dialog.from_facts(leg.facts)
    dialog.raise_cseq()
    bye = dialog.next_request("BYE")
    bye.headers.insert_first("Via", f"SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKtest{leg.facts.local_tag}")
    return bye


def _answer_to(bye: Request, leg: StoredLeg, port: int) -> Response:
    """What the phone answers when the BYE comes from the address that the service had."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", port))
        own.settimeout(5)
        own.sendto(bye.serialise(), leg.flow)
        while True:
            answer = parse(own.recv(65535))
            if isinstance(answer, Response) and answer.call_id == leg.facts.call_id:
                return answer


def test_audio_goes_on_without_the_service_and_its_rows_end_the_call(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "service", agents=["alice"], is_program=True) as service,
        Phone("alice", "--play", "tone:1100", server=service.server) as phone,
        RtpPeers([450]) as callers,
    ):
        phone.wait_for("registered")
        peer = callers.peers[0]
        sipp = Sipp(tmp_path / "sipp", server=service.server, callers=[Caller("5551", peer.port)])
        phone.wait_for("call_connected")
        assert until(lambda: len(_stored_legs(service)) == 2, 5)
        time.sleep(1)
        killed_at = time.time()
        service.kill()
        time.sleep(SECONDS_ALONE)
        assert all(is_alive(pid) for pid in service.worker_pids)
        heard = peer.between(killed_at - 0.5, killed_at + SECONDS_ALONE)
        assert heard[-1].time > killed_at + SECONDS_ALONE - LONGEST_GAP
        assert longest_gap([arrival.time for arrival in heard]) <= LONGEST_GAP
        assert is_unbroken(peer.arrivals)
        legs = _stored_legs(service)
        assert {leg.role for leg in legs} == {"caller", "agent"}
        for leg in legs:
            assert _answer_to(_bye(leg, service.sip_port), leg, service.sip_port).status == 200
        ended = phone.wait_for("call_terminated")
        assert (ended["hung_up_by"], ended["sources"]) == ("remote", 1)
        assert ended["longest_gap_ms"] <= LONGEST_GAP * 1000
        assert sipp.wait().exit_code == 0
