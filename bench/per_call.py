"""What one queued call costs in CPU time: callengine beside the floor, under the same load, in one run.

Both are measured with the same SIPp customers and agents on this machine: the floor with half of the calls,
callengine with all, the floor with the other half, so that a machine that is busy meanwhile is so for both.
Only the CPU time of their own processes counts. A few calls go before each, so that what happens once is not
counted.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import click

from bench import targets
from bench.figures import Figures, document, quantiles, text
from bench.load import Agents, Incomplete, Seen, call
from bench.registration import NotRegistered
from bench.targets import Target

WARM_UP_CALLS = 25
SETTLING_SECONDS = 1.0
"""After the last call, until its records are complete and its CPU time is read."""
_SPARE_SECONDS = 30.0

Load = dict[str, int]
Opening = Callable[[int], AbstractContextManager[Target]]
"""Starts a target whose agents are at this port."""


def measure(directory: Path, load: Load, opening: Opening) -> Figures:
    """Start a target, put the load on it and read what it used; raises Incomplete."""
    calls = load["calls"] + WARM_UP_CALLS
    with (
        Agents(directory, calls=calls, talk_milliseconds=load["talk_ms"]) as agents,
        opening(agents.port) as target,
    ):
        _call(directory / "warm-up", target, load | {"calls": WARM_UP_CALLS})
        time.sleep(SETTLING_SECONDS)
        for name, pid in target.parts.items():
            print(f"measuring {name}, process {pid}", file=sys.stderr)
        sent_again, before = target.retransmissions(), target.cpu_seconds()
        seen = _call(directory / "customers", target, load)
        served = agents.finish() - WARM_UP_CALLS
        time.sleep(SETTLING_SECONDS)
        after = target.cpu_seconds()
        used = {name: 1000 * (after[name] - before[name]) / load["calls"] for name in after}
        return _figures(target, agents, seen, used, served, target.retransmissions() - sent_again)


def _call(directory: Path, target: Target, load: Load) -> Seen:
    """All calls, in at most twice the time that they take with the agents that there are."""
    calls, talk_seconds = load["calls"], load["talk_ms"] / 1000
    rate = min(load["rate"], load["agents"] / (talk_seconds + 0.5))
    seconds = 2 * (calls / rate + talk_seconds) + _SPARE_SECONDS
    return call(directory, server=target.server, calls=calls, rate=load["rate"], seconds=seconds)


def _figures(
    target: Target, agents: Agents, seen: Seen, used: dict[str, float], served: int, sent_again: int
) -> Figures:
    return Figures(
        calls=seen.successful + seen.failed,
        successful=seen.successful,
        failed=seen.failed,
        served_by_agents=served,
        still_active=target.active_calls(),
        calls_per_second=seen.calls_per_second(),
        cpu_ms_per_call=used,
        resident_mb=target.resident_megabytes(),
        retransmissions=sent_again,
        sent_again_to_it=seen.sent_again,
        calls_by_agent=target.calls_by_agent(),
        answered_twice=target.answered_twice(),
        answer_ms=quantiles(seen.answer_milliseconds()),
        offer_ms=quantiles(seen.offer_milliseconds(agents.messages(), target.customer_of())),
    )


def measure_both(load: Load) -> tuple[Figures, list[Figures]]:
    """callengine, and the floor before and after it, in a scratch directory that is removed."""
    half = load | {"calls": load["calls"] // 2}
    with tempfile.TemporaryDirectory(prefix="callengine-bench-") as scratch:
        directory = Path(scratch)

        def floor(port: int) -> AbstractContextManager[Target]:
            return targets.floor(directory, agents=load["agents"], agent_port=port)

        def callengine(port: int) -> AbstractContextManager[Target]:
            home = directory / "service"
            return targets.callengine(home, agents=load["agents"], agent_port=port, rate=load["rate"])

        before = measure(directory / "before", half, floor)
        figures = measure(directory / "load", load, callengine)
        return figures, [before, measure(directory / "after", half, floor)]


@click.command(help=__doc__)
@click.option("--rate", type=click.IntRange(1, 500), default=50, show_default=True, help="Calls a second.")
@click.option("--calls", type=click.IntRange(10, 20_000), default=500, show_default=True, help="In all.")
@click.option("--agents", type=click.IntRange(1, 10_000), default=200, show_default=True, help="Signed on.")
@click.option(
    "--talk-ms", type=click.IntRange(0, 60_000), default=1000, show_default=True, help="Until they hang up."
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Append to it.",
)
def main(rate: int, calls: int, agents: int, talk_ms: int, json_file: Path | None) -> None:
    """Measure, print, and exit with 1 if a call was not served."""
    if shutil.which("sipp") is None:
        print(
            "sipp is missing: install it (Debian's package sip-tester), then run this again.", file=sys.stderr
        )
        sys.exit(2)
    signal.signal(signal.SIGTERM, _stop)
    load = {"rate": rate, "calls": calls, "agents": agents, "talk_ms": talk_ms}
    try:
        figures, floors = measure_both(load)
    except (Incomplete, NotRegistered, RuntimeError) as error:
        print(f"nothing was measured: {error}", file=sys.stderr)
        sys.exit(1)
    if json_file is not None:
        _append(json_file, document(figures, floors, at=_now(), machine=_machine(), load=load))
    print(text(figures, floors, load))
    sys.exit(0 if all(each.is_complete for each in (figures, *floors)) else 1)


def _append(path: Path, result: dict[str, object]) -> None:
    """Add one line of JSON."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _machine() -> dict[str, object]:
    """The kind of machine, never which one."""
    return {"cores": os.cpu_count(), "architecture": platform.machine(), "python": platform.python_version()}


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Be ended as by an error, so that everything that was started is ended too."""
    raise SystemExit(143)


if __name__ == "__main__":
    main()
