"""The table of agents' states, walked cell by cell."""

import pytest

from callengine.callcenter.agent_states import (
    CLAIMABLE,
    TRANSITIONS,
    AgentInput,
    is_leaving,
    next_state,
    released,
    set_straight,
    signing_on,
    wrap_up_over,
)
from callengine.errors import GuardFailed
from callengine.vocabulary import AgentState

S, I = AgentState, AgentInput  # noqa: E741


@pytest.mark.parametrize("state", AgentState)
@pytest.mark.parametrize("happening", AgentInput)
def test_every_cell_leads_to_its_state_or_is_refused(state: AgentState, happening: AgentInput) -> None:
    expected = TRANSITIONS.get(state, {}).get(happening)
    if expected is None:
        with pytest.raises(GuardFailed, match=state):
            next_state(state, happening)
    else:
        assert next_state(state, happening) is expected


def test_the_life_of_a_working_day() -> None:
    state = S.OFFLINE
    for happening, expected in [
        (I.SIGNED_ON, S.AVAILABLE),
        (I.SIGNED_ON, S.AVAILABLE),
        (I.CLAIMED, S.RESERVED),
        (I.RELEASED_LAST, S.AVAILABLE),
        (I.CLAIMED, S.RESERVED),
        (I.CONNECTED, S.BUSY),
        (I.SIGNED_OFF, S.BUSY),
        (I.SIGNED_ON, S.BUSY),
        (I.RELEASED_TO_WRAP_UP, S.WRAP_UP),
        (I.WRAP_UP_ENDED, S.AVAILABLE),
        (I.SIGNED_OFF, S.OFFLINE),
    ]:
        state = next_state(state, happening)
        assert state is expected


def test_nobody_is_claimed_out_of_rest() -> None:
    assert {S.AVAILABLE, S.RESERVED, S.BUSY} == CLAIMABLE


@pytest.mark.parametrize(
    ("left", "stays", "wrap_up", "ordered", "expected"),
    [
        (1, True, 10.0, True, I.RELEASED_WITH_MORE),
        (0, False, 10.0, True, I.RELEASED_TO_SIGN_OFF),
        (0, False, 0.0, False, I.RELEASED_TO_SIGN_OFF),
        (0, True, 10.0, False, I.RELEASED_TO_WRAP_UP),
        (0, True, 10.0, True, I.RELEASED_TO_WRAP_UP),
        (0, True, 0.0, True, I.RELEASED_TO_PAUSE),
        (0, True, 0.0, False, I.RELEASED_LAST),
    ],
)
def test_a_release_depends_on_what_is_left(
    left: int, stays: bool, wrap_up: float, ordered: bool, expected: AgentInput
) -> None:
    happening = released(load_left=left, is_to_stay=stays, wrap_up_seconds=wrap_up, is_pause_ordered=ordered)
    assert happening is expected


def test_a_pause_that_was_ordered_waits_for_sign_on_and_wrap_up() -> None:
    assert signing_on(S.OFFLINE, is_pause_ordered=True) is I.SIGNED_ON_TO_PAUSE
    assert signing_on(S.OFFLINE, is_pause_ordered=False) is I.SIGNED_ON
    assert signing_on(S.BUSY, is_pause_ordered=True) is I.SIGNED_ON
    assert wrap_up_over(is_pause_ordered=True) is I.WRAP_UP_ENDED_TO_PAUSE
    assert wrap_up_over(is_pause_ordered=False) is I.WRAP_UP_ENDED


@pytest.mark.parametrize("state", AgentState)
def test_a_pause_is_ordered_and_taken_back_in_every_state(state: AgentState) -> None:
    assert I.PAUSE_ORDERED in TRANSITIONS[state]
    assert I.RESUMED in TRANSITIONS[state]


@pytest.mark.parametrize(
    ("state", "load", "talking", "stays", "ordered", "expected"),
    [
        (S.AVAILABLE, 1, False, True, False, S.RESERVED),
        (S.AVAILABLE, 1, True, False, True, S.BUSY),
        (S.BUSY, 1, False, True, False, S.BUSY),
        (S.BUSY, 0, False, True, False, S.AVAILABLE),
        (S.BUSY, 0, False, True, True, S.PAUSED),
        (S.BUSY, 0, False, False, True, S.OFFLINE),
        (S.OFFLINE, 0, False, True, False, S.AVAILABLE),
        (S.WRAP_UP, 0, False, True, True, S.WRAP_UP),
        (S.PAUSED, 0, False, True, False, S.PAUSED),
    ],
)
def test_what_was_counted_again_is_set_straight(
    state: AgentState, load: int, talking: bool, stays: bool, ordered: bool, expected: AgentState
) -> None:
    found = set_straight(state, load=load, is_talking=talking, is_to_stay=stays, is_pause_ordered=ordered)
    assert found is expected


@pytest.mark.parametrize(
    ("load", "signed_on", "pause_next", "until", "expected"),
    [
        (0, True, None, None, False),
        (1, True, None, None, False),
        (1, False, None, None, True),
        (1, True, "lunch", None, True),
        (0, True, None, 9.0, False),
        (1, True, None, 9.0, True),
    ],
)
def test_who_is_about_to_leave_is_offered_nothing_more(
    load: int, signed_on: bool, pause_next: str | None, until: float | None, expected: bool
) -> None:
    found = is_leaving(load=load, signed_on=signed_on, pause_next_reason=pause_next, wrap_up_until=until)
    assert found is expected
