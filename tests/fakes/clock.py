"""A clock that stands still until a test moves it."""


class FakeClock:
    """Wall and monotonic time that advance together, by hand."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._monotonic += seconds

    def set_by(self, seconds: float) -> None:
        """Somebody sets the wall clock; no time passes."""
        self._now += seconds
