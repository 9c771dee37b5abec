"""Feeling the pulse of a media process: who it is, and whether it lives."""

from __future__ import annotations

import socket
from collections.abc import Callable

import gevent
import pytest

from callengine.media import pulse
from callengine.unix_peer import peer_of
from tests.fakes.media_process import RunningMedia

StartMedia = Callable[..., RunningMedia]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.05)


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


def test_an_answer_that_came_while_we_stood_still_is_an_answer() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        listening = gevent.spawn(pulse.falls_silent, ours, 0.4)
        assert theirs.recv(4096)
        gevent.sleep(0.25)
        theirs.sendall(b"{}\n")
        assert theirs.recv(4096), "it was late by half the time, and the next question came"
        theirs.close()
        assert listening.get(timeout=5) is False
