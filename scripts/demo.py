"""A shift at a small call center, shown in the terminal: two agents, four callers, what happens, the result.

It runs the real service in a directory of its own, with the same harness as the end-to-end tests, and every
agent and caller is a `callengine softphone`. Nothing is left behind.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.e2e.phone import Event, Phone
from tests.e2e.records import CallRecord, read_records
from tests.e2e.service import Service, until

AGENTS = {"alice": 3.0, "bob": 4.0}
"""Who takes calls, and after how many seconds of talk each hangs up."""
CALLERS: dict[str, tuple[str, ...]] = {
    "5551": ("--hang-up-after", "3"),
    "5552": (),
    "5553": (),
    "5554": (),
}
"""Who calls, and what else each does; all within two seconds, so that two have to wait."""
SECONDS_BETWEEN_CALLERS = 0.5
LONGEST_SECONDS = 30.0

WORDS = {
    "registered": "{phone} signs on",
    "incoming_call": "{phone}'s phone rings: {caller}",
    "call_connected": "{phone} talks with {caller}",
    "call_terminated": "{phone} is free again",
    "error": "{phone}: {message}",
}


class Story:
    """Prints what the agents' phones tell, in order, with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.time()
        self._told: dict[str, int] = {}
        self._callers: dict[str, str] = {}

    def say(self, text: str, at: float | None = None) -> None:
        """One line; `at` is in seconds since the epoch, now if not given."""
        print(f"{(at or time.time()) - self._start:6.1f}  {text}", flush=True)

    def follow(self, phones: Iterable[Phone]) -> None:
        """Print what is new at these phones."""
        new: list[tuple[float, str]] = []
        for phone in phones:
            events = list(phone.events)
            new += [(event["time"], self._words(phone.name, event)) for event in events[self._seen(phone) :]]
            self._told[phone.name] = len(events)
        for at, words in sorted(new):
            if words:
                self.say(words, at)

    def _seen(self, phone: Phone) -> int:
        return self._told.get(phone.name, 0)

    def _words(self, phone: str, event: Event) -> str:
        call_id = event.get("call_id", "")
        if "from" in event:
            self._callers[call_id] = event["from"].removeprefix("sip:").partition("@")[0]
        caller = self._callers.get(call_id, "")
        text = WORDS.get(event["event"], "")
        return text.format(phone=phone, caller=caller, message=event.get("message", ""))


def main() -> int:
    """Run the shift; 0 if every caller was answered."""
    print("A shift: two agents, four callers, one number (sip:support). Everybody is a softphone.\n")
    with tempfile.TemporaryDirectory(prefix="callengine-demo-") as directory, ExitStack() as stack:
        service = stack.enter_context(Service(Path(directory), agents=list(AGENTS)))
        story = Story()
        story.say(f"the call center serves on {service.server}")
        agents = [_agent(stack, name, service) for name in AGENTS]
        for agent in agents:
            agent.wait_for("registered")
        story.follow(agents)
        callers = []
        for number in CALLERS:
            story.say(f"{number} calls")
            callers.append(_caller(stack, number, service))
            _watch(story, agents, SECONDS_BETWEEN_CALLERS)
        deadline = time.monotonic() + LONGEST_SECONDS
        while any(caller.process.poll() is None for caller in callers) and time.monotonic() < deadline:
            _watch(story, agents, 0.1)
        until(lambda: all(record.ended_at for record in read_records(service)), 5)
        story.follow(agents)
        records = read_records(service)
    _print_result(records)
    return 0 if [record.disposition for record in records] == ["answered"] * len(CALLERS) else 1


def _agent(stack: ExitStack, name: str, service: Service) -> Phone:
    options = ("--answer-after", "0.7", "--hang-up-after", str(AGENTS[name]), "--play", "tone:440")
    return stack.enter_context(Phone(name, *options, server=service.server))


def _caller(stack: ExitStack, number: str, service: Service) -> Phone:
    options = ("--call", f"sip:support@{service.server}", "--play", "tone:600", *CALLERS[number])
    return stack.enter_context(Phone(number, *options, server=service.server, password=None))


def _watch(story: Story, agents: Iterable[Phone], seconds: float) -> None:
    until_time = time.monotonic() + seconds
    while True:
        story.follow(agents)
        left = until_time - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.05))


def _print_result(records: Sequence[CallRecord]) -> None:
    print("\nThe call records:\n")
    layout = "  {:<8} {:>7} {:<7} {:>7}  {:<9} {}"
    print(layout.format("caller", "waited", "agent", "talked", "ended by", "result"))
    for record in records:
        waited, talked = _seconds(record.wait_seconds), _seconds(record.talk_seconds)
        words = (record.caller_number, waited, record.agent, talked, record.hung_up_by, record.disposition)
        print(layout.format(*(word or "-" for word in words)))
    print("\nThe agents:\n")
    for agent in AGENTS:
        talks = [record.talk_seconds or 0.0 for record in records if record.agent == agent]
        print(f"  {agent:<8} {len(talks)} calls, {sum(talks):.1f} s of talk")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(1) from None
