"""`sip.*`: each setting at two values, seen from outside."""

from __future__ import annotations

import pytest

from tests.e2e.raw_sip import RawSip, status_of
from tests.gevent.callcenter.conftest import wait_until
from tests.gevent.effects.outside import MakeDesk, at, register_answer


@pytest.mark.effect("sip.host")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_sip_is_received_at_its_address(make_desk: MakeDesk, host: str) -> None:
    desk = make_desk(SIP__HOST=host)
    other = "127.0.0.2" if host == "127.0.0.1" else "127.0.0.1"
    assert status_of(register_answer(desk, host)) == 401
    assert register_answer(desk, other) == ""


@pytest.mark.effect("sip.port")
def test_sip_is_received_at_its_port(make_desk: MakeDesk) -> None:
    first = make_desk()
    assert status_of(register_answer(first)) == 401
    port = first.settings.sip.port
    first.close()
    second = make_desk()
    assert second.settings.sip.port != port
    assert status_of(register_answer(second)) == 401
    assert register_answer(first) == ""


@pytest.mark.effect("sip.advertised_host")
@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.7"])
def test_phones_are_told_the_advertised_host(make_desk: MakeDesk, host: str) -> None:
    desk = make_desk("alice", SIP__ADVERTISED_HOST=host)
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    rung = alice.wait_for_call().invite
    assert f"c=IN IP4 {host}\r\n" in caller.remote_body.decode()
    assert f"c=IN IP4 {host}\r\n" in rung.body.decode()
    assert f"Via: SIP/2.0/UDP {host}:" in rung.serialise().decode()
    (contact,) = [line for line in rung.serialise().decode().splitlines() if line.startswith("Contact:")]
    assert f"@{host}:" in contact
    assert desk.center is not None
    desk.center.stop()  # a phone's BYE would go to where nobody is


@pytest.mark.effect("sip.pool_size")
@pytest.mark.parametrize(("size", "refused"), [(1, True), (50, False)])
def test_above_the_pool_the_answer_is_503(make_desk: MakeDesk, size: int, refused: bool) -> None:
    desk = make_desk(SIP__POOL_SIZE=str(size))
    with RawSip(at(desk)) as raw:
        for _ in range(20):
            raw.send(raw.request("REGISTER", "alice"))
        codes: list[int | None] = []

        def all_answered() -> bool:
            answer = raw.receive(0.2)
            if answer is not None and not answer.startswith("SIP/2.0 1"):
                codes.append(status_of(answer))
            return len(codes) >= 20

        wait_until(all_answered, "an answer to each")
    assert (503 in codes) == refused
