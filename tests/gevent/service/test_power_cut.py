"""The power is cut at random moments while calls pass: what the disk holds then is a sound database, in which
nothing is missing that was acknowledged with `database.synchronous` "full", and at most a second at "normal".

The service runs once, with real calls, while `tests/fakes/sqlite_recorder.py` notes each write and sync; then
the files are made as a disk may hold them after a cut (`tests/fakes/disk.py`), at many places of those notes,
and opened with the product's own checks. An event is acknowledged when the bus has it: what follows from its
commit (an answer to a phone, an INVITE to an agent) is sent after that. Seconds are counted in beats of a
greenlet of the same process while no sync of the log is under way, so neither a busy machine nor a slow disk
makes them longer.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import gevent
import pytest

from callengine import ending
from callengine.db import revisions, schema
from callengine.db.backup import check_integrity
from tests.fakes.disk import Acknowledged, Beat, Disk, DiskLog, Made, Removed, Synced, Truncated, Written
from tests.fakes.sqlite_recorder import recording
from tests.gevent.callcenter.conftest import Desk, wait_until
from tests.gevent.service.test_ending import center_of

pytestmark = pytest.mark.about("sqlite", "what a power cut leaves of a file")

MakeDesk = Callable[..., Desk]

AGENTS = ("alice", "bob", "carol")
BEAT_SECONDS = 0.05
ONE_SECOND = 20
"""In beats."""

LEGS = "select count(*) from legs where state <> 'ended'"
"""Those whose phones still have to do with them."""

HALF_CHANGED = (
    "select count(*) from calls where (state = 'ended') <>"
    " exists (select 1 from event_log where call_id = calls.id and type = 'call_ended')"
)
"""Calls of whose last commit one half is there: the row or the event."""

_SEED = int(os.environ.get("POWER_CUT_SEED") or random.SystemRandom().randrange(10**6))
"""Says where the power is cut and what the disk keeps; printed, so that a failure can be seen again."""


@pytest.fixture
def choose() -> random.Random:
    """Draws from the seed, which is printed."""
    sys.stdout.write(f"POWER_CUT_SEED={_SEED}\n")
    return random.Random(_SEED)


class Shift:
    """What the notes of one run say."""

    def __init__(self, log: DiskLog) -> None:
        self.log = log
        notes = list(enumerate(log.notes))
        made = {note.file: note.name for _, note in notes if isinstance(note, Made)}
        names = dict(enumerate(log.files)) | made
        self._file = next(number for number, name in names.items() if name.endswith(".db"))
        self._logs = {number for number, name in names.items() if name.endswith("-wal")}
        self.acknowledged = [(at, note.number) for at, note in notes if isinstance(note, Acknowledged)]
        self.syncs = [(n.begun, at) for at, n in notes if isinstance(n, Synced) and n.file in self._logs]
        self.commits = [
            at for at, note in notes if isinstance(note, Removed) and note.name.endswith("-journal")
        ]
        self.beats = [at for at, note in notes if isinstance(note, Beat)]
        self.checkpoints = list(self._find_checkpoints())

    def _find_checkpoints(self) -> Iterator[tuple[int, int, int]]:
        """Where each began to write to the database, where that was synced, and where the log was cut then.

        Between the last two the log begins anew: a new header, synced, and frames over the old ones.
        """
        begun = synced = None
        for at, note in enumerate(self.log.notes):
            match note:
                case Written(file=self._file):
                    begun, synced = begun or at, None
                case Synced(file=self._file) if begun is not None:
                    synced = at
                case Truncated(file=file) if file in self._logs and begun is not None:
                    yield begun, synced or begun, at
                    begun = synced = None

    def last_sync_began(self, cut: int) -> int:
        """Where the last sync of the log began that had ended before the cut."""
        return max((begun for begun, done in self.syncs if done < cut), default=0)

    def beats_between(self, place: int, cut: int) -> int:
        """How many there were while no sync of the log was under way."""
        beats = self.beats[bisect_left(self.beats, place) : bisect_left(self.beats, cut)]
        return sum(not any(begun < beat < done for begun, done in self.syncs) for beat in beats)


class Cutter:
    """Cuts the power of a shift's disk, at later and later places, and looks at what is left."""

    def __init__(self, shift: Shift, directory: Path, choose: random.Random) -> None:
        self._shift = shift
        self._disk = Disk(shift.log)
        self._directory = directory
        self._choose = choose
        self.url = f"sqlite:///{directory / 'call_center.db'}"
        directory.mkdir()

    def cut(self, place: int) -> list[tuple[int, int]]:
        """Check the database that a cut here leaves; what was acknowledged before and is not in it."""
        self._disk.go_to(place)
        for path in self._directory.iterdir():
            path.unlink()
        for name, content in self._disk.left(self._choose).items():
            (self._directory / name).write_bytes(content)
        revisions.require_head(self.url)
        check_integrity(self.url)
        with closing(sqlite3.connect(self._directory / "call_center.db")) as left:
            stored = [number for (number,) in left.execute("select number from event_log order by number")]
            assert stored == list(range(1, len(stored) + 1))
            assert left.execute(HALF_CHANGED).fetchall() == [(0,)]
        before = self._shift.acknowledged[: bisect_left(self._shift.acknowledged, (place, 0))]
        return [(at, number) for at, number in before if number > len(stored)]


def take_calls(desk: Desk, callers: int, enough: Callable[[], bool], *, talk: float = 0.02) -> None:
    """Let so many callers call again and again until it is enough, then finish their calls."""

    def call_again() -> None:
        phone = desk.phone()
        while not over:
            session = phone.call("support")
            gevent.sleep(talk)
            session.hang_up()

    over = False
    calling = [gevent.spawn(call_again) for _ in range(callers)]
    with gevent.Timeout(20):
        while not enough():
            gevent.sleep(0.01)
    over = True
    gevent.joinall(calling, raise_error=True)


def beat(log: DiskLog) -> None:
    while True:
        gevent.sleep(BEAT_SECONDS)
        log.tell(Beat())


def beats(log: DiskLog, count: int) -> Callable[[], bool]:
    """Whether there have been so many from now on."""
    first = len(log.notes)
    return lambda: sum(isinstance(note, Beat) for note in log.notes[first:]) >= count


def at_work(desk: Desk, directory: Path, log: DiskLog, shift: Callable[[], None]) -> Shift:
    """Open the desk, work a shift, close it in order; what the notes say of all that."""
    beating = gevent.spawn(beat, log)
    desk.open()
    center_of(desk).subscribe(lambda event: log.tell(Acknowledged(event.number)))
    for name in AGENTS:
        desk.agent(name)
    shift()
    desk.until(LEGS, 0)
    desk.close()
    beating.kill()
    disk = Disk(log)
    disk.go_to(len(log.notes))
    assert disk.seen() == {name: (directory / name).read_bytes() for name in disk.seen()}, (
        "a write is not noted"
    )
    return Shift(log)


def checkpoint_often(desk: Desk) -> None:
    """From now on move the log every half second, not every ten."""
    checkpointer = center_of(desk)._require_parts().base.checkpointer
    checkpointer._checkpoint_seconds = checkpointer._next_checkpoint = 0


def until_checkpoints(log: DiskLog, count: int) -> None:
    """Wait until there have been so many, and the log began anew after each."""
    wait_until(lambda: len(Shift(log).checkpoints) >= count, f"{count} checkpoints")


def places(shift: Shift, choose: random.Random, count: int) -> list[int]:
    """So many of each kind: any note, any time, in a checkpoint, where the log begins anew after one."""
    found = [choose.randrange(1, len(shift.log.notes)) for _ in range(count)]
    found += [choose.choice(shift.beats) + 1 for _ in range(count)]
    for _ in range(count):
        begun, synced, anew = choose.choice(shift.checkpoints)
        found += [choose.randint(begun, synced), choose.randint(synced, anew + 1)]
    return found


@pytest.mark.effect("database.synchronous")
@pytest.mark.parametrize("synchronous", ["normal", "full"])
@pytest.mark.parametrize("count", [5, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
def test_what_a_power_cut_takes(
    make_desk: MakeDesk, tmp_path: Path, choose: random.Random, synchronous: str, count: int
) -> None:
    def shift() -> None:
        if synchronous == "normal":
            take_calls(desk, 1, beats(log, int(1.5 * ONE_SECOND)), talk=0.1)
            unhurried.extend(3 * [len(log.notes)])
        checkpoint_often(desk)
        for wanted in (1, 2):
            take_calls(desk, 3, beats(log, 4))
            until_checkpoints(log, wanted)
        take_calls(desk, 3, beats(log, 4))

    unhurried: list[int] = []
    desk = make_desk(*AGENTS, open_now=False, DATABASE__SYNCHRONOUS=synchronous)
    with recording(tmp_path) as log:
        worked = at_work(desk, tmp_path, log, shift)
    cutter = Cutter(worked, tmp_path / "cut", choose)
    taken = 0
    for place in sorted(unhurried + places(worked, choose, count)):
        lost = cutter.cut(place)
        taken += len(lost)
        if lost:
            first = lost[0][0]
            assert synchronous == "normal", f"the cut at {place} took event {lost[0][1]}"
            assert first > worked.last_sync_began(place)
            assert worked.beats_between(first, place) <= ONE_SECOND
    assert bool(taken) == (synchronous == "normal")
    schema.check(cutter.url)


@pytest.mark.long
def test_the_service_takes_up_the_calls_that_are_left(
    make_desk: MakeDesk, tmp_path: Path, choose: random.Random
) -> None:
    desk = make_desk(*AGENTS, open_now=False)
    talking: list[int] = []

    def shift() -> None:
        caller = desk.phone().call("support")
        desk.until("select state from calls", "connected")
        gevent.sleep(2 * BEAT_SECONDS * ONE_SECOND)
        talking.append(len(log.notes))
        caller.hang_up()

    with recording(tmp_path) as log:
        worked = at_work(desk, tmp_path, log, shift)
    cutter = Cutter(worked, tmp_path / "cut", choose)
    assert not cutter.cut(talking[0])
    after = make_desk(open_now=False, DATABASE__URL=cutter.url, MEDIA__TIMEOUT_SECONDS="1")
    after.open()
    assert after.one("select state from calls")["state"] == "connected"
    assert after.rows("select 1 from event_log where type = 'service_recovered'")
    assert after.phone().call("support").answered.is_set()


def test_nothing_is_taken_after_a_handover(
    make_desk: MakeDesk, tmp_path: Path, choose: random.Random
) -> None:
    desk = make_desk(*AGENTS, open_now=False)

    def shift() -> None:
        take_calls(desk, 3, beats(log, 4))
        desk.until(LEGS, 0)
        parts = center_of(desk)._require_parts()
        ending.hand_over(parts)
        handed_over.append(len(log.notes))
        parts.base.committer._turn.release()

    handed_over: list[int] = []
    with recording(tmp_path) as log:
        worked = at_work(desk, tmp_path, log, shift)
    cutter = Cutter(worked, tmp_path / "cut", choose)
    assert not any(cutter.cut(handed_over[0]) for _ in range(3))


def test_without_a_write_ahead_log_full_is_as_good(
    make_desk: MakeDesk, tmp_path: Path, choose: random.Random
) -> None:
    settings = {"DATABASE__SYNCHRONOUS": "full", "DATABASE__ENABLE_WAL_MODE": "false"}
    desk = make_desk(*AGENTS, open_now=False, **settings)
    with recording(tmp_path) as log:
        worked = at_work(desk, tmp_path, log, lambda: take_calls(desk, 2, beats(log, 10)))
    cutter = Cutter(worked, tmp_path / "cut", choose)
    found = [choose.randrange(1, len(log.notes)) for _ in range(8)]
    found += [choose.choice(worked.commits) + choose.randint(0, 3) for _ in range(8)]
    for place in sorted(found):
        assert not cutter.cut(place)
