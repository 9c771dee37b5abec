"""What counts as a missed offer, and what follows one."""

import pytest

from callengine.callcenter.missed import MissedRules, is_missed
from callengine.vocabulary import MISSED_OFFERS, OfferState


@pytest.mark.parametrize("result", OfferState)
def test_what_the_agent_could_have_answered_is_missed(result: OfferState) -> None:
    assert is_missed(result) is (result in MISSED_OFFERS)
    assert not is_missed("completed_elsewhere")


def test_nothing_follows_unless_it_is_set() -> None:
    assert MissedRules().delay_after(OfferState.BUSY) == 0
    assert not MissedRules().is_too_many(1000)


def test_each_kind_has_its_own_delay() -> None:
    rules = MissedRules(delays={OfferState.BUSY: 5.0, OfferState.REJECTED: 2.0}, pause_after=3)
    assert [rules.delay_after(each) for each in MISSED_OFFERS] == [2.0, 5.0, 0.0, 0.0]
    assert [rules.is_too_many(count) for count in (2, 3, 4)] == [False, True, True]
