"""What a chaos run came to: the table of its faults, and the longest pause in the audio after each kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.e2e.recovery.plan import Deed, Fault, Target
from tests.e2e.recovery.sound import Pause


@dataclass
class Struck:
    """A fault that happened, and what was seen."""

    fault: Fault
    at: float
    in_progress: int
    talking: int
    calm_for: float
    """Seconds since the last fault of the service or its media process was over."""
    settled_at: float = 0.0
    pauses: list[Pause] = field(default_factory=list)
    lost: int = 0

    def own(self, pause: Pause) -> float:
        """A pause without what the machine took of the processes that had to act."""
        return pause.of_both if self.fault.target is Target.MEDIA else pause.own


def table(struck: Sequence[Struck]) -> list[str]:
    """A line for each kind of fault: times tried, calls in progress, calls lost, longest gap in the audio.

    That as it was heard ("gap"), and without the time for which the machine let our processes wait ("own").
    """
    lines = [f"{'fault':<30}{'tried':>6}{'calls':>7}{'lost':>6}{'gap':>12}{'own':>12}"]
    for target in Target:
        for deed in Deed:
            of_kind = [each for each in struck if each.fault.kind == (target, deed)]
            if of_kind:
                lines.append(_line(f"{target} {deed}", of_kind))
    return lines


def longest(struck: Sequence[Struck], *targets: Target) -> float:
    """The longest pause after faults of these, in seconds, without what the machine took."""
    of_these = [each for each in struck if each.fault.target in targets]
    return max((each.own(pause) for each in of_these for pause in each.pauses), default=0.0)


def told(pauses: Sequence[Pause], since: float = 0.0) -> str:
    """Some pauses in a line; when the worst began is told from `since` on."""
    if not pauses:
        return "no pause over 50 ms"
    worst, middle = pauses[0], pauses[len(pauses) // 2]
    both = max(pause.of_both for pause in pauses)
    return (
        f"{len(pauses)} pauses, longest {_ms(max(pause.seconds for pause in pauses))}; "
        f"without the machine's part {_ms(worst.own)}, of both {_ms(both)} "
        f"({worst.name} at {worst.start - since:.2f} s), middle {_ms(middle.own)}, "
        f"{sum(pause.is_new for pause in pauses)} with another stream"
    )


def _line(name: str, struck: Sequence[Struck]) -> str:
    calls = sum(each.in_progress for each in struck) / len(struck)
    lost = sum(each.lost for each in struck)
    heard = max((pause.seconds for each in struck for pause in each.pauses), default=0.0)
    own = longest(struck, *Target)
    gaps = f"{_ms(heard):>12}{_ms(own):>12}" if heard else f"{'under 50 ms':>24}"
    return f"{name:<30}{len(struck):>6}{calls:>7.0f}{lost:>6}{gaps}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
