"""`media.*`: each setting at two values, seen from outside, with a media process as in production."""

from __future__ import annotations

import os
from pathlib import Path

import gevent
import pytest

from callengine.sdp.session import SessionDescription
from tests.e2e.ports import free_udp_range
from tests.e2e.raw_sip import SDP
from tests.e2e.service import children
from tests.fakes.phone import answer
from tests.fakes.rtp_phone import RtpPhone
from tests.gevent.effects.outside import MakeDesk, finish, is_taken, with_media_process


@pytest.mark.effect("media.host")
@pytest.mark.effect("media.port_first")
@pytest.mark.effect("media.port_last")
@pytest.mark.effect("media.socket")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_rtp_is_received_at_its_address_within_its_ports(
    make_desk: MakeDesk, tmp_path: Path, host: str
) -> None:
    first, last = free_udp_range(2)
    media_socket = tmp_path / f"{host}.sock"
    desk = make_desk(
        open_now=False,
        MEDIA__HOST=host,
        MEDIA__PORT_FIRST=str(first),
        MEDIA__PORT_LAST=str(last),
        MEDIA__SOCKET=str(media_socket),
    )
    with with_media_process(desk):
        assert media_socket.is_socket()
        caller = desk.phone().call("support")
        port = SessionDescription.parse(caller.remote_body).media[0].port
        assert first <= port <= last
        assert is_taken(host, port)
        assert not is_taken("127.0.0.2" if host == "127.0.0.1" else "127.0.0.1", port)
        refused = desk.phone().call("support").refused  # two ports are one leg
        assert refused is not None
        assert refused[0] == 503
        finish(desk, caller)


@pytest.mark.effect("media.reserve")
@pytest.mark.parametrize(("reserve", "count"), [("true", 1), ("false", 0)])
def test_another_process_waits_in_reserve(make_desk: MakeDesk, reserve: str, count: int) -> None:
    desk = make_desk(open_now=False, MEDIA__RESERVE=reserve)
    with with_media_process(desk):
        gevent.sleep(1.5)  # it is started a second after the one that serves
        commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in children(os.getpid())]
        assert sum("--standby" in command for command in commands) == count


@pytest.mark.effect("media.timeout_seconds")
@pytest.mark.parametrize(("seconds", "is_hung_up"), [("0.5", True), ("60", False)])
def test_a_phone_that_falls_silent_is_hung_up(make_desk: MakeDesk, seconds: str, is_hung_up: bool) -> None:
    first, last = free_udp_range(20)
    ports = {"MEDIA__PORT_FIRST": str(first), "MEDIA__PORT_LAST": str(last)}
    desk = make_desk("alice", open_now=False, MEDIA__TIMEOUT_SECONDS=seconds, **ports)
    with with_media_process(desk):
        alice = desk.agent("alice", script=answer)
        mouth = RtpPhone()
        offer = SDP.format(port=mouth.port, formats="0")
        caller = desk.phone().call("support", body=offer.encode())
        alice.wait_for_call().confirmed.wait(5)
        desk.until("select state from calls", "connected")
        mouth.engine_port = SessionDescription.parse(caller.remote_body).media[0].port
        mouth.speak()
        gevent.sleep(0.2)
        mouth.be_silent()
        assert caller.ended.wait(3) == is_hung_up
        finish(desk, caller)
        mouth.close()
