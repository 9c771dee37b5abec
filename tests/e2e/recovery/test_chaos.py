"""Chaos: processes and phones die and freeze while the floor is full, and no caller is lost.

`SEED=... scripts/test.sh recovery --long` makes the same faults in the same order, to the same phones; what
else happens at that moment is the machine's, and may differ.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.recovery.chaos import Chaos, Size
from tests.e2e.recovery.plan import Target, make_plan
from tests.e2e.recovery.table import longest, table

pytestmark = [pytest.mark.alone, pytest.mark.quiet]

SHORT = Size(agents=5, callers=12, each=1, talk=(1.5, 4.0), patience=15.0, calm_seconds=0.5, pace=0.35)
LONG = Size(agents=50, callers=150, each=20, talk=(8.0, 25.0), patience=60.0, calm_seconds=20.0)
SIGNALLING = (Target.SIGNALLING, Target.AGENT, Target.CALLER)
"""Faults that the audio of all others must not notice."""
LONGEST_GAP, LONGEST_GAP_SHORT = 0.06, 0.25
"""In seconds, without what the machine took; on the full floor beyond what is seen when nothing happens."""
LONGEST_GAP_MEDIA, LONGEST_GAP_MEDIA_ANEW = 1.0, 1.5
"""The latter on the small floor, where faults follow so quickly that none may be in reserve yet."""
RESERVE_SECONDS = 2.5
"""After that much calm one is in reserve."""


def _run(directory: Path, size: Size, result_lines: list[str], say: Callable[[str], None] = print) -> Chaos:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    result_lines.append(f"SEED={seed}")
    say(f"SEED={seed}")
    plan = make_plan(seed, each=size.each, agents=size.agents, callers=size.callers, pace=size.pace)
    with Chaos(directory, size, seed, say=say) as chaos:
        chaos.fill()
        chaos.rest()
        for fault in plan:
            chaos.strike(fault)
        chaos.finish()
        result_lines += table(chaos.struck)
        say(f"phones also told: {chaos.floor.told}")
        say(f"no agent without a call was held for longer than {chaos.watch.longest:.0f} s")
        crashes = [line for line in chaos.service.trouble() if "Traceback" in line]
    assert not crashes, crashes[:3]
    assert not chaos.findings, list(chaos.findings.values())
    return chaos


def test_a_small_floor_loses_nobody(tmp_path: Path, result_lines: list[str]) -> None:
    chaos = _run(tmp_path, SHORT, result_lines)
    assert longest(chaos.struck, *SIGNALLING) < LONGEST_GAP_SHORT
    for struck in chaos.struck:
        has_reserve = struck.calm_for > RESERVE_SECONDS
        limit = LONGEST_GAP_MEDIA if has_reserve else LONGEST_GAP_MEDIA_ANEW
        assert longest([struck], Target.MEDIA) < limit, struck.fault


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_full_floor_loses_nobody(tmp_path: Path, result_lines: list[str]) -> None:
    chaos = _run(tmp_path, LONG, result_lines)
    calm = max((pause.own for pause in chaos.calm), default=0.0)
    assert longest(chaos.struck, *SIGNALLING) < LONGEST_GAP + calm
    assert longest(chaos.struck, Target.MEDIA) < LONGEST_GAP_MEDIA
