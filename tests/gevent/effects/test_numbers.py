"""`numbers.*`: each setting at two values, seen from outside."""

from __future__ import annotations

import pytest

from tests.gevent.effects.outside import MakeDesk, call_status


@pytest.mark.effect("numbers.NAME.destination")
@pytest.mark.parametrize(
    ("destination", "status"), [("hangup:603", 603), ("hangup:410", 410), ("queue:support", 200)]
)
def test_a_number_leads_to_its_destination(make_desk: MakeDesk, destination: str, status: int) -> None:
    desk = make_desk(NUMBERS__NINE__DESTINATION=destination)
    assert call_status(desk, "nine") == status
