"""How urgent a caller is: by number dialled, and by lists."""

import pytest

from callengine.callcenter.priorities import CallerList, Priorities

LISTS = (
    CallerList(("+4930123", "+4989*"), 10),
    CallerList(("+498912*", "+4930123"), 25),
    CallerList(("+49666*",), -40),
)
KNOWN = Priorities({"vip": 5}, LISTS)


@pytest.mark.parametrize(
    ("dialled", "caller", "priority"),
    [
        ("support", "+1555", 0),
        ("vip", "+1555", 5),
        ("support", "+4930123", 25),
        ("support", "+49301234", 0),
        ("support", "+4989", 10),
        ("support", "+49891", 10),
        ("support", "+49891299", 25),
        ("vip", "+49891299", 30),
        ("support", "+49666", -40),
        ("vip", None, 5),
        ("support", None, 0),
        ("support", "", 0),
    ],
)
def test_the_highest_list_counts_and_the_number_dialled_is_added(
    dialled: str, caller: str | None, priority: int
) -> None:
    assert KNOWN.of(dialled, caller) == priority


def test_a_star_alone_is_every_number_that_is_shown() -> None:
    everybody = Priorities({}, [CallerList(("*",), 3)])
    assert (everybody.of("a", "1"), everybody.of("a", None)) == (3, 0)


def test_what_is_replaced_holds_from_then_on() -> None:
    priorities = Priorities({"vip": 5}, LISTS)
    priorities.replace({}, ())
    assert priorities.of("vip", "+4930123") == 0


def test_a_long_number_costs_no_more_than_the_longest_beginning() -> None:
    assert KNOWN.of("support", "+4989" + "9" * 1_000_000) == 10
