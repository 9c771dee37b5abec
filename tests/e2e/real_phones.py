"""Real phones of several makes, each in one call, asked the same way: ring, talk, do something, be over.

What a phone is to do at a certain moment of its call is part of its `Plan`: baresip is told when the moment
has come, the softphone and SIPp are started with their plan, and `do` waits until they have carried it out.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.e2e.baresip import Baresip
from tests.e2e.phone import Phone
from tests.e2e.service import PASSWORD, Service, until
from tests.e2e.sipp import Sipp, read_messages
from tests.e2e.trace import SipTrace, Traced

SOON = 3.0
"""Seconds from ringing or the beginning of the call to a planned deed: time to kill the service before."""
LATER = 25.0
"""Likewise, time to kill it and to start it again."""
LONGEST_GAP_MILLISECONDS = 1000
PACKETS_A_SECOND = 50


class Deed(StrEnum):
    """What a phone does of itself in its call."""

    ANSWER = "answer"
    HANG_UP = "hang_up"
    HOLD = "hold"
    """A re-INVITE which makes our audio stop (RFC 3264 8.4)."""


@dataclass(frozen=True)
class Plan:
    """One deed, and how many seconds after the phone has begun to ring or talk."""

    deed: Deed
    after: float = SOON


class RealPhone(ABC):
    """One phone in one call."""

    def __init__(self, plan: Plan | None) -> None:
        self.plan = plan

    @abstractmethod
    def rings(self) -> bool:
        """Whether it has begun to ring."""

    @abstractmethod
    def talks(self) -> bool:
        """Whether it has been in a confirmed call."""

    @abstractmethod
    def is_over(self) -> bool:
        """Whether it holds no dialog any more."""

    @abstractmethod
    def do(self, deed: Deed) -> None:
        """Wait until it has done that; what is not planned is done now. Nobody may have heard of it."""

    @abstractmethod
    def was_hung_up_on(self) -> bool:
        """Whether the other end ended its call: by BYE or CANCEL that it has seen."""

    @abstractmethod
    def complaints(self) -> list[str]:
        """What went wrong in its call; to be asked when that is over."""

    def complaints_of_audio(self) -> list[str]:
        """What was wrong with what it heard, if it can tell; likewise."""
        return []

    @abstractmethod
    def says(self) -> str:
        """All that it has said, for who has to find out why a test failed."""

    @abstractmethod
    def stop(self) -> None:
        """End it."""

    def wait(self, what: str, timeout: float = 15.0) -> None:
        """Wait until `rings`, `talks` or `is_over`; raises AssertionError when that does not come in time."""
        assert until(getattr(self, what), timeout, pause=0.05), f"not {what}: {self.says()}"


class SoftphoneInCall(RealPhone):
    """`callengine softphone`, as agent or caller."""

    def __init__(
        self, name: str, service: Service, *, transport: str, plan: Plan | None, is_agent: bool
    ) -> None:
        super().__init__(plan)
        self._transport = transport
        options = ["--transport", transport, "--play", "tone:1100" if is_agent else "tone:450"]
        if plan is not None:
            options += [f"--{_OPTIONS[plan.deed]}", str(plan.after)]
        if not is_agent:
            options += ["--call", f"sip:support@{service.server}"]
        self.phone = Phone(name, *options, server=service.server, password=PASSWORD if is_agent else None)
        if is_agent:
            self.phone.wait_for("registered")

    def rings(self) -> bool:
        return bool(self.phone.said("incoming_call"))

    def talks(self) -> bool:
        return bool(self.phone.said("call_connected"))

    def is_over(self) -> bool:
        return bool(self.phone.said("call_terminated"))

    def do(self, deed: Deed) -> None:
        if self.plan is None or self.plan.deed is not deed:
            assert deed is Deed.HANG_UP, "a softphone must be told before"
            self.phone.process.terminate()
            return
        begun = "incoming_call" if deed is Deed.ANSWER else "call_connected"
        due_at = self.phone.wait_for(begun)["time"] + self.plan.after
        assert time.time() < due_at, "the machine is too slow: it has done that already"
        time.sleep(due_at + 0.3 - time.time())

    def was_hung_up_on(self) -> bool:
        return bool(self.phone.wait_for("call_terminated")["hung_up_by"] == "remote")

    def complaints(self) -> list[str]:
        ended = self.phone.wait_for("call_terminated")
        told = [event["message"] for event in self.phone.said("error") if self._transport == "udp"]
        if ended["cause"] == "unconfirmed" and self._transport == "udp":
            told.append(f"nobody has confirmed the end: {ended['cause']}")
        return told

    def complaints_of_audio(self) -> list[str]:
        ended = self.phone.wait_for("call_terminated")
        told: list[str] = []
        if self.holds() or not self.talks():
            return told
        if ended["longest_gap_ms"] > LONGEST_GAP_MILLISECONDS or ended["sources"] != 1:
            told.append("the audio was not one stream")
        heard_seconds = ended["seconds"] - ended["first_packet_ms"] / 1000
        if ended["packets_received"] < 0.8 * PACKETS_A_SECOND * (heard_seconds - 1):
            told.append("there was too little audio")
        return told

    def holds(self) -> bool:
        """Whether its re-INVITE was answered."""
        return bool(self.phone.said("call_held"))

    def says(self) -> str:
        return str(self.phone.events)

    def stop(self) -> None:
        self.phone.stop()


_OPTIONS = {Deed.ANSWER: "answer-after", Deed.HANG_UP: "hang-up-after", Deed.HOLD: "hold-after"}
_COMMANDS = {Deed.ANSWER: "accept", Deed.HANG_UP: "hangup", Deed.HOLD: "hold"}


class BaresipInCall(RealPhone):
    """baresip, as agent or caller."""

    def __init__(
        self,
        directory: Path,
        name: str,
        service: Service,
        *,
        transport: str,
        plan: Plan | None,
        is_agent: bool,
    ) -> None:
        super().__init__(plan)
        self.phone = Baresip(
            directory,
            name,
            server=service.server,
            password=PASSWORD if is_agent else None,
            tone=1100 if is_agent else 450,
            transport=transport,
            answers=plan is None or plan.deed is not Deed.ANSWER,
        )
        if is_agent:
            self.phone.wait_for("200 OK (")
        else:
            self.phone.tell("dial", f"sip:support@{service.server}")

    def rings(self) -> bool:
        return "Incoming call from" in self.phone.output()

    def talks(self) -> bool:
        return "Call established" in self.phone.output()

    def is_over(self) -> bool:
        output = self.phone.output()
        return any(word in output for word in ("audio: destroyed", "terminated (duration", "session closed"))

    def do(self, deed: Deed) -> None:
        self.phone.tell(_COMMANDS[deed])
        time.sleep(0.3)

    def was_hung_up_on(self) -> bool:
        trace = self.phone.trace()
        ends = [*trace.requests("BYE", sent=False), *trace.requests("CANCEL", sent=False)]
        return any(200 in trace.statuses(end) for end in ends)

    def complaints(self) -> list[str]:
        return []

    def complaints_of_audio(self) -> list[str]:
        return [] if not self.talks() or self.phone.hears() or self.holds() else ["it heard nothing"]

    def holds(self) -> bool:
        """Whether its re-INVITE was answered."""
        trace = self.phone.trace()
        invites = trace.requests("INVITE", sent=True)
        return len(invites) > 1 and 200 in trace.statuses(invites[-1])

    def says(self) -> str:
        return self.phone.output()

    def stop(self) -> None:
        self.phone.stop()


class SippInCall(RealPhone):
    """SIPp's own client (`-sn uac`), a caller without audio which hangs up as it was told before."""

    def __init__(self, directory: Path, service: Service, *, plan: Plan | None) -> None:
        super().__init__(plan)
        self._after = plan.after if plan else LATER
        self.sipp = Sipp(
            directory,
            server=service.server,
            scenario=None,
            calls=1,
            talk_milliseconds=round(self._after * 1000),
            at_once=1,
        )

    def rings(self) -> bool:
        return False

    def talks(self) -> bool:
        return bool(self.trace().requests("ACK", sent=True))

    def is_over(self) -> bool:
        return not self.sipp.runs()

    def do(self, deed: Deed) -> None:
        assert deed is Deed.HANG_UP
        acknowledged_at = next(
            message.time
            for message in read_messages(self.sipp.directory / "messages.log")
            if message.sent and message.first_line.startswith("ACK")
        )
        due_at = acknowledged_at + self._after
        assert time.time() < due_at, "the machine is too slow: it has done that already"
        time.sleep(due_at + 0.3 - time.time())

    def trace(self) -> SipTrace:
        """Its messages so far."""
        return SipTrace(
            [
                Traced(message.sent, message.first_line, message.cseq)
                for message in read_messages(self.sipp.directory / "messages.log")
            ]
        )

    def was_hung_up_on(self) -> bool:
        trace = self.trace()
        return any(200 in trace.statuses(bye) for bye in trace.requests("BYE", sent=False))

    def complaints(self) -> list[str]:
        """Its exit code says whether it was answered all that its scenario has."""
        result = self.sipp.wait()
        return [] if result.exit_code == 0 or self.was_hung_up_on() else [result.output]

    def says(self) -> str:
        return str(self.trace())

    def stop(self) -> None:
        self.sipp.stop()
