import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest

from callengine.events.types import Event, EventType


def test_an_event_cannot_be_changed() -> None:
    event = Event(1, 2.0, EventType.CALL_ARRIVED, "c", None, None, {})
    with pytest.raises(FrozenInstanceError):
        event.number = 2  # type: ignore[misc]


def test_each_type_is_the_word_that_is_stored() -> None:
    for event_type in EventType:
        assert event_type.value == event_type.name.lower() == str(event_type)


def test_the_module_is_pure() -> None:
    script = (
        "import sys, callengine.events.types;"
        "sys.exit(any(name in sys.modules for name in ('gevent', 'sqlalchemy', 'loguru')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
