from callengine.events.bus import Bus
from callengine.events.types import Event, EventType


def event(number: int, event_type: EventType = EventType.CALL_ARRIVED) -> Event:
    return Event(number, 1.0, event_type, None, None, None, {})


def test_every_handler_gets_every_event_in_order() -> None:
    bus = Bus()
    first: list[Event] = []
    second: list[Event] = []
    bus.subscribe(first.append)
    bus.subscribe(second.append)
    bus.publish([event(1), event(2)])
    assert first == second == [event(1), event(2)]


def test_a_handler_gets_the_types_that_it_wants() -> None:
    bus = Bus()
    seen: list[Event] = []
    bus.subscribe(seen.append, {EventType.CALL_ENDED})
    bus.publish([event(1), event(2, EventType.CALL_ENDED)])
    assert [one.number for one in seen] == [2]


def test_no_types_at_all_means_none() -> None:
    bus = Bus()
    seen: list[Event] = []
    bus.subscribe(seen.append, ())
    bus.publish([event(1)])
    assert seen == []


def test_unsubscribing_twice_is_harmless() -> None:
    bus = Bus()
    seen: list[Event] = []
    unsubscribe = bus.subscribe(seen.append)
    unsubscribe()
    unsubscribe()
    bus.publish([event(1)])
    assert seen == []


def test_the_same_handler_may_subscribe_twice() -> None:
    bus = Bus()
    seen: list[Event] = []
    bus.subscribe(seen.append)
    unsubscribe = bus.subscribe(seen.append)
    unsubscribe()
    bus.publish([event(1)])
    assert seen == [event(1)]


def test_a_failing_handler_harms_nobody_else() -> None:
    bus = Bus()
    seen: list[Event] = []

    def fail(_event: Event) -> None:
        raise ValueError("no")

    bus.subscribe(fail)
    bus.subscribe(seen.append)
    bus.publish([event(1), event(2)])
    assert [one.number for one in seen] == [1, 2]


def test_a_handler_may_unsubscribe_while_it_is_called() -> None:
    bus = Bus()
    seen: list[int] = []

    def once(one: Event) -> None:
        seen.append(one.number)
        unsubscribe()

    unsubscribe = bus.subscribe(once)
    bus.publish([event(1), event(2)])
    assert seen == [1]
