"""A chaos run: a full floor of phones, one fault after another, a judgement after each, and the table."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.ports import free_udp_range
from tests.e2e.recovery.floor import Floor, PhoneSeen, orders_for
from tests.e2e.recovery.judge import AgentWatch, Finding, bad_records, double_offers, lost_calls, out_of_order
from tests.e2e.recovery.plan import Deed, Fault, Target
from tests.e2e.recovery.sound import Pause, pauses_between, silent_phones
from tests.e2e.recovery.stored import Stored, all_about
from tests.e2e.recovery.table import Struck, told
from tests.e2e.service import PASSWORD, Service, is_alive, until

SETTLED_SECONDS = 1.5
"""From the end of a fault to its judgement, at full pace."""
AUDIO_BACK_SECONDS = 1.0
QUIET_SECONDS = 90.0
"""A call may go on for as long as one side does not notice that the other is gone."""


@dataclass(frozen=True)
class Size:
    """How large a run is; times in seconds."""

    agents: int
    callers: int
    each: int
    talk: tuple[float, float]
    patience: float
    calm_seconds: float
    pace: float = 1.0
    """What all times of the faults are multiplied by."""


class Chaos:
    """One run on a service of its own; `say` gets a line for each thing that happens."""

    def __init__(self, directory: Path, size: Size, seed: int, *, say: Callable[[str], None]) -> None:
        self.size, self.seed, self._say = size, seed, say
        self.struck: list[Struck] = []
        self.findings: dict[tuple[str, str], Finding] = {}
        self.calm: list[Pause] = []
        self.watch = AgentWatch()
        self._undo: list[tuple[float, Callable[[], None]]] = []
        self._up_since = self._media_since = time.time()
        self._looked_at = 0.0
        self._ordered_since = 0.0
        agents = [f"a{number:02}" for number in range(size.agents)]
        callers = [f"c{number:03}" for number in range(size.callers)]
        self.service = Service(
            directory / "service", agents=agents, settings=_settings(size), is_program=True
        )
        phones = size.agents + size.callers
        first, _ = free_udp_range(2 * phones)
        ports = [first + 2 * number for number in range(phones)]
        orders = orders_for(
            agents=agents,
            callers=callers,
            ports=ports,
            server_port=self.service.sip_port,
            directory=directory,
            seed=seed,
            talk=size.talk,
            patience=size.patience,
        )
        self.service.prepare(roster=_roster(directory, agents))
        self.service.serve()
        self.floor = Floor(directory, orders)
        self._media_pid = self.service.media_pid()
        self.floor.watch(self._media_pid, is_media=True)
        self.floor.watch(self.service.pid, is_media=False)

    def __enter__(self) -> Chaos:
        return self

    def __exit__(self, *error: Any) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.service.pid, signal.SIGCONT)
        self.floor.__exit__(None, None, None)
        self.service.worker_pids = [self._media_pid]
        self.service.__exit__(*error)

    # The run

    def fill(self) -> None:
        """Switch all phones on, and wait until everybody who can talk talks."""
        for phone in self.floor.phones:
            self.floor.bear(phone)
            time.sleep(0.02)
        agents, callers = self.size.agents, self.size.callers
        everybody = until(
            lambda: self.floor.in_progress() >= callers * 0.9 and self.floor.talking() >= agents * 0.8, 60
        )
        assert everybody, (
            f"{self.floor.in_progress()} calls, {self.floor.talking()} talk: {self.floor.told[:5]}"
        )

    def rest(self) -> None:
        """Nothing is done to anybody: what the machine itself does to the audio."""
        began = time.time()
        self.pass_time(self.size.calm_seconds)
        self.calm = pauses_between(self.floor, Stored.by(self.service), began, time.time())
        self._say(f"calm for {self.size.calm_seconds:.0f} s: {told(self.calm, began)}")

    def strike(self, fault: Fault) -> None:
        """One fault, and the judgement after it."""
        self.pass_time(fault.pause)
        now = time.time()
        calm_for = now - max(self._up_since, self._media_since)
        struck = Struck(fault, now, self.floor.in_progress(), self.floor.talking(), calm_for)
        self.struck.append(struck)
        deed = {
            (Target.SIGNALLING, Deed.KILLED): self._kill_signalling,
            (Target.SIGNALLING, Deed.FROZEN): self._freeze_signalling,
            (Target.MEDIA, Deed.KILLED): self._strike_media,
            (Target.MEDIA, Deed.FROZEN): self._strike_media,
        }
        whom = ""
        if fault.kind in deed:
            deed[fault.kind](fault)
        else:
            whom = self._strike_phone(fault)
        back_at = time.time()
        self.pass_time(SETTLED_SECONDS * self.size.pace)
        self._judge(struck)
        self._say(
            f"{fault.number:3} {fault.target} {fault.deed} {whom} ({fault.lasts} s, back after "
            f"{back_at - struck.at:.2f} s), {struck.in_progress} calls, {struck.talking} talk; "
            f"{told(struck.pauses, struck.at)}"
        )

    def finish(self) -> None:
        """The callers hang up; when all is quiet, everything must be as if nothing had ever happened."""
        self.pass_time(max([at for at, _ in self._undo], default=time.time()) - time.time() + 1)
        self.floor.close()
        if not until(self._is_quiet, QUIET_SECONDS, 0.5):
            self._note(Finding("end", time.time(), f"it does not come to rest: {self.service.present()}"))
        stored = Stored.by(self.service)
        self._judge_rows(stored)
        for row in stored.calls:
            if row["state"] != "ended":
                self._note(Finding("end", time.time(), f"the call is {row['state']}", row["id"]))
        free = [row for row in stored.agents if (row["state"], row["load"]) != ("available", 0)]
        if free:
            self._note(Finding("stuck", time.time(), f"agents at the end: {[dict(row) for row in free]}"))

    def _is_quiet(self) -> bool:
        present = self.service.present()
        is_idle = present["active_calls"] == 0 and present["legs"] == 0
        return is_idle and not any(phone.is_engaged for phone in self.floor.phones)

    def pass_time(self, seconds: float) -> None:
        """Let it be, but for what is due: phones come back, the agents are looked at."""
        end = time.time() + seconds
        while (now := time.time()) < end:
            for due in [each for each in self._undo if each[0] <= now]:
                self._undo.remove(due)
                due[1]()
            if now - self._looked_at > 1.0:
                self._looked_at = now
                self._look_at_agents(now)
            time.sleep(0.05)

    # Faults

    def _kill_signalling(self, fault: Fault) -> None:
        self.service.kill()
        self.pass_time(fault.lasts)
        self.service.serve()
        self.floor.watch(self.service.pid, is_media=False)
        self._signalling_is_back()

    def _freeze_signalling(self, fault: Fault) -> None:
        os.kill(self.service.pid, signal.SIGSTOP)
        self.pass_time(fault.lasts)
        os.kill(self.service.pid, signal.SIGCONT)
        assert until(self.service.answers, 20), "the service does not answer again"
        self._signalling_is_back()

    def _signalling_is_back(self) -> None:
        self._up_since = time.time()
        self.watch.forget()

    def _strike_media(self, fault: Fault) -> None:
        before = self._media_pid
        os.kill(before, signal.SIGKILL if fault.deed is Deed.KILLED else signal.SIGSTOP)
        if not until(lambda: self._media_pid_now() not in (before, 0), 10, 0.05):
            self._note(Finding("media", time.time(), f"the media process was not replaced after {fault}"))
            if is_alive(before):
                os.kill(before, signal.SIGCONT)
        self._media_pid, self._media_since = self._media_pid_now(), time.time()
        self.floor.watch(self._media_pid, is_media=True)
        self.floor.watch(self.service.pid, is_media=False)

    def _media_pid_now(self) -> int:
        return self.service.media_pid()

    def _strike_phone(self, fault: Fault) -> str:
        phones = self.floor.kinds("agent" if fault.target is Target.AGENT else "caller")
        turn = phones[fault.index :] + phones[: fault.index]
        phone = next(each for each in turn if each.is_well)
        if fault.deed is Deed.KILLED:
            self.floor.kill(phone)
            undo: Callable[[PhoneSeen], None] = self.floor.bear
        else:
            self.floor.freeze(phone)
            undo = self.floor.thaw
        self._undo.append((time.time() + fault.lasts, lambda: undo(phone)))
        return phone.orders.name

    # Judgement

    def _judge(self, struck: Struck) -> None:
        struck.settled_at = time.time()
        stored = Stored.by(self.service)
        struck.pauses = pauses_between(self.floor, stored, struck.at, struck.settled_at)
        self._judge_rows(stored)
        if not self._silent(stored):
            return
        self.pass_time(AUDIO_BACK_SECONDS)
        for finding in self._silent(Stored.by(self.service)):
            self._note(finding)

    def _silent(self, stored: Stored) -> list[Finding]:
        return silent_phones(self.floor, stored, self.floor.heard(), time.time())

    def _judge_rows(self, stored: Stored) -> None:
        now = time.time()
        lost = lost_calls(self.floor, stored, up_since=self._up_since)
        for finding in lost:
            if self._note(finding):
                struck = [each for each in self.struck if each.at <= finding.at]
                if struck:
                    struck[-1].lost += 1
        for finding in (*double_offers(self.floor, stored), *bad_records(stored)):
            self._note(finding)
        for finding in out_of_order(stored, self._ordered_since):
            self._note(finding)
        self._ordered_since = now - 10.0

    def _look_at_agents(self, now: float) -> None:
        stored = Stored.agents_of(self.service)
        if self._is_up():
            self.watch.look(
                self.floor, stored, now, waiting=self.floor.in_progress() - self.floor.talking() - 5
            )
        for finding in self.watch.stuck.values():
            self._note(finding)

    def _is_up(self) -> bool:
        return is_alive(self.service.pid)

    def _note(self, finding: Finding) -> bool:
        key = (finding.rule, finding.call_id or finding.text.split(" is ")[0])
        if key in self.findings:
            return False
        self.findings[key] = finding
        self._say(f"    FINDING {finding.rule}: {finding.text}")
        if finding.call_id and len(self.findings) < 12:
            self._say(all_about(self.service, finding.call_id))
        return True


def _settings(size: Size) -> dict[str, str]:
    first, last = free_udp_range(6 * (size.agents + size.callers) + 40)
    return {
        "MEDIA__PORT_FIRST": str(first),
        "MEDIA__PORT_LAST": str(last),
        "MEDIA__TIMEOUT_SECONDS": "15",
        "MEDIA__RESERVE": "true",
        "QUEUES__SUPPORT__CAPACITY": str(2 * size.callers),
        "QUEUES__SUPPORT__MAX_WAIT_TIME_SECONDS": "3000",
        "QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "6",
        "LOG__LEVEL": "INFO",
        "LOG__HUB_BLOCKED_MS": "40",
    }


def _roster(directory: Path, agents: Sequence[str]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    lines = ["name,password,queues,skills", *(f"{name},{PASSWORD},support," for name in agents)]
    file = directory / "agents.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file
