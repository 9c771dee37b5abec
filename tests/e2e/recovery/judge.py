"""Judges what the phones of a chaos run saw by what the database says: each rule is a function with findings.

The rules, exactly:

- **No caller lost.** A caller that was answered (200) is in its call still, and the database says so; or it
  hung up; or its agent's phone did; or one of the two phones was dead or frozen meanwhile (then the call
  may end by rule). Everything else is a lost call.
- **No agent twice.** Offers of one agent do not overlap in time, nor do those of one entry; no phone is
  invited while it has a call.
- **Order kept.** When an agent is offered an entry, no entry of the same queue and priority that had
  arrived before it was in line, without an offer, all the time from when the agent's last offer had ended
  (the choice may be as old as that: while the media process is replaced, what follows from it waits), and
  `SETTLE_SECONDS` before the offer, until as long after it; one that this agent has missed before does not
  count. So a caller who comes back in line must have its old place.
- **Records complete.** An ended call has disposition, cause, and who hung up; its times add up; its offers
  and its entry have ended as the call did.
- **No agent stuck.** An agent whose phone is well and has no call is not held for longer than the longest
  rule that may hold it (`HELD_SECONDS`), is not offline, and not idle while callers wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.e2e.recovery.floor import Floor, PhoneCall
from tests.e2e.recovery.stored import Row, Stored

SETTLE_SECONDS = 0.5
BYE_SECONDS = 12.0
"""How long a phone may be in a call that has ended: a BYE is repeated every 4 s."""
HELD_SECONDS = 60.0
"""A phone that is gone is found out by media.timeout_seconds (15 here), or by a re-INVITE after 5 s, which
is given up after 32 s; its BYE after 15 s."""
OFFLINE_SECONDS = 15.0
IDLE_SECONDS = 10.0
_CLOSE = 0.005
_FAILED = ("rejected", "busy", "no_answer", "unreachable")


@dataclass(frozen=True)
class Finding:
    """Something that must not be; `call_id` is the database's."""

    rule: str
    at: float
    text: str
    call_id: str | None = None


def lost_calls(floor: Floor, stored: Stored, *, up_since: float) -> list[Finding]:
    """Callers who were answered and have lost their call; `up_since` is when signalling was back last."""
    rows, now = stored.by_dialog(), stored.taken_at
    agents = {call.sip_call_id: call for call in floor.calls("agent")}
    found: list[Finding] = []
    for call in floor.calls("caller"):
        if call.answered_at is None or call.hung_up_at or call.died_at:
            continue
        if max(call.answered_at, call.ended_at or 0.0) > stored.taken_at:
            continue  # the rows are older; it is judged the next time
        row = rows.get(call.sip_call_id)
        if call.ended_at is None:
            why = _is_held_in_vain(row, now, up_since)
        else:
            why = None if row and _may_end(floor, call, row, agents) else f"{call.by}: {call.cause}"
        if why and not floor.phones[call.phone].was_ill(call.began_at, call.ended_at or now):
            where = floor.phones[call.phone].orders.name
            found.append(Finding("lost", call.ended_at or now, f"{where}: {why}", row["id"] if row else None))
    return found


def _is_held_in_vain(row: Row | None, now: float, up_since: float) -> str | None:
    if row is None:
        return "its phone is in a call that is not stored"
    if row["ended_at"] is not None and now - max(row["ended_at"], up_since) > BYE_SECONDS:
        return f"its phone is in a call that ended {now - row['ended_at']:.1f} s ago ({row['cause']})"
    return None


def _may_end(floor: Floor, call: PhoneCall, row: Row, agents: dict[str, PhoneCall]) -> bool:
    """Whether the agent's phone hung up, or was out of order."""
    theirs = agents.get(row["agent_dialog"] or "")
    if theirs is None:
        return False
    was_ill = floor.phones[theirs.phone].was_ill(theirs.began_at, call.ended_at or row["ended_at"])
    return theirs.hung_up_at is not None or was_ill


def double_offers(floor: Floor, stored: Stored) -> list[Finding]:
    """Two offers at a time: to one agent, or of one entry; or an INVITE to a phone in a call."""
    found = [
        Finding("double", told["at"], f"{floor.phones[told['phone']].orders.name} was invited twice: {told}")
        for told in floor.told
        if told["event"] == "offered_twice"
    ]
    for key in ("agent_id", "entry_id"):
        latest: dict[object, Row] = {}
        for offer in stored.offers:
            before = latest.get(offer[key])
            if before and (before["ended_at"] is None or before["ended_at"] > offer["offered_at"]):
                text = f"{key} {offer[key]}: offers {before['id']} and {offer['id']} overlap"
                found.append(Finding("double", offer["offered_at"], text, offer["call_id"]))
            latest[offer[key]] = offer
    return found


def out_of_order(stored: Stored, since: float) -> list[Finding]:
    """Offers from `since` on that passed over somebody who had come before."""
    of_entry: dict[str, list[Row]] = {}
    for offer in stored.offers:
        of_entry.setdefault(offer["entry_id"], []).append(offer)
    entries = {entry["id"]: entry for entry in stored.entries}
    free_since: dict[int, float] = {}
    found: list[Finding] = []
    for offer in stored.offers:
        free, chosen = free_since.get(offer["agent_id"], offer["offered_at"]), entries[offer["entry_id"]]
        free_since[offer["agent_id"]] = offer["ended_at"] or offer["offered_at"]
        if offer["offered_at"] < since:
            continue
        start = min(free, offer["offered_at"] - SETTLE_SECONDS)
        for other in stored.entries:
            if _is_passed_over(other, chosen, offer, start, of_entry.get(other["id"], [])):
                text = f"entry {other['id']} came before {chosen['id']}, and the latter was offered"
                found.append(Finding("order", offer["offered_at"], text, other["call_id"]))
    return found


def _is_passed_over(other: Row, chosen: Row, offer: Row, start: float, offers: Iterable[Row]) -> bool:
    """Whether `other` was in line and free from `start` on, and `chosen` was offered to this agent."""
    end = offer["offered_at"] + SETTLE_SECONDS
    return (
        other["first_arrived_at"] < chosen["first_arrived_at"]
        and other["queue_id"] == chosen["queue_id"]
        and other["priority"] == chosen["priority"]
        and other["joined_at"] < start
        and (other["left_at"] is None or other["left_at"] > end)
        and not any(
            (each["offered_at"] < end and (each["ended_at"] or end) > start)
            or (each["agent_id"] == offer["agent_id"] and each["state"] in _FAILED and each["ended_at"] < end)
            for each in offers
        )
    )


def bad_records(stored: Stored) -> list[Finding]:
    """Ended calls whose records lack something or do not add up."""
    found = []
    open_offers = {row["call_id"] for row in stored.offers if row["state"] in ("ringing", "connected")}
    for row in stored.calls:
        if row["state"] == "ended" and (problems := _problems(row, open_offers)):
            found.append(Finding("record", row["ended_at"], ", ".join(problems), row["id"]))
    return found


def _problems(row: Row, open_offers: set[str]) -> list[str]:
    problems = [name for name in ("disposition", "cause", "hung_up_by", "wait_seconds") if row[name] is None]
    if row["id"] in open_offers:
        problems.append("an offer of it is open")
    if row["connected_at"] is None:
        if row["talk_seconds"] is not None or row["entry_state"] in ("waiting", "offered", "connected"):
            problems.append(f"never connected, but {row['talk_seconds']} s, {row['entry_state']}")
        return problems
    lasted = row["ended_at"] - row["connected_at"]
    waited = row["connected_at"] - row["joined_at"]
    if row["talk_seconds"] is None or abs(row["talk_seconds"] - lasted) > _CLOSE:
        problems.append(f"talked {row['talk_seconds']} s of {lasted}")
    if row["wait_seconds"] is None or abs(row["wait_seconds"] - waited) > _CLOSE:
        problems.append(f"waited {row['wait_seconds']} s of {waited}")
    if row["agent_id"] is None or row["ring_seconds"] is None or row["entry_state"] != "connected":
        problems.append(f"agent {row['agent_id']}, rang {row['ring_seconds']} s, entry {row['entry_state']}")
    if row["offer_state"] != "ended" or row["offer_talk_seconds"] != row["talk_seconds"]:
        problems.append(f"its offer is {row['offer_state']}, talked {row['offer_talk_seconds']} s")
    return problems


class AgentWatch:
    """Looks at the agents again and again, for those who are held, offline or idle for too long."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[str, float]] = {}
        self.stuck: dict[str, Finding] = {}
        self.longest = 0.0
        """The longest that an agent was held without a call, in seconds."""

    def forget(self) -> None:
        """The service was away: idle time begins anew."""
        self._since = {name: seen for name, seen in self._since.items() if seen[0] == "held"}

    def look(self, floor: Floor, agents: Sequence[Row], now: float, *, waiting: int) -> None:
        """One look."""
        phones = {phone.orders.name: phone for phone in floor.kinds("agent")}
        for row in agents:
            phone, name = phones[row["name"]], row["name"]
            state = _kind_of_wait(row["state"], waiting) if phone.is_well and not phone.is_engaged else ""
            key, since = self._since.get(name, ("", now))
            if state != key:
                since = now
            self._since[name] = (state, since)
            limits = {"held": HELD_SECONDS, "offline": OFFLINE_SECONDS, "idle": IDLE_SECONDS}
            if state == "held":
                self.longest = max(self.longest, now - since)
            if state and now - since > limits[state]:
                text = f"{name} is {state} ({row['state']}, load {row['load']}) for {now - since:.0f} s"
                self.stuck[name] = Finding("stuck", now, text)


def _kind_of_wait(state: str, waiting: int) -> str:
    if state in ("reserved", "busy", "wrap_up"):
        return "held"
    if state == "offline":
        return "offline"
    return "idle" if waiting else ""
