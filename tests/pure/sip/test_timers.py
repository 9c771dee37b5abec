"""Timers: table 4 of RFC 3261, and RFC 6026."""

import pytest

from callengine.sip.timers import Timers

OVER_UDP = {
    "a": 0.5, "b": 32.0, "d": 32.0, "e": 0.5, "f": 32.0, "g": 0.5, "h": 32.0,
    "i": 5.0, "j": 32.0, "k": 5.0, "l": 32.0, "m": 32.0,
}  # fmt: skip
OVER_TCP = {**OVER_UDP, "d": 0.0, "i": 0.0, "j": 0.0, "k": 0.0}


@pytest.mark.parametrize(("letter", "seconds"), OVER_UDP.items())
def test_durations_over_udp(letter: str, seconds: float) -> None:
    assert getattr(Timers(), letter) == seconds


@pytest.mark.parametrize(("letter", "seconds"), OVER_TCP.items())
def test_durations_over_tcp(letter: str, seconds: float) -> None:
    assert getattr(Timers().over_reliable(), letter) == seconds


def test_everything_follows_t1() -> None:
    timers = Timers(t1=0.1)
    assert timers.a == timers.e == timers.g == 0.1
    assert timers.b == timers.f == timers.h == timers.j == timers.l == timers.m == pytest.approx(6.4)


def test_timer_d_is_at_least_32_seconds() -> None:
    assert Timers(t1=0.1).d == 32.0
    assert Timers(t1=1.0).d == 64.0
