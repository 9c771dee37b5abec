"""Chaos: processes and phones die and freeze while the floor is full, and no caller is lost.

`SEED=... scripts/test.sh recovery --long` makes the same faults in the same order; when exactly what else happens
on the machine falls between them is another matter.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.recovery.chaos import Chaos, Size
from tests.e2e.recovery.plan import Target, make_plan

SHORT = Size(agents=5, callers=12, each=1, talk=(3.0, 8.0), patience=15.0, calm_seconds=1.0)
LONG = Size(agents=50, callers=150, each=20, talk=(8.0, 25.0), patience=60.0, calm_seconds=20.0)
if os.environ.get("CHAOS_EACH"):
    LONG = Size(50, 150, int(os.environ["CHAOS_EACH"]), (8.0, 25.0), 60.0, 20.0)
ONLY = os.environ.get("CHAOS_ONLY")


def _run(directory: Path, size: Size, say: Callable[[str], None]) -> Chaos:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    say(f"SEED={seed}")
    plan = make_plan(seed, each=size.each, agents=size.agents, callers=size.callers)
    plan = [fault for fault in plan if not ONLY or ONLY in f"{fault.target} {fault.deed}"]
    with Chaos(directory, size, seed, say=say) as chaos:
        chaos.fill()
        chaos.rest()
        for fault in plan:
            chaos.strike(fault)
        chaos.finish()
        say(f"told by phones: {chaos.floor.told}")
        say(f"longest hold of an agent without a call: {chaos.watch.longest:.0f} s")
        trouble = [line for line in chaos.service.trouble() if "Traceback" in line]
        assert not trouble, trouble[:3]
    return chaos


def test_short(tmp_path: Path, result_lines: list[str]) -> None:
    chaos = _run(tmp_path, SHORT, print)
    result_lines += [f"SEED={chaos.seed}", *chaos.table()]
    assert not chaos.findings, list(chaos.findings.values())
    assert chaos.longest(Target.SIGNALLING, Target.AGENT, Target.CALLER) < 0.25
    assert chaos.longest(Target.MEDIA) < 1.0


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_long(tmp_path: Path, result_lines: list[str]) -> None:
    chaos = _run(tmp_path, LONG, print)
    result_lines += [f"SEED={chaos.seed}", *chaos.table()]
    assert not chaos.findings, list(chaos.findings.values())
    calm = max((pause.own for pause in chaos.calm), default=0.0)
    assert chaos.longest(Target.SIGNALLING, Target.AGENT, Target.CALLER) < max(0.06, calm + 0.04)
    assert chaos.longest(Target.MEDIA) < 1.0
