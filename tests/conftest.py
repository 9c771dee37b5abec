"""What every test may ask for."""

import pytest
from hypothesis import HealthCheck, settings

from tests.fakes.clock import FakeClock

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until the test moves it."""
    return FakeClock()
