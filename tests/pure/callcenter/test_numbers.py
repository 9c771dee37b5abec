"""Dialled numbers lead to destinations."""

import pytest

from callengine.callcenter.numbers import (
    Feature,
    HangUpWith,
    Numbers,
    ToAgent,
    ToFeature,
    ToQueue,
    parse_destination,
)
from callengine.errors import NumberNotFound


def test_destinations_are_read() -> None:
    assert parse_destination("queue:support") == ToQueue("support")
    assert parse_destination("hangup:603") == HangUpWith(603)
    assert parse_destination("agent:alice") == ToAgent("alice")
    assert parse_destination("feature:sign_on") == ToFeature(Feature.SIGN_ON)
    assert parse_destination("feature:pause") == ToFeature(Feature.PAUSE, "feature")
    assert parse_destination("feature:pause:lunch break") == ToFeature(Feature.PAUSE, "lunch break")


@pytest.mark.parametrize(
    "text",
    [
        *("", "queue:", "queue", "hangup:200", "hangup:700", "hangup:x", "fax:1", "hangup:4860", "agent:"),
        *("feature:", "feature:dance", "feature:pause: ", "feature:pause:", "feature:resume:lunch"),
    ],
)
def test_what_is_no_destination_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="queue:NAME"):
        parse_destination(text)


def test_a_number_is_found_or_named_as_missing() -> None:
    numbers = Numbers({"support": ToQueue("support")})
    assert numbers.find("support") == ToQueue("support")
    with pytest.raises(NumberNotFound, match="sales"):
        numbers.find("sales")
