"""The page of all events: what each means and belongs to, where it is told, and what its payload holds.

The types and their meaning are read from `events/types.py`, the payloads from the calls of `add_event`; what
a name in a payload means stands here.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TYPES = ROOT / "callengine" / "events" / "types.py"
_OWN = ("call_id", "queue", "agent")
_ANY = "**"

TEXT = """\
# Events
{notice}

Everything that happens is an event in the table `event_log`, stored in the same transaction as the change
that it tells of, and numbered 1, 2, 3, ... in the order of the commits. Each has a time (`at`, seconds
since the epoch), a type, the call, the queue and the agent that it belongs to, by name, where there are
such, and a payload, an object of JSON.

A program reads them by `CallCenter.subscribe(handler, types, after)`. With `after`, the last number that it
has seen, it misses nothing while it is away: `examples/follow.py` keeps that number in a file. It is told
what comes in a greenlet of its own, so it may wait. Without `after` it is told what comes from now on, by
the greenlet that commits, and must not wait. Whoever asks for events that were pruned is told so first, by
`log_pruned` with `missing`, the first and the last number of the gap. Another program may read the table by
number.

## Types

| Type | Meaning | Belongs to | Payload |
|---|---|---|---|
"""

MEANINGS = {
    "agent_id": "the agent's key",
    "available_since": "since when it is free, for those who compare",
    "before": "older than that was removed; seconds since the epoch",
    "by": "who wanted it",
    "calls": "how many calls",
    "caller_name": "as the phone gave it",
    "caller_number": "as the phone gave it",
    "cause": "why",
    "connected_at": "when an agent answered",
    "contact": "the phone's contact address",
    "decision": "on what the choice rested",
    "delayed_after": "after which kind of missed offer",
    "delayed_until": "until when it is offered nothing",
    "depth": "who waits in the queue now, the offered included",
    "dialled": "the number",
    "disposition": "how the call ended",
    "events": "how many other events",
    "hung_up_by": "`caller`, `agent` or `system`",
    "incarnation": "which run of the node",
    "key": "the row that was set right",
    "leg_id": "the leg",
    "legs": "how many legs",
    "legs_lost": "how many could not be opened again",
    "legs_reopened": "how many were opened again",
    "level": "its level in the skill, 1 to 10; 0 or null for none",
    "load": "offers and calls that it has now",
    "max_concurrent_calls": "its capacity",
    "member": "whether it serves the queue now",
    "missed_in_row": "offers missed since the last that it answered",
    "new": "the state now",
    "offer_id": "the offer",
    "old": "the state before",
    "pause_next_reason": "the pause that follows its call",
    "pause_reason": "why it is paused",
    "phones": "how many phones ring",
    "position": "its place in the queue's fixed order",
    "priority": "the caller's own",
    "queue_ids": "their keys",
    "queues": "the queues that it serves",
    "reason": "why",
    "result": "what the offer came to: the state of its row",
    "ring_seconds": "how long its phones rang",
    "role": "`caller` or `agent`",
    "round": "which round of offers",
    "seconds": "by how much",
    "seconds_without_events": "how long nothing was logged before",
    "service_level_seconds": "within what the queue is to answer",
    "signed_on": "whether it is to take calls",
    "sip_status": "the final answer of its phones",
    "skill": "the skill",
    "skills": "its level in each",
    "source": "who defines the queue: `settings` or `database`",
    "talk_seconds": "how long both talked; null if nobody answered",
    "tier": "its tier in the queue",
    "to": "the queue that takes the call",
    "wait_seconds": "how long the caller waited in this queue",
    "withdrawn": "whose phones stop to ring",
    "wrap_up_code": "what the conversation was about",
    "wrap_up_seconds": "how long the wrap-up took",
    "wrap_up_until": "when its wrap-up ends; seconds since the epoch",
}


@dataclass
class Told:
    """What the code says of one type."""

    belongs_to: set[str] = field(default_factory=set)
    payload: set[str] = field(default_factory=set)


def events(notice: str) -> str:
    """The page."""
    told = _told()
    rows = [
        f"| `{value}` | {meaning} | {_belongs_to(told[name])} | {_payload(told[name])} |"
        for name, value, meaning in _types()
    ]
    names = sorted({key for one in told.values() for key in one.payload} & MEANINGS.keys())
    meanings = [f"| `{name}` | {MEANINGS[name]} |" for name in names]
    head = "## Payloads\n\n| Name | Meaning |\n|---|---|"
    return TEXT.format(notice=notice) + "\n".join([*rows, "", head, *meanings, ""])


def undescribed() -> set[str]:
    """The names in payloads that have no meaning here."""
    return {key for one in _told().values() for key in one.payload} - MEANINGS.keys() - {_ANY}


def _belongs_to(told: Told) -> str:
    return ", ".join(name.removesuffix("_id") for name in _OWN if name in told.belongs_to) or "-"


def _payload(told: Told) -> str:
    names = [f"`{name}`" for name in sorted(told.payload - {_ANY})]
    if _ANY in told.payload:
        names.append("the settings that it is about, by name")
    return ", ".join(names) or "-"


def _types() -> Iterator[tuple[str, str, str]]:
    """Name, value and meaning of each member."""
    tree = ast.parse(TYPES.read_text(encoding="utf-8"))
    (kind,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "EventType"]
    for place, node in enumerate(kind.body):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            continue
        (target,) = node.targets
        following = kind.body[place + 1] if place + 1 < len(kind.body) else None
        assert isinstance(target, ast.Name)
        yield target.id, str(node.value.value), _text(following)


def _text(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return " ".join(str(node.value.value).split())
    return ""


def _told() -> dict[str, Told]:
    found: dict[str, Told] = defaultdict(Told)
    for path in sorted((ROOT / "callengine").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                _read(function, found)
    return found


def _read(function: ast.FunctionDef, found: dict[str, Told]) -> None:
    for call in ast.walk(function):
        is_call = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        if not is_call or call.func.attr != "add_event":  # type: ignore[attr-defined]
            continue
        assert isinstance(call, ast.Call)
        for name in _names(call.args[0]) or _names(function):
            for keyword in call.keywords:
                if keyword.arg in _OWN:
                    found[name].belongs_to.add(keyword.arg)
                elif keyword.arg is not None:
                    found[name].payload.add(keyword.arg)
                else:
                    found[name].payload |= _keys(keyword.value, function) or {_ANY}


def _keys(value: ast.expr, function: ast.FunctionDef) -> set[str]:
    """The names in the dictionaries that the function may unpack there; none if they are made elsewhere."""
    if not isinstance(value, ast.Name):
        return set()
    dictionaries = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Dict)
        and value.id in [target.id for target in ast.walk(node) if isinstance(target, ast.Name)]
    ]
    return {str(key.value) for one in dictionaries for key in one.keys if isinstance(key, ast.Constant)}


def _names(node: ast.AST) -> list[str]:
    """The members of `EventType` that are named within."""
    return [
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and isinstance(each.value, ast.Name)
        and each.value.id == "EventType"
    ]
