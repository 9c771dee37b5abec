"""A call center with one caller and one agent whose service is killed, and what must hold then."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.e2e.real_phones import BaresipInCall, Plan, RealPhone, SippInCall, SoftphoneInCall
from tests.e2e.records import CallRecord, read_records
from tests.e2e.service import Service, until

_SETTINGS = {
    "QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "40",
    "QUEUES__SUPPORT__WRAP_UP_SECONDS": "0",
}
_LEFT_OVER = {
    "calls": "SELECT id FROM calls WHERE state <> 'ended'",
    "legs": "SELECT id FROM legs WHERE state <> 'ended'",
    "entries": "SELECT id FROM queue_entries WHERE state IN ('waiting', 'offered')",
    "offers": "SELECT id FROM offers WHERE state IN ('ringing', 'connected')",
    "depth": "SELECT id FROM queues WHERE depth <> 0",
    "agents": "SELECT id FROM agents WHERE load <> 0 OR state NOT IN ('available', 'offline')",
}
"""What must be nowhere when a call is over."""


@dataclass(frozen=True)
class Make:
    """Which phone, and over which transport."""

    program: str
    transport: str = "udp"

    def __str__(self) -> str:
        return f"{self.program}-{self.transport}"


SOFTPHONE = Make("softphone")
_UNTIL_GIVEN_UP_SECONDS = 110.0
"""A phone over TCP has 60 s to register again, and is then asked once more."""


class Outage:
    """The service, its one call, and the two phones: the one that is looked at, and a softphone over UDP."""

    def __init__(self, directory: Path, make: Make, *, is_agent: bool) -> None:
        """`make` is the phone to be looked at, the agent's or the caller's."""
        self.service = Service(directory / "service", agents=["alice"], settings=_SETTINGS)
        self._directory = directory
        self._make = make
        self._is_agent = is_agent
        self._started = ExitStack()
        self._phones: dict[bool, RealPhone] = {}

    def __enter__(self) -> Outage:
        self._started.enter_context(self.service)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._started.__exit__(kind, error, trace)

    @property
    def caller(self) -> RealPhone:
        """The caller's phone."""
        return self._phones[False]

    @property
    def agent(self) -> RealPhone:
        """The agent's phone."""
        return self._phones[True]

    @property
    def subject(self) -> RealPhone:
        """The phone that is looked at."""
        return self._phones[self._is_agent]

    @property
    def partner(self) -> RealPhone:
        """The other one."""
        return self._phones[not self._is_agent]

    @property
    def parties(self) -> tuple[str, str]:
        """Whose phones `subject` and `partner` are, as a record has it."""
        return ("agent", "caller") if self._is_agent else ("caller", "agent")

    @property
    def repeats_requests(self) -> bool:
        """Whether the phone that is looked at sends again what nobody has answered."""
        return self._make.transport == "udp"

    @property
    def is_nobody_left(self) -> bool:
        """Whether nobody is reached any more where that phone was, when it has taken its call for over.

        A softphone that calls ends with its call.
        """
        return self._make == Make("softphone", "tcp") and not self._is_agent

    def sign_on(self, plan: Plan | None = None) -> RealPhone:
        """The agent's phone registers."""
        return self._start("alice", plan, is_agent=True)

    def call(self, plan: Plan | None = None) -> RealPhone:
        """The caller's phone calls, and is answered: who stands in line hears music in a call that is up."""
        phone = self._start("carol", plan, is_agent=False)
        phone.wait("talks")
        return phone

    def _start(self, name: str, plan: Plan | None, *, is_agent: bool) -> RealPhone:
        phone: RealPhone
        make = self._make if is_agent is self._is_agent else SOFTPHONE
        if make.program == "sipp":
            phone = SippInCall(self._directory / name, self.service, plan=plan)
        elif make.program == "baresip":
            phone = BaresipInCall(
                self._directory / name,
                name,
                self.service,
                transport=make.transport,
                plan=plan,
                is_agent=is_agent,
            )
        else:
            phone = SoftphoneInCall(
                name, self.service, transport=make.transport, plan=plan, is_agent=is_agent
            )
        self._phones[is_agent] = phone
        self._started.callback(phone.stop)
        return phone

    def wait_until(self, state: str, timeout: float = 15.0) -> None:
        """Wait until the call is stored as being in that state."""

        def is_there() -> bool:
            return self.service.rows("SELECT state FROM calls") == [{"state": state}]

        assert until(is_there, timeout, pause=0.05), (
            f"not {state}: {self.service.rows('SELECT state FROM calls')}, {self._all()}"
        )

    def wait_until_over(self, timeout: float = 30.0) -> CallRecord:
        """Wait until both phones hold no dialog, and nothing of the call is left; gives its record."""
        timeout = _UNTIL_GIVEN_UP_SECONDS if self.is_nobody_left else timeout
        for phone in self._phones.values():
            assert until(phone.is_over, timeout), f"a phone holds a dialog that nobody knows: {self._all()}"
        assert until(lambda: not self._left_over(), timeout), f"{self._left_over()}: {self._all()}"
        (outage,) = self.service.rows("SELECT payload FROM event_log WHERE type = 'service_recovered'")
        told = json.loads(outage["payload"])
        assert told["calls"] == 1
        assert told["seconds_without_events"] > 0
        (record,) = read_records(self.service)
        assert record.ended_at is not None
        return record

    def _left_over(self) -> dict[str, object]:
        found = {what: self.service.rows(query) for what, query in _LEFT_OVER.items()}
        status = self.service.present()
        found |= {what: status[what] for what in ("legs", "dialogs", "ports_in_use")}
        return {what: rows for what, rows in found.items() if rows}

    def _all(self) -> str:
        phones = [phone.says() for phone in self._phones.values()]
        log = self.service.log.read_text(encoding="utf-8")
        return "\n-----\n".join(["", *phones, log])
