"""The table of agents' states, walked cell by cell."""

import pytest

from callengine.callcenter.agent_states import CLAIMABLE, TRANSITIONS, AgentInput, next_state, released
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
    ("left", "connected", "reachable", "wrap_up", "expected"),
    [
        (1, True, True, 10.0, I.RELEASED_WITH_MORE),
        (0, True, False, 10.0, I.RELEASED_UNREACHABLE),
        (0, False, False, 0.0, I.RELEASED_UNREACHABLE),
        (0, True, True, 10.0, I.RELEASED_TO_WRAP_UP),
        (0, True, True, 0.0, I.RELEASED_LAST),
        (0, False, True, 10.0, I.RELEASED_LAST),
    ],
)
def test_a_release_depends_on_what_is_left(
    left: int, connected: bool, reachable: bool, wrap_up: float, expected: AgentInput
) -> None:
    happening = released(
        load_left=left, was_connected=connected, reachable=reachable, wrap_up_seconds=wrap_up
    )
    assert happening is expected
