"""The process that waits in reserve: started, given away at a word, dismissed, gone with us."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import gevent
import pytest

from callengine.media.standby import Standby

_WAITS = "import os, sys; sys.exit(3 if os.read(0, 1) == b'\\n' else 4)"
_DEAF = "import time; time.sleep(60)"


@pytest.fixture
def standby() -> Iterator[Standby]:
    made = Standby([sys.executable, "-c", _WAITS])
    yield made
    made.dismiss(5.0)


def test_it_serves_at_the_word_and_another_can_be_had(standby: Standby) -> None:
    for _ in range(2):
        standby.prepare()
        released = standby.release()
        assert released is not None
        assert released.wait(10) == 3
        assert standby.release() is None


def test_dismissed_it_ends_and_there_is_no_other(standby: Standby) -> None:
    standby.prepare()
    standby.dismiss(10.0)
    standby.dismiss(10.0)
    assert not standby.is_wanted
    standby.prepare()
    assert standby.release() is None


def test_one_that_does_not_end_is_ended() -> None:
    deaf = Standby([sys.executable, "-c", _DEAF])
    deaf.prepare()
    deaf.dismiss(0.2)
    assert deaf.release() is None


def test_one_that_died_is_wanted_again() -> None:
    dying = Standby([sys.executable, "-c", "pass"])
    dying.prepare()
    for _ in range(250):
        if dying.is_wanted:
            break
        gevent.sleep(0.02)
    assert dying.release() is None
    dying.dismiss(1.0)


def test_a_command_that_does_not_exist_is_no_trouble() -> None:
    missing = Standby(["/no/such/program"])
    missing.prepare()
    assert missing.release() is None
    missing.dismiss(1.0)


def test_nothing_that_we_hold_depends_on_whether_one_waits(standby: Standby) -> None:
    before = len(os.listdir("/proc/self/fd"))
    standby.prepare()
    assert len(os.listdir("/proc/self/fd")) == before
