import pytest

from callengine.media.pacing import Schedule


def test_the_first_frame_is_due_at_once() -> None:
    schedule = Schedule(100.0)
    assert schedule.wait(100.0) == 0.0
    assert schedule.due(100.0) == (0, 1)
    assert schedule.due(100.0) == (0, 0)
    assert schedule.wait(100.0) == pytest.approx(0.02)


def test_late_frames_do_not_move_those_after_them() -> None:
    schedule = Schedule(100.0)
    schedule.due(100.0)
    assert schedule.due(100.035) == (0, 1)
    assert schedule.wait(100.035) == pytest.approx(0.005)
    assert schedule.due(100.04) == (0, 1)


def test_an_hour_has_its_180000_frames() -> None:
    schedule = Schedule(0.3)
    now, frames = 0.3, 0
    while now <= 3600.3:
        skipped, count = schedule.due(now)
        assert not skipped
        frames += count
        now += 0.0199
    assert frames in (180_000, 180_001)


def test_a_short_stop_is_made_up_for() -> None:
    schedule = Schedule(0.0)
    schedule.due(0.0)
    assert schedule.due(0.06) == (0, 3)


def test_after_a_long_stop_the_lost_frames_are_named_and_skipped() -> None:
    schedule = Schedule(0.0)
    schedule.due(0.0)
    assert schedule.due(1.0) == (47, 3)
    assert schedule.wait(1.0) == pytest.approx(0.02)
    assert schedule.due(1.02) == (0, 1)


def test_time_before_the_start_is_waited_for() -> None:
    schedule = Schedule(5.0)
    assert schedule.due(4.0) == (0, 0)
    assert schedule.wait(4.0) == pytest.approx(1.0)
