"""A reader of the log misses nothing and sees nothing twice, whoever writes, however often it goes away."""

import random
from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.event import Event as Flag
from sqlalchemy import Engine, delete, insert, update

from callengine.db.base import table_of
from callengine.db.committer import Committer, Transaction
from callengine.db.engine import make_engine
from callengine.db.followers import PAGE, Followers
from callengine.db.models import LoggedEvent, LogHead
from callengine.errors import BadRequest
from callengine.events.bus import Bus
from callengine.events.types import Event, EventType

log = table_of(LoggedEvent)


def note(tx: Transaction, count: int = 1) -> None:
    for number in range(count):
        tx.add_event(EventType.CALL_QUEUED, queue="support", number=number)


def note_and_fail(tx: Transaction) -> None:
    note(tx)
    raise LookupError


def switch() -> None:
    gevent.sleep(0)


@pytest.fixture
def followers(engine: Engine) -> Iterator[Followers]:
    made = Followers(engine)
    yield made
    made.end()


@pytest.fixture
def node(engine: Engine, followers: Followers) -> Iterator[Committer]:
    """The committer of this process; it rings the bell."""
    bus = Bus()
    bus.subscribe(lambda _event: followers.ring())
    started = Committer(engine, publish=bus.publish, switch=switch)
    started.start()
    yield started
    started.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(20, AssertionError("it did not become true")):
        while not condition():
            gevent.sleep(0.005)


def test_what_was_and_what_comes_in_one_row(node: Committer, followers: Followers) -> None:
    node.commit(note)
    node.commit(note)
    seen: list[int] = []
    followers.follow(lambda event: seen.append(event.number), after=1)
    wait_for(lambda: seen == [2])
    node.commit(note)
    wait_for(lambda: seen == [2, 3])


def test_many_pages(node: Committer, followers: Followers) -> None:
    node.commit(lambda tx: note(tx, 3 * PAGE))
    seen: list[int] = []
    followers.follow(lambda event: seen.append(event.number), after=0)
    wait_for(lambda: len(seen) == 3 * PAGE)
    assert seen == list(range(1, 3 * PAGE + 1))


def test_an_event_is_as_it_was_published(engine: Engine, followers: Followers) -> None:
    published: list[Event] = []
    committer = Committer(engine, publish=published.extend)
    committer.start()
    committer.commit(
        lambda tx: tx.add_event(EventType.AGENT_ADDED, agent="z\0\udcff", queue="q", text="ü\udcff")
    )
    committer.stop()
    seen: list[Event] = []
    followers.follow(seen.append, after=0)
    wait_for(lambda: seen == published)


def test_only_the_wanted_types(node: Committer, followers: Followers) -> None:
    seen: list[int] = []
    followers.follow(lambda event: seen.append(event.number), after=0, types=[EventType.CALL_ENDED])
    node.commit(note)
    node.commit(lambda tx: tx.add_event(EventType.CALL_ENDED))
    wait_for(lambda: seen == [2])


def test_a_type_that_nobody_knows_is_no_gap(engine: Engine, followers: Followers, node: Committer) -> None:
    node.commit(note)
    with engine.begin() as connection:
        connection.execute(update(LogHead).values(last=2))
        row = {"number": 2, "at": 1.0, "type": "of_another_version", "payload": {}}
        connection.execute(insert(LoggedEvent), [row])
    node.commit(note)
    seen: list[Event] = []
    followers.follow(seen.append, after=0)
    wait_for(lambda: len(seen) == 2)
    assert [(event.number, event.type) for event in seen] == [(1, "call_queued"), (3, "call_queued")]


@pytest.mark.parametrize("after", [-1, 2])
def test_a_number_that_never_was_is_refused(followers: Followers, node: Committer, after: int) -> None:
    node.commit(note)
    with pytest.raises(BadRequest, match=f"after event {after}; allowed: 0 to 1"):
        followers.follow(print, after=after)


def test_who_missed_what_was_pruned_is_told_first(
    engine: Engine, node: Committer, followers: Followers
) -> None:
    for _ in range(6):
        node.commit(note)
    with engine.begin() as connection:
        connection.execute(delete(LoggedEvent).where(log.c.number.in_([2, 3, 5])))
    seen: list[Event] = []
    followers.follow(seen.append, after=1, types=[EventType.CALL_QUEUED])
    wait_for(lambda: len(seen) == 4)
    assert [(event.number, event.type, event.payload.get("missing")) for event in seen] == [
        (3, "log_pruned", [2, 3]),
        (4, "call_queued", None),
        (5, "log_pruned", [5, 5]),
        (6, "call_queued", None),
    ]


def test_a_handler_that_waits_holds_up_nobody(node: Committer, followers: Followers) -> None:
    go_on = Flag()
    slow: list[int] = []
    quick: list[int] = []

    def wait(event: Event) -> None:
        go_on.wait()
        slow.append(event.number)

    followers.follow(wait, after=0)
    followers.follow(lambda event: quick.append(event.number), after=0)
    for _ in range(5):
        node.commit(note)
    wait_for(lambda: len(quick) == 5)
    assert slow == []
    go_on.set()
    wait_for(lambda: slow == quick)


def test_a_handler_that_fails_gets_the_next_event(node: Committer, followers: Followers) -> None:
    seen: list[int] = []

    def fail(event: Event) -> None:
        seen.append(event.number)
        raise LookupError("of no use")

    followers.follow(fail, after=0)
    node.commit(note)
    node.commit(note)
    wait_for(lambda: seen == [1, 2])


def test_the_last_events_are_handed_on_at_the_end(node: Committer, followers: Followers) -> None:
    seen: list[int] = []

    def wait_a_little(event: Event) -> None:
        gevent.sleep(0.01)
        seen.append(event.number)

    followers.follow(wait_a_little, after=0)
    node.commit(lambda tx: note(tx, 10))
    followers.end()
    assert seen == list(range(1, 11))


def test_a_handler_that_never_ends_is_given_up(
    node: Committer, followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callengine.db.followers.END_SECONDS", 0.05)
    handed = Flag()

    def never_end(_event: Event) -> None:
        handed.set()
        Flag().wait()

    followers.follow(never_end, after=0)
    node.commit(note)
    assert handed.wait(10)
    followers.end()


def test_who_leaves_gets_nothing_more(node: Committer, followers: Followers) -> None:
    seen: list[int] = []

    def take_one(event: Event) -> None:
        seen.append(event.number)
        leave()

    leave = followers.follow(take_one, after=0)
    node.commit(lambda tx: note(tx, 3))
    wait_for(lambda: seen == [1])
    node.commit(note)
    followers.end()
    assert seen == [1]


def test_a_database_out_of_reach_for_a_while(
    engine: Engine, node: Committer, followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callengine.db.followers.LOOK_SECONDS", 0.01)
    seen: list[int] = []
    followers.follow(lambda event: seen.append(event.number), after=0)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE event_log RENAME TO away")
    gevent.sleep(0.05)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO event_log")
    node.commit(note)
    wait_for(lambda: seen == [1])


@pytest.mark.parametrize("seed", range(4))
def test_a_reader_that_comes_and_goes_misses_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Three nodes with connections of their own write; none but the first rings the reader's bell."""
    monkeypatch.setattr("callengine.db.followers.LOOK_SECONDS", 0.01)
    chance = random.Random(seed)
    engines = [make_engine(engine.url.render_as_string(hide_password=False)) for _ in range(3)]
    followers = Followers(engine)
    nodes = [
        Committer(
            own,
            publish=(lambda _events: followers.ring()) if own is engines[0] else (lambda _events: None),
            group_limit=chance.randint(1, 6),
            switch=switch,
        )
        for own in engines
    ]
    for node in nodes:
        node.start()
    seen: list[int] = []

    def work(node: Committer) -> None:
        for _ in range(10):
            if chance.random() < 0.2:
                with pytest.raises(LookupError):
                    node.commit(note_and_fail)
            node.commit(lambda tx: note(tx, chance.randint(1, 3)))
            gevent.sleep(chance.choice([0, 0, 0.001]))

    def read() -> None:
        stop_after = len(seen) + chance.randint(1, 15)
        leaving = Flag()

        def handle(event: Event) -> None:
            seen.append(event.number)
            gevent.sleep(chance.choice([0, 0, 0.001]))
            if len(seen) >= stop_after:
                leaving.set()
                leave()

        leave = followers.follow(handle, after=seen[-1] if seen else 0)
        leaving.wait(0.05)
        leave()

    workers = [gevent.spawn(work, node) for node in nodes for _ in range(6)]
    while not all(worker.ready() for worker in workers):
        read()
    gevent.joinall(workers, raise_error=True)
    for node in nodes:
        node.stop()
    followers.follow(lambda event: seen.append(event.number), after=seen[-1] if seen else 0)
    followers.end()
    with engine.connect() as connection:
        stored = list(connection.scalars(log.select().with_only_columns(log.c.number).order_by(log.c.number)))
    assert seen == stored == list(range(1, len(stored) + 1))
    assert len(stored) >= 180
    for own in engines:
        own.dispose()
