"""docs/events.md names every type, and what each name in a payload means."""

from callengine.events.types import EventType
from scripts.events_page import events, undescribed


def test_every_type_has_its_row_and_meaning() -> None:
    rows = {line.split("`")[1]: line for line in events("").splitlines() if line.startswith("| `")}
    for kind in EventType:
        assert rows[kind].split("|")[2].strip(), kind


def test_every_name_in_a_payload_is_described() -> None:
    assert undescribed() == set(), "scripts/events_page.py: MEANINGS"
