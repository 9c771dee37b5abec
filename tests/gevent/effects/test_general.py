"""`general.*`: each setting at two values, seen from outside."""

from __future__ import annotations

from pathlib import Path

import gevent
import pytest

from callengine.sip.message import Request
from tests.fakes.phone import Phone
from tests.gevent.effects.outside import MakeDesk, finish, is_taken, register_answer, run_command

REALM = {"GENERAL__REGISTRAR_DOMAIN": "127.0.0.1"}


def invite_seen_by(alice: Phone) -> Request:
    """The INVITE that reached the agent."""
    return alice.wait_for_call().invite


@pytest.mark.effect("general.domain")
@pytest.mark.parametrize("domain", ["one.example", "two.example"])
def test_agents_see_callers_in_our_domain(make_desk: MakeDesk, domain: str) -> None:
    desk = make_desk("alice", GENERAL__DOMAIN=domain, **REALM)
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    seen = invite_seen_by(alice)
    assert (seen.from_.uri.host, seen.to.uri.host) == (domain, domain)
    finish(desk, caller)


@pytest.mark.effect("general.lease_seconds")
@pytest.mark.parametrize(("seconds", "is_repaired"), [("0.3", True), ("600", False)])
def test_what_disagrees_for_a_lease_is_repaired(make_desk: MakeDesk, seconds: str, is_repaired: bool) -> None:
    desk = make_desk(GENERAL__LEASE_SECONDS=seconds)
    desk.change("UPDATE queues SET depth = 7")
    if is_repaired:
        desk.until("select depth from queues", 0)
        desk.until("select count(*) from event_log where type = 'state_repaired'", 1)
    else:
        gevent.sleep(1)
        assert desk.one("select depth from queues")["depth"] == 7


@pytest.mark.effect("general.call_center_service")
@pytest.mark.parametrize("service", ["support", "helpdesk"])
def test_agents_see_the_service_in_place_of_a_withheld_number(make_desk: MakeDesk, service: str) -> None:
    desk = make_desk("alice", GENERAL__CALL_CENTER_SERVICE=service)
    alice = desk.agent("alice")
    caller = desk.phone().call("support", from_="<sip:anonymous@anonymous.invalid>")
    assert invite_seen_by(alice).from_.uri.user == service
    finish(desk, caller)


@pytest.mark.effect("general.local_ip")
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_sip_is_spoken_at_the_local_address(make_desk: MakeDesk, address: str) -> None:
    desk = make_desk(GENERAL__LOCAL_IP=address)
    other = "127.0.0.2" if address == "127.0.0.1" else "127.0.0.1"
    assert is_taken(address, desk.settings.sip.port)
    assert not is_taken(other, desk.settings.sip.port)


@pytest.mark.effect("general.registrar_domain")
@pytest.mark.parametrize("realm", ["one.example", "two.example"])
def test_phones_are_asked_for_the_password_of_that_realm(make_desk: MakeDesk, realm: str) -> None:
    desk = make_desk(GENERAL__REGISTRAR_DOMAIN=realm)
    assert f'realm="{realm}"' in register_answer(desk)


@pytest.mark.effect("general.bye_race_delay_ms")
@pytest.mark.parametrize("milliseconds", [0, 3000])
def test_the_other_side_is_hung_up_after_the_delay(make_desk: MakeDesk, milliseconds: int) -> None:
    desk = make_desk("alice", GENERAL__BYE_RACE_DELAY_MS=str(milliseconds))
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    session = alice.wait_for_call()
    session.confirmed.wait(5)
    desk.until("select state from calls", "connected")
    caller.hang_up()
    desk.until("select state from calls", "ended")
    assert session.ended.wait(0.5 if milliseconds else 5) == (milliseconds == 0)
    assert session.ended.wait(5)


@pytest.mark.effect("general.bye_timeout_seconds")
@pytest.mark.parametrize("seconds", [0.2, 2.5])
def test_a_bye_is_given_up_after_its_timeout(make_desk: MakeDesk, seconds: float) -> None:
    desk = make_desk("alice", GENERAL__BYE_TIMEOUT_SECONDS=str(seconds), GENERAL__BYE_RETRY_ATTEMPTS="0")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    session = alice.wait_for_call()
    session.confirmed.wait(5)
    desk.until("select state from calls", "connected")
    alice.vanish()
    caller.hang_up()
    desk.until("select state from agents", "available")
    ended = desk.one("select at from event_log where type = 'call_ended'")["at"]
    closed = desk.one("select at from event_log where type = 'leg_closed_unconfirmed'")["at"]
    assert seconds <= closed - ended < seconds + 2


@pytest.mark.effect("general.control_socket")
@pytest.mark.parametrize("name", ["one.sock", "two.sock"])
def test_the_command_line_finds_the_service_at_its_socket(
    make_desk: MakeDesk, tmp_path: Path, name: str
) -> None:
    desk = make_desk(GENERAL__CONTROL_SOCKET=str(tmp_path / name))
    assert [path.name for path in tmp_path.glob("*.sock")] == [name]
    assert run_command(desk, "status").returncode == 0
