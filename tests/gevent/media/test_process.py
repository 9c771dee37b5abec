"""Starting, watching, restarting and ending the media process."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial

import gevent
import pytest

from callengine.errors import MediaUnavailable
from callengine.media.client import MediaClient
from callengine.media.process import MediaProcess
from tests.fakes.media_process import RunningMedia, command

Connect = Callable[..., MediaClient]


@pytest.fixture
def restarts() -> list[int]:
    return []


@pytest.fixture
def process(socket_path: str, restarts: list[int]) -> Iterator[MediaProcess]:
    watched = MediaProcess(
        command(socket_path),
        socket_path=socket_path,
        stop_seconds=2.0,
        on_restart=lambda: restarts.append(watched.pid),
    )
    yield watched
    watched.stop()


def is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


def wait_until(condition: Callable[[], object]) -> None:
    for _ in range(250):
        if condition():
            return
        gevent.sleep(0.02)
    raise AssertionError("it did not come to pass")


def test_it_answers_once_started_and_is_gone_once_stopped(
    process: MediaProcess, connect: Connect, socket_path: str
) -> None:
    process.start()
    assert connect().totals().legs == 0
    assert os.getsid(process.pid) == process.pid, "a session of its own"
    assert os.getsid(process.pid) != os.getsid(0)
    process.stop()
    assert not is_alive(process.pid)
    assert not os.path.exists(socket_path)


def test_one_that_dies_is_started_again(process: MediaProcess, connect: Connect, restarts: list[int]) -> None:
    process.start()
    client = connect()
    client.open("a")
    before = process.pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: restarts)
    assert restarts == [process.pid]
    assert process.pid != before
    assert client.list() == [], "its legs died with it"
    assert client.open("a") > 0
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: len(restarts) == 2)


def test_one_that_is_alive_is_adopted_and_ended(
    process: MediaProcess, start_media: Callable[..., RunningMedia], connect: Connect
) -> None:
    running = start_media()
    connect(incarnation=1).open("a")
    process.start()
    assert process.pid == running.process.pid
    assert connect(incarnation=2).adopt("node", 2) == ["a"]
    process.stop()
    assert running.wait() == 0


def test_an_adopted_one_that_dies_is_replaced_by_a_child(
    process: MediaProcess, start_media: Callable[..., RunningMedia], restarts: list[int]
) -> None:
    running = start_media()
    process.start()
    running.process.kill()
    wait_until(lambda: restarts)
    assert process.pid != running.process.pid


def test_one_that_will_not_end_is_killed(process: MediaProcess) -> None:
    process.start()
    os.kill(process.pid, signal.SIGSTOP)
    process.stop()
    assert not is_alive(process.pid)


def test_a_command_that_fails_is_told_with_its_exit_code(socket_path: str) -> None:
    failing = MediaProcess([sys.executable, "-c", "raise SystemExit(3)"], socket_path=socket_path)
    with pytest.raises(MediaUnavailable, match="exit code 3"):
        failing.start()
    failing.stop()


def test_a_command_that_does_not_exist_is_told(socket_path: str) -> None:
    missing = MediaProcess(["/no/such/program"], socket_path=socket_path)
    with pytest.raises(MediaUnavailable, match="cannot be started"):
        missing.start()
    missing.stop()


def test_a_command_that_never_answers_is_ended(socket_path: str) -> None:
    mute = MediaProcess(
        [sys.executable, "-c", "import time; time.sleep(60)"], socket_path=socket_path, start_seconds=0.5
    )
    with pytest.raises(MediaUnavailable, match=r"within 0\.5 s"):
        mute.start()
    mute.stop()


def test_a_frozen_one_is_not_mistaken_for_a_new_one(
    socket_path: str, start_media: Callable[..., RunningMedia]
) -> None:
    running = start_media()
    running.freeze()
    process = MediaProcess(command(socket_path), socket_path=socket_path, start_seconds=0.3)
    with pytest.raises(MediaUnavailable):
        process.start()
    assert running.process.poll() is None
    process.stop()


def test_stop_may_be_said_before_start_and_twice(socket_path: str, process: MediaProcess) -> None:
    MediaProcess(command(socket_path), socket_path=socket_path).stop()
    process.start()
    process.stop()
    process.stop()


def test_one_that_is_frozen_is_ended_and_replaced(
    socket_path: str, start_media: Callable[..., RunningMedia], connect: Connect
) -> None:
    told: list[str] = []
    process = MediaProcess(
        command(socket_path),
        socket_path=socket_path,
        frozen_seconds=1.0,
        on_death=lambda: told.append("death"),
        on_restart=lambda: told.append("restart"),
    )
    running = start_media()
    process.start()
    gevent.sleep(1.5)
    assert told == [], "one that answers is left alone"
    running.freeze()
    wait_until(lambda: told == ["death", "restart"])
    assert running.wait() == -signal.SIGKILL
    assert connect().totals().legs == 0
    process.stop()


def test_one_that_was_held_up_for_a_moment_is_left_alone(
    socket_path: str, start_media: Callable[..., RunningMedia], restarts: list[int]
) -> None:
    process = MediaProcess(
        command(socket_path), socket_path=socket_path, on_restart=lambda: restarts.append(1)
    )
    running = start_media()
    process.start()
    for _ in range(3):
        running.freeze()
        gevent.sleep(0.1)
        running.thaw()
        gevent.sleep(0.4)
    assert restarts == []
    assert running.process.poll() is None
    process.stop()


@pytest.fixture
def foreign(socket_path: str, restarts: list[int]) -> Iterator[MediaProcess]:
    """Watches a process that somebody else starts and ends."""
    watched = MediaProcess(
        None, socket_path=socket_path, start_seconds=3.0, on_restart=lambda: restarts.append(watched.pid)
    )
    yield watched
    watched.stop()


def test_somebody_elses_is_waited_for_and_left_alone(
    foreign: MediaProcess, start_media: Callable[..., RunningMedia], connect: Connect
) -> None:
    starting = gevent.spawn(foreign.start)
    gevent.sleep(0.2)
    assert not starting.ready(), "it waits"
    running = start_media()
    starting.get(timeout=5)
    assert foreign.pid == running.process.pid
    foreign.stop()
    assert connect().totals().legs == 0, "it lives on"
    assert running.process.poll() is None


def test_somebody_elses_that_dies_is_waited_for_again(
    foreign: MediaProcess, start_media: Callable[..., RunningMedia], restarts: list[int]
) -> None:
    first = start_media()
    foreign.start()
    first.process.kill()
    first.process.wait()
    gevent.sleep(0.3)
    assert restarts == [], "none of ours is started"
    second = start_media()
    wait_until(lambda: restarts)
    assert restarts == [second.process.pid]


def test_somebody_elses_that_is_frozen_is_ended_so_that_they_start_another(
    foreign: MediaProcess, start_media: Callable[..., RunningMedia], restarts: list[int]
) -> None:
    first = start_media()
    foreign.start()
    first.freeze()
    assert first.wait() == -signal.SIGKILL
    gevent.sleep(0.3)
    assert restarts == [], "none of ours is started"
    second = start_media()
    wait_until(lambda: restarts)
    assert restarts == [second.process.pid]


def test_somebody_elses_that_never_comes_is_told(socket_path: str) -> None:
    missing = MediaProcess(None, socket_path=socket_path, start_seconds=0.3)
    with pytest.raises(MediaUnavailable, match="no media process answers"):
        missing.start()
    missing.stop()


@pytest.fixture
def reserved(socket_path: str, restarts: list[int]) -> Iterator[MediaProcess]:
    """Keeps another process in reserve from the start."""
    watched = MediaProcess(
        command(socket_path),
        socket_path=socket_path,
        standby_command=[*command(socket_path), "--standby"],
        standby_seconds=0.0,
        on_restart=lambda: restarts.append(watched.pid),
    )
    yield watched
    watched.stop()


def children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]


def _has_grown(restarts: list[int], count: int) -> bool:
    return len(restarts) > count


def in_reserve(process: MediaProcess) -> list[int]:
    return [pid for pid in children() if pid != process.pid]


def test_the_one_in_reserve_takes_the_place_of_one_that_dies(
    reserved: MediaProcess, connect: Connect, restarts: list[int]
) -> None:
    reserved.start()
    for _ in range(2):
        before, count = reserved.pid, len(restarts)
        wait_until(lambda: in_reserve(reserved))
        (waiting,) = in_reserve(reserved)
        os.kill(before, signal.SIGKILL)
        wait_until(partial(_has_grown, restarts, count))
        assert reserved.pid == waiting
        assert connect().totals().legs == 0


def test_one_in_reserve_that_is_gone_is_not_missed(reserved: MediaProcess, restarts: list[int]) -> None:
    reserved.start()
    wait_until(lambda: in_reserve(reserved))
    before = (reserved.pid, *in_reserve(reserved))
    for pid in reversed(before):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: restarts)
    assert reserved.pid not in before


def test_the_one_in_reserve_ends_too(reserved: MediaProcess) -> None:
    reserved.start()
    wait_until(lambda: in_reserve(reserved))
    pids = (reserved.pid, *in_reserve(reserved))
    reserved.stop()
    assert not any(is_alive(pid) for pid in pids)
