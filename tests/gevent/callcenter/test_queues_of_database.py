"""Queues of the database: added, changed and removed while the service runs, held to the settings' rules."""

from __future__ import annotations

import pytest

from callengine.config import load
from callengine.errors import CallCenterError, NotAllowed, QueueNotFound, SettingsError
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.callcenter.test_overflow import events, places, refused
from tests.gevent.effects.outside import MakeDesk, run_command
from tests.gevent.service.test_ending import center_of


def command(desk: Desk, *arguments: str) -> str:
    done = run_command(desk, "queues", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_queue_is_added_and_changed_without_a_call_lost(make_desk: MakeDesk) -> None:
    desk = make_desk(QUEUES__SUPPORT__OVERFLOW_QUEUE="")
    assert command(desk, "add", "night", "--set", "capacity=1", "--set", "full_code=600") == (
        "Queue night is added.\n"
    )
    desk.phone().call("support")
    call_id = desk.one("select id from calls")["id"]
    command(desk, "move", call_id[:6], "night")
    assert places(desk) == [("support", "overflowed"), ("night", "waiting")]
    command(desk, "set", "night", "capacity=2", "max_wait_time_seconds=60")
    row = desk.one(
        "select capacity, max_wait_time_seconds, full_code, source from queues where name = 'night'"
    )
    assert tuple(row.values()) == (2, 60.0, 600, "database")
    assert events(desk, "queue_changed")[-1] == {
        "queue": "night",
        "capacity": 2,
        "max_wait_time_seconds": 60.0,
    }
    with pytest.raises(NotAllowed, match="1 callers wait in the queue 'night': move them first"):
        center_of(desk)._require_parts().administration.queues.remove("night")
    assert places(desk)[1] == ("night", "waiting")


def test_a_number_may_lead_to_one(make_desk: MakeDesk) -> None:
    desk = make_desk()
    queues = center_of(desk)._require_parts().administration.queues
    queues.add("night", {"full_code": "600", "capacity": "1"})
    more = {"CALLENGINE_NUMBERS__NIGHT__DESTINATION": "queue:night"}
    center_of(desk).reload(load({**desk.environ, **more}))
    assert desk.phone().call("night").answered.is_set()
    assert refused(desk.phone().call("night")) == 600
    with pytest.raises(NotAllowed, match=r"numbers\.night lead to the queue 'night'"):
        queues.remove("night")
    with pytest.raises(
        SettingsError, match=r"numbers\.x\.destination = .*there is no queue nigth; did you mean night"
    ):
        center_of(desk).reload(load({**desk.environ, "CALLENGINE_NUMBERS__X__DESTINATION": "queue:nigth"}))


def test_a_removed_queue_is_gone_and_may_come_back(make_desk: MakeDesk) -> None:
    desk = make_desk()
    queues = center_of(desk)._require_parts().administration.queues
    queues.add("night", {})
    queues.remove("night")
    with pytest.raises(QueueNotFound):
        queues.show("night")
    with pytest.raises(QueueNotFound, match="there is no queue 'night'"):
        queues.change("night", {"capacity": "5"})
    queues.add("night", {"capacity": "7"})
    assert queues.show("night")["capacity"] == 7
    assert len(events(desk, "queue_removed")) == 1


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("a b", {}, "queues.'a b': the name must be"),
        ("night", {"capacity": "0"}, "queues.night.capacity = 0: must be a whole number from 1 to 1000000"),
        ("night", {"capacty": "5"}, "there is no such setting; did you mean queues.night.capacity?"),
        ("night", {"hours": "x"}, "there is no table hours.x"),
        ("night", {"overflow_queue": "suport"}, "there is no queue suport; did you mean support?"),
        ("night", {"overflow_queue": "night"}, "round in a circle: night -> night"),
        ("night", {"max_wait_time_seconds": "-1"}, "must be a number from 0.001 to 86400"),
        ("night", {"music": "/nowhere.wav"}, "queues.night.music = .*No such file or directory"),
        (
            "night",
            {"ring_timeout_seconds": "50"},
            "must not be above routing.agent_assignment_timeout_seconds",
        ),
    ],
)
def test_bad_wishes_are_refused_by_name(
    make_desk: MakeDesk, name: str, given: dict[str, str], told: str
) -> None:
    desk = make_desk()
    queues = center_of(desk)._require_parts().administration.queues
    with pytest.raises(SettingsError, match=told):
        queues.add(name, given)
    assert [each["name"] for each in queues.list_all()] == ["support"]


def test_those_of_the_settings_are_read_only(make_desk: MakeDesk) -> None:
    desk = make_desk()
    queues = center_of(desk)._require_parts().administration.queues
    queues.add("night", {})
    with pytest.raises(NotAllowed, match="there is a queue 'support' already, defined by the settings"):
        queues.add("support", {})
    with pytest.raises(NotAllowed, match="the queue 'support' is defined by the settings, and read-only"):
        queues.change("support", {"capacity": "5"})
    with pytest.raises(
        CallCenterError, match=r"queues.night: a queue of that name is defined in the database"
    ):
        center_of(desk).reload(load({**desk.environ, "CALLENGINE_QUEUES__NIGHT__CAPACITY": "5"}))


def test_a_circle_through_both_is_refused(make_desk: MakeDesk) -> None:
    desk = make_desk()
    queues = center_of(desk)._require_parts().administration.queues
    queues.add("day", {})
    queues.add("night", {"overflow_queue": "day"})
    with pytest.raises(
        SettingsError, match=r"round in a circle: (day -> night -> day|night -> day -> night)"
    ):
        queues.change("day", {"final_destination": "queue:night"})
    with pytest.raises(NotAllowed, match=r"queues\.night lead to the queue 'day'"):
        queues.remove("day")


def test_without_a_service_the_command_works_on_the_database(make_desk: MakeDesk) -> None:
    desk = make_desk(open_now=False)
    command(desk, "add", "night", "--set", "capacity=3")
    desk.open()
    assert center_of(desk)._require_parts().administration.queues.show("night")["capacity"] == 3


def test_a_queue_that_the_settings_name_no_more_serves_who_waits(make_desk: MakeDesk) -> None:
    desk = make_desk(open_now=False, QUEUES__SALES__CAPACITY="5", NUMBERS__SALES__DESTINATION="queue:sales")
    desk.add_agents("bob", queue="sales")
    desk.open()
    waiting = desk.phone().call("sales")
    without = {key: value for key, value in desk.environ.items() if "SALES" not in key}
    center_of(desk).reload(load(without))
    assert refused(desk.phone().call("sales")) == 404
    assert [
        each["removed"] for each in center_of(desk)._require_parts().administration.queues.list_all()
    ] == [
        True,
        False,
    ]
    bob = desk.agent("bob")
    assert bob.wait_for_call().confirmed.wait(5)
    waiting.hang_up()
    queues = center_of(desk)._require_parts().administration.queues
    wait_until(lambda: [each["name"] for each in queues.list_all()] == ["support"])
    center_of(desk).reload(desk.settings)
    assert desk.phone().call("sales").answered.is_set()
