"""Registering signs an agent on, un-registering and lapsing sign it off."""

from collections.abc import Callable

import gevent
import pytest

from callengine.cli._office import office
from callengine.errors import CallCenterError
from callengine.sip.flow import Flow
from callengine.sip.registration import RegistrationFailed
from tests.gevent.callcenter.conftest import Desk

MakeDesk = Callable[..., Desk]
STATE = "select state from agents"


def test_a_registration_signs_on_and_its_end_signs_off(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    assert desk.one(STATE)["state"] == "offline"
    alice = desk.agent("alice")
    assert desk.one(STATE)["state"] == "available"
    alice.unregister()
    assert desk.one(STATE)["state"] == "offline"
    assert desk.rows("select * from bindings") == []


def test_a_second_phone_keeps_the_agent_on(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    first, second = desk.agent("alice"), desk.agent("alice")
    first.unregister()
    assert desk.one(STATE)["state"] == "available"
    second.unregister()
    assert desk.one(STATE)["state"] == "offline"


def test_a_refresh_changes_no_state(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    before = desk.one("select count(*) as n from event_log")["n"]
    assert alice.refresh()
    assert desk.one("select count(*) as n from event_log")["n"] == before


def test_an_agent_that_leaves_in_a_call_is_offline_after_it(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until(STATE, "busy")
    alice.unregister()
    assert desk.one(STATE)["state"] == "busy"
    caller.hang_up()
    desk.until(STATE, "offline")


def test_a_sign_off_by_hand_lasts_until_a_new_registration(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    sign_off(desk)
    assert desk.one(STATE)["state"] == "offline"
    assert alice.refresh()
    assert desk.one(STATE)["state"] == "offline"
    second = desk.agent("alice")
    assert desk.one(STATE)["state"] == "available"
    second.unregister()
    assert desk.one(STATE)["state"] == "available"


def test_where_signing_on_is_explicit_registering_makes_reachable_alone(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", AGENTS__SIGN_ON="explicit")
    with pytest.raises(CallCenterError, match="alice has no phone that could ring"):
        sign_on(desk)
    alice = desk.agent("alice")
    assert desk.one(STATE)["state"] == "offline"
    sign_on(desk)
    before = desk.one("select count(*) as n from event_log")["n"]
    assert alice.refresh()
    assert desk.one(STATE)["state"] == "available"
    assert desk.one("select count(*) as n from event_log")["n"] == before
    assert desk.agent_is_free_for_another(alice)
    desk.until(STATE, "available")
    alice.unregister()
    assert desk.one(STATE)["state"] == "offline"
    alice.register()
    assert desk.one(STATE)["state"] == "offline"


def test_where_signing_on_is_explicit_a_phone_that_comes_back_in_a_call_stays(make_desk: MakeDesk) -> None:
    desk = make_desk("alice", AGENTS__SIGN_ON="explicit")
    alice = desk.agent("alice")
    sign_on(desk)
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until(STATE, "busy")
    alice.unregister()
    alice.register()
    caller.hang_up()
    desk.until(STATE, "available")


def test_who_signs_off_in_a_call_is_offline_after_it(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    desk.until(STATE, "busy")
    sign_off(desk)
    assert desk.one(STATE)["state"] == "busy"
    caller.hang_up()
    desk.until(STATE, "offline")


def test_an_agent_of_two_calls_is_offered_a_second_one(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    first, second = desk.phone().call("support"), desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    gevent.sleep(0.1)
    assert len(alice.calls) == 1
    with office(desk.settings) as administration:
        administration.agents.set_max_calls("alice", 2, by="x")
    alice.wait_for_call(2).confirmed.wait(5)
    desk.until("select load from agents", 2)
    with office(desk.settings) as administration:
        administration.agents.set_max_calls("alice", 1, by="x")
    third = desk.phone().call("support")
    first.hang_up()
    desk.until("select load from agents", 1)
    gevent.sleep(0.1)
    assert len(alice.calls) == 2
    second.hang_up()
    alice.wait_for_call(3).confirmed.wait(5)
    third.hang_up()
    desk.until(STATE, "available")


def sign_on(desk: Desk) -> None:
    with office(desk.settings) as administration:
        administration.agents.sign_on("alice", by="x")


def sign_off(desk: Desk) -> None:
    with office(desk.settings) as administration:
        administration.agents.sign_off("alice", by="x")


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("mallory", "secret")])
def test_a_wrong_password_and_an_unknown_user_get_the_same(
    make_desk: MakeDesk, name: str, password: str
) -> None:
    desk = make_desk("alice")
    phone = desk.phone(name)
    with pytest.raises(RegistrationFailed, match="403"):
        phone.register(password)
    assert desk.one(STATE)["state"] == "offline"


def test_bindings_live_through_a_restart(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    assert desk.center is not None
    desk.center.stop()
    desk.open()
    caller = desk.phone().call("support")
    alice.wait_for_call().confirmed.wait(5)
    caller.hang_up()
    desk.until(STATE, "available")


def test_a_phone_may_call_our_domain_what_it_likes(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.phone("alice")
    alice.register(domain="some.other.example")
    assert desk.one(STATE)["state"] == "available"


def test_the_way_to_a_phone_is_that_of_its_registration(make_desk: MakeDesk) -> None:
    desk = make_desk("alice")
    alice = desk.agent("alice")
    assert desk.center is not None
    presence = desk.center._require_parts().people.presence
    (binding,) = presence.bindings_of("alice")
    assert presence.flow_of(binding.id) == Flow("udp", *alice.endpoint.local_address)
    alice.unregister()
    assert presence.flow_of(binding.id) is None
