from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.monkey import get_original
from sqlalchemy import Engine, bindparam, event, insert, select, text, update

from callengine.db.base import table_of
from callengine.db.committer import Committer, Transaction
from callengine.db.engine import WRITER, make_engine, reading
from callengine.db.models import Agent, LoggedEvent, LogHead, Queue
from callengine.errors import DatabaseError
from callengine.events.types import Event, EventType
from tests.fakes import rows
from tests.fakes.clock import FakeClock
from tests.fakes.sqlite_recorder import recording

queues = table_of(Queue)
agents = table_of(Agent)
log = table_of(LoggedEvent)
DEEPEN = update(queues).where(queues.c.id == bindparam("queue")).values(depth=queues.c.depth + 1)
TAKE_AGENT = (
    update(agents)
    .where(agents.c.id == bindparam("agent"), agents.c.load < agents.c.max_concurrent_calls)
    .values(load=agents.c.load + 1)
)


@pytest.fixture(autouse=True)
def _stored(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Queue), [rows.queue()])


def deepen(tx: Transaction, **payload: Any) -> int:
    tx.guard(DEEPEN, {"queue": 1}, what="the queue is gone")
    tx.add_event(EventType.CALL_QUEUED, call_id="c" * 32, queue="support", **payload)
    return 7


def depth(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(queues.c.depth)).scalar_one())


def numbers(engine: Engine) -> Sequence[int]:
    with engine.connect() as connection:
        return connection.scalars(select(log.c.number).order_by(log.c.number)).all()


def test_a_commit_stores_logs_publishes_and_returns(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    assert committer.commit(lambda tx: deepen(tx, position=1)) == 7
    assert depth(engine) == 1
    with engine.connect() as connection:
        stored = connection.execute(select(log)).one()
    assert tuple(stored) == (
        1,
        1_700_000_000.0,
        "call_queued",
        "c" * 32,
        "support",
        None,
        {"position": 1},
    )
    assert published == [
        Event(1, 1_700_000_000.0, EventType.CALL_QUEUED, "c" * 32, "support", None, {"position": 1})
    ]


def fail_after_deepening(tx: Transaction) -> None:
    deepen(tx)
    raise LookupError("the unit changed its mind")


def test_a_unit_that_raises_leaves_nothing(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    with pytest.raises(LookupError, match="changed its mind"):
        committer.commit(fail_after_deepening)
    assert (depth(engine), numbers(engine), published) == (0, [], [])


def test_in_a_group_only_the_unit_that_raises_is_undone(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    def break_the_rules(tx: Transaction) -> None:
        tx.execute(update(queues).values(depth=-1))

    group = [
        committer.submit(unit) for unit in (deepen, fail_after_deepening, deepen, break_the_rules, deepen)
    ]
    assert committer.depth == 5
    assert [group[place].get() for place in (0, 2, 4)] == [7, 7, 7]
    with pytest.raises(LookupError):
        group[1].get()
    with pytest.raises(DatabaseError, match="ck_queues_depth"):
        group[3].get()
    assert depth(engine) == 3
    assert numbers(engine) == [one.number for one in published] == [1, 2, 3]


def test_what_is_ready_shares_a_commit(committer: Committer, engine: Engine) -> None:
    commits = count_commits(engine)
    for pending in [committer.submit(deepen) for _ in range(10)]:
        pending.get()
    assert (depth(engine), len(commits)) == (10, 1)


def test_a_group_has_a_limit(engine: Engine) -> None:
    commits = count_commits(engine)
    committer = Committer(engine, group_limit=4)
    group = [committer.submit(deepen) for _ in range(10)]
    committer.start()
    for pending in group:
        pending.get()
    committer.stop()
    assert (depth(engine), len(commits)) == (10, 3)


def count_commits(engine: Engine) -> list[object]:
    commits: list[object] = []

    def note(connection: object) -> None:
        if getattr(connection, "get_execution_options")().get(WRITER):  # noqa: B009
            commits.append(connection)

    event.listen(engine, "commit", note)
    return commits


def test_publishing_comes_before_the_waiter_goes_on(engine: Engine) -> None:
    order: list[str] = []
    committer = Committer(engine, publish=lambda _events: order.append("published"))
    committer.start()
    committer.commit(deepen)
    order.append("went on")
    committer.stop()
    assert order == ["published", "went on"]


def test_a_publisher_that_fails_or_commits_harms_nobody(engine: Engine) -> None:
    def publish(_events: Sequence[Event]) -> None:
        committer.commit(deepen)

    committer = Committer(engine, publish=publish)
    committer.start()
    assert committer.commit(deepen) == 7
    assert committer.commit(deepen) == 7
    committer.stop()
    assert depth(engine) == 2


@pytest.mark.about("sqlite", "how a file is locked and written")
def test_no_greenlet_sees_the_middle_of_a_sqlite_transaction(engine: Engine) -> None:
    """Without the forced switch nothing runs between BEGIN and COMMIT."""
    inside = False

    def unit(tx: Transaction) -> None:
        nonlocal inside
        inside = True
        deepen(tx)

    def note_end(_connection: object) -> None:
        nonlocal inside
        inside = False

    event.listen(engine, "commit", note_end)
    seen: list[bool] = []
    committer = Committer(engine)
    committer.start()

    def watch() -> None:
        for _ in range(50):
            seen.append(inside)
            gevent.sleep(0)

    watcher = gevent.spawn(watch)
    for pending in [gevent.spawn(committer.commit, unit) for _ in range(20)]:
        pending.get()
    watcher.join()
    committer.stop()
    assert len(seen) == 50
    assert not any(seen)


def test_the_forced_switch_shows_a_decision_made_on_old_facts(engine: Engine) -> None:
    """Two stories see the agent free; the guards let one of them have it."""
    with engine.begin() as connection:
        rows.store(connection, Agent, rows.agent())
    switches: list[None] = []

    def switch() -> None:
        switches.append(None)
        gevent.sleep(0)

    committer = Committer(engine, switch=switch, group_limit=1)
    committer.start()

    with reading(engine) as connection:
        assert connection.scalar(select(agents.c.load)) == 0

    def take(tx: Transaction) -> None:
        tx.guard(TAKE_AGENT, {"agent": 1}, what="taken")
        tx.add_event(EventType.AGENT_STATE_CHANGED, agent="alice")

    def claim() -> bool:
        try:
            committer.commit(take)
        except DatabaseError:
            return False
        return True

    claims = [gevent.spawn(claim) for _ in range(2)]
    gevent.joinall(claims)
    committer.stop()
    assert sorted(bool(one.value) for one in claims) == [False, True]
    assert len(switches) == 4


def test_numbers_rise_in_the_order_of_commits_and_a_reader_misses_none(
    engine: Engine, clock: FakeClock
) -> None:
    """Two committers stand for two nodes; a reader resumes after the last number that it saw."""
    published: list[int] = []
    nodes = [
        Committer(
            engine,
            clock=clock,
            publish=lambda events: published.extend(one.number for one in events),
            group_limit=5,
            switch=lambda: gevent.sleep(0),
        )
        for _ in range(2)
    ]
    for node in nodes:
        node.start()
    seen: list[int] = []
    done = False

    def read() -> None:
        with engine.connect() as connection:
            after = seen[-1] if seen else 0
            seen.extend(
                connection.scalars(select(log.c.number).where(log.c.number > after).order_by(log.c.number))
            )

    def follow() -> None:
        while not done:
            read()
            gevent.sleep(0)

    def work(node: Committer, writer: int) -> None:
        for _ in range(10):
            if writer % 5 == 0:
                with pytest.raises(LookupError):
                    node.commit(fail_after_deepening)
            node.commit(deepen)

    follower = gevent.spawn(follow)
    gevent.joinall([gevent.spawn(work, nodes[n % 2], n) for n in range(30)], raise_error=True)
    done = True
    follower.get()
    read()
    for node in nodes:
        node.stop()
    assert seen == list(range(1, 301))
    assert sorted(published) == seen
    assert depth(engine) == 300


def test_a_commit_that_fails_fails_every_waiter_and_publishes_nothing(
    committer: Committer, engine: Engine, published: list[Event]
) -> None:
    def refuse(_connection: object) -> None:
        event.remove(engine, "commit", refuse)
        raise OSError("no space left on device")

    event.listen(engine, "commit", refuse)
    group = [committer.submit(unit) for unit in (deepen, fail_after_deepening, deepen)]
    raised = []
    for pending in group:
        with pytest.raises((DatabaseError, LookupError)) as failure:
            pending.get()
        raised.append(failure.value)
    assert [type(error) for error in raised] == [DatabaseError, LookupError, DatabaseError]
    assert raised[0] is not raised[2]
    assert "no space left" in str(raised[0])
    assert (depth(engine), numbers(engine), published) == (0, [], [])
    assert committer.commit(deepen) == 7
    assert numbers(engine) == [1]


@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.about("sqlite", "how a file is locked and written")
def test_a_commit_that_sqlite_refuses_leaves_no_transaction_open(
    engine: Engine, published: list[Event], in_thread: bool
) -> None:

    def refer_to_nobody(tx: Transaction) -> None:
        tx.execute(text("PRAGMA defer_foreign_keys=ON"))
        tx.change(update(queues).values(last_agent_id=9))
        deepen(tx)

    committer = Committer(engine, publish=published.extend, commit_in_thread=in_thread)
    committer.start()
    for _ in range(2):
        good = committer.submit(deepen)
        bad = committer.submit(refer_to_nobody)
        with pytest.raises(DatabaseError, match="FOREIGN KEY"):
            good.get()
        with pytest.raises(DatabaseError, match="FOREIGN KEY"):
            bad.get()
        with pytest.raises(DatabaseError, match="FOREIGN KEY"):
            committer.commit(refer_to_nobody)
    assert (depth(engine), published) == (0, [])
    assert committer.commit(deepen) == 7
    assert (depth(engine), numbers(engine)) == (1, [1])
    committer.stop()


@pytest.mark.about("sqlite", "how a file is locked and written")
def test_while_a_commit_waits_for_the_disk_others_run_and_nobody_sees_it(
    engine: Engine, published: list[Event], tmp_path: Path
) -> None:
    """A disk that takes its time: the sync of the log ends when this test says so."""
    go_on = get_original("threading", "Event")()
    with recording(tmp_path, before_sync=lambda: go_on.wait(10)):
        full = make_engine(f"sqlite:{engine.url.database}", synchronous="full")
        committer = Committer(full, publish=published.extend, commit_in_thread=True)
        committer.start()
        first = committer.submit(deepen)
        gevent.sleep(0.02)
        others = [committer.submit(deepen) for _ in range(3)]
        for _ in range(5):
            gevent.sleep(0.002)
            assert (depth(engine), published, committer.depth) == (0, [], 3)
        go_on.set()
        assert [pending.get() for pending in (first, *others)] == [7, 7, 7, 7]
        committer.stop()
        full.dispose()
    assert (depth(engine), numbers(engine)) == (4, [1, 2, 3, 4])


@pytest.mark.about("postgresql", "connections to a server")
def test_a_lost_connection_fails_the_commit_and_not_the_next(committer: Committer, engine: Engine) -> None:
    committer.commit(deepen)

    def hang_up(tx: Transaction) -> None:
        tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(DatabaseError):
        committer.commit(hang_up)
    assert committer.commit(deepen) == 7
    assert depth(engine) == 2


@pytest.mark.about("sqlite", "how a file is locked and written")
def test_a_database_that_another_program_holds_is_a_database_error(engine: Engine) -> None:
    url = f"sqlite:{engine.url.database}"
    committer = Committer(make_engine(url, busy_timeout_seconds=0))
    committer.start()
    with (
        engine.connect().execution_options(**{WRITER: True}) as other,
        other.begin(),
        pytest.raises(DatabaseError, match="locked"),
    ):
        committer.commit(deepen)
    assert committer.commit(deepen) == 7
    committer.stop()


def test_stop_drains_and_later_units_are_refused(engine: Engine) -> None:
    committer = Committer(engine, group_limit=3)
    committer.start()
    group = [committer.submit(deepen) for _ in range(10)]
    committer.stop()
    assert depth(engine) == 10
    assert [pending.get() for pending in group] == [7] * 10
    with pytest.raises(DatabaseError, match="stopped"):
        committer.submit(deepen)
    committer.stop()


def test_a_waiter_that_commits_again_while_it_stops_is_served_or_refused(engine: Engine) -> None:
    committer = Committer(engine)
    committer.start()
    outcomes: list[str] = []

    def story() -> None:
        try:
            while True:
                committer.commit(deepen)
                outcomes.append("stored")
        except DatabaseError:
            outcomes.append("refused")

    stories = [gevent.spawn(story) for _ in range(5)]
    gevent.sleep(0.01)
    committer.stop()
    gevent.joinall(stories, timeout=5, raise_error=True)
    assert outcomes.count("refused") == 5
    assert outcomes.count("stored") == depth(engine) > 0


def test_a_unit_that_ends_the_committer_fails_the_group(engine: Engine) -> None:
    def leave(_tx: Transaction) -> None:
        raise gevent.GreenletExit

    committer = Committer(engine)
    before = committer.submit(deepen)
    committer.submit(leave)
    after = committer.submit(deepen)
    committer.start()
    for pending in (before, after):
        with pytest.raises(DatabaseError):
            pending.get()
    with pytest.raises(DatabaseError, match="stopped"):
        committer.commit(deepen)
    assert depth(engine) == 0


def test_stop_lets_the_connection_go(engine: Engine) -> None:
    committer = Committer(engine)
    committer.start()
    committer.commit(deepen)
    assert engine.pool.status().count("Connections in pool: 0")
    committer.stop()
    assert not engine.pool.status().count("Connections in pool: 0")


def test_a_committer_may_be_started_again(engine: Engine) -> None:
    committer = Committer(engine)
    for _ in range(2):
        committer.start()
        assert committer.commit(deepen) == 7
        committer.stop()
    assert numbers(engine) == [1, 2]


def test_a_unit_without_events_leaves_the_log_head_alone(committer: Committer, engine: Engine) -> None:
    assert committer.commit(lambda tx: tx.change(DEEPEN, {"queue": 1})) == 1
    with engine.connect() as connection:
        assert connection.scalar(select(LogHead.last)) == 0


def test_a_unit_cannot_wait_for_another_commit(committer: Committer) -> None:
    def nested(_tx: Transaction) -> int:
        return committer.commit(deepen)

    with pytest.raises(RuntimeError, match="cannot wait"):
        committer.commit(nested)


@pytest.mark.about("sqlite", "a database in memory")
def test_it_works_in_memory(memory: Callable[[], Engine]) -> None:
    engine = memory()
    committer = Committer(engine)
    committer.start()
    committer.commit(lambda tx: tx.execute(insert(queues), rows.queue()))
    group = [committer.submit(unit) for unit in (deepen, fail_after_deepening, deepen)]
    assert group[2].get() == 7
    with pytest.raises(DatabaseError):
        committer.commit(lambda tx: tx.execute(update(queues).values(depth=-1)))
    committer.stop()
    assert depth(engine) == 2


@pytest.fixture
def memory() -> Callable[[], Engine]:
    from callengine.db import schema

    def make() -> Engine:
        engine = make_engine("sqlite://")
        schema.upgrade(engine)
        return engine

    return make
