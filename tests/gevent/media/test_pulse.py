"""Feeling the pulse of a media process: who it is, and whether it lives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import gevent
import pytest
from gevent.monkey import get_original

from callengine.media import pulse
from callengine.unix_peer import peer_of
from tests.fakes.media_process import RunningMedia

StartMedia = Callable[..., RunningMedia]


def test_it_tells_whose_the_answer_is(start_media: StartMedia, socket_path: str) -> None:
    running = start_media()
    with pulse.ask(socket_path, 5.0) as connected:
        assert peer_of(connected).pid == running.process.pid


def test_without_a_process_nobody_answers(socket_path: str) -> None:
    with pytest.raises(FileNotFoundError):
        pulse.ask(socket_path, 1.0)


def test_one_that_does_not_answer_is_told_in_time(start_media: StartMedia, socket_path: str) -> None:
    running = start_media()
    running.freeze()
    with pytest.raises(TimeoutError):
        pulse.ask(socket_path, 0.2)


def test_one_that_freezes_falls_silent(start_media: StartMedia, socket_path: str) -> None:
    running = start_media()
    with pulse.ask(socket_path, 5.0) as connected:
        listening = gevent.spawn(pulse.falls_silent, connected, 1.0)
        gevent.sleep(0.5)
        assert not listening.ready(), "it is asked again and again, and answers"
        running.freeze()
        assert listening.get(timeout=10)


def test_one_that_ends_does_not_fall_silent(start_media: StartMedia, socket_path: str) -> None:
    running = start_media()
    with pulse.ask(socket_path, 5.0) as connected:
        listening = gevent.spawn(pulse.falls_silent, connected, 5.0)
        gevent.sleep(0.2)
        running.process.kill()
        assert listening.get(timeout=5) is False
        pulse.drain(connected)


@pytest.mark.parametrize(
    ("states", "looks"),
    [
        ("TTTTTTTT", 2),
        ("SSSSSSSS", 5),
        ("RSTTTTTT", 4),
        ("RRRRRRRR", 8),
        ("SSSSRSSS", 8),
        ("TRTRTRTR", 8),
        ("DDDDDDDD", 8),
    ],
)
def test_what_is_stopped_or_asleep_is_frozen_and_what_runs_has_its_time(states: str, looks: int) -> None:
    ours, theirs = socket.socketpair()
    seen: list[str] = []

    def state() -> str:
        seen.append(states[len(seen)])
        return seen[-1]

    with ours, theirs:
        assert pulse.falls_silent(ours, 8 * pulse.BEAT_SECONDS, state=state)
    assert len(seen) == looks


def test_one_that_has_much_to_do_and_answers_late_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        beats: list[int] = []
        listening = gevent.spawn(
            pulse.falls_silent, ours, 2.0, state=lambda: "R", on_beat=lambda: beats.append(1)
        )
        for _ in range(2):
            assert theirs.recv(4096)
            gevent.sleep(0.7)
            theirs.sendall(b"{}\n")
        assert theirs.recv(4096)
        theirs.close()
        assert listening.get(timeout=5) is False
        assert len(beats) == 2


def test_an_answer_that_came_while_we_stood_still_is_an_answer() -> None:
    """The first look after a pause of this process comes too late, and must not count for more than one."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        listening = gevent.spawn(pulse.falls_silent, ours, 0.0, state=lambda: "T")
        assert theirs.recv(4096)
        get_original("time", "sleep")(0.5)  # nothing of this process runs
        theirs.sendall(b"{}\n")
        assert theirs.recv(4096), "the answer is seen, and the next question comes"
        theirs.close()
        assert listening.get(timeout=5) is False


def test_the_state_of_a_process_is_told() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert pulse.state_of(child.pid) in ("R", "S", "D")
        assert not pulse.is_gone(child.pid)
        os.kill(child.pid, signal.SIGSTOP)
        with gevent.Timeout(10):
            while pulse.state_of(child.pid) != pulse.STOPPED:
                gevent.sleep(0.01)
    finally:
        child.kill()
        child.wait()
    assert pulse.state_of(child.pid) == ""
    assert pulse.is_gone(child.pid)
