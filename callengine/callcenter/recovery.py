"""Takes up what an earlier run of this node has left: its calls go on, what it owed to phones is done.

A start has two steps, since what phones send must find its dialogs, and nothing may be sent before. `take_up`
makes every call and leg again from its rows, before SIP is received. `go_on` then gives each call the rest of
its story: a caller who waits stands in line again, phones that rang ring on or have answered meanwhile, who
talks goes on talking. A BYE or CANCEL that was due is sent. Media legs that are gone, because that process
died too or the database is a copy, are opened again on their ports. A phone that does not speak any more is
asked whether it still has the call. A call whose ports are taken is ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from loguru import logger
from sqlalchemy import Engine

from callengine.callcenter.bridge import remote_media
from callengine.callcenter.calls import Call, Entry, Leg, Offer
from callengine.callcenter.clearing import ELSEWHERE, Clearing, Outcome
from callengine.callcenter.leg_rows import Owner, leg_of
from callengine.callcenter.queues import Queues
from callengine.callcenter.roster import Roster
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import calls, entries, legs, nodes, offers
from callengine.db.transaction import Transaction
from callengine.errors import CallCenterError, MediaError
from callengine.events.types import EventType
from callengine.media.engine import MUSIC, MediaEngine
from callengine.sip.endpoint import Endpoint
from callengine.vocabulary import Disposition, LegRole, LegState, OfferState, Party

Row = Mapping[str, Any]

_WITHOUT_MEDIA = Outcome(
    Disposition.FAILED, "no_media", Party.SYSTEM, 'SIP;cause=500;text="Service restarted"'
)
"""How a call ends whose media legs are gone and cannot be opened again."""

_LIVE_OFFERS = (OfferState.RINGING, OfferState.CONNECTED)
_FAILED_OFFERS = (OfferState.REJECTED, OfferState.BUSY, OfferState.NO_ANSWER, OfferState.UNREACHABLE)


class LookAfter(Protocol):
    """See `Refreshing.watch`."""

    def __call__(self, call: Call, leg: Leg, *, is_reopened: bool) -> None: ...


@dataclass(frozen=True)
class Owed:
    """Legs of a call that are to be hung up: their BYE or CANCEL was due, and maybe sent."""

    call_id: str
    legs: Sequence[Leg]
    offer: Offer | None
    """The offer whose agent is free when these phones are quiet."""
    cause: str


@dataclass(frozen=True)
class Leftovers:
    """All that an earlier run has left."""

    calls: list[Call] = field(default_factory=list)
    """In the order of their arrival."""
    owed: list[Owed] = field(default_factory=list)


class Recovery:
    """Takes up what is stored under `owner`'s node; `contact` gives our URI in dialogs over a transport."""

    def __init__(
        self,
        *,
        owner: Owner,
        engine: Engine,
        committer: Committer,
        endpoint: Endpoint,
        media: MediaEngine,
        contact: Callable[[str], str],
        roster: Roster,
        queues: Queues,
        clearing: Clearing,
        take_up_leg: Callable[[Leg], None],
        go_on: Callable[[Call], None],
        look_after: LookAfter,
    ) -> None:
        """`take_up_leg` lets a phone change its session; `go_on` gives a call the rest of its story.

        `look_after` is told each leg whose phone has answered, since that may not have waited for us.
        """
        self._owner = owner
        self._engine = engine
        self._committer = committer
        self._endpoint = endpoint
        self._media = media
        self._contact = contact
        self._roster = roster
        self._queues = queues
        self._clearing = clearing
        self._take_up_leg = take_up_leg
        self._go_on = go_on
        self._look_after = look_after
        self._leftovers = Leftovers()

    @property
    def calls(self) -> list[Call]:
        """Those that were taken up and do not go on yet."""
        return self._leftovers.calls

    def take_up(self) -> None:
        """Make again what is alive; to be called before SIP is received. Nothing is sent."""
        with reading(self._engine) as connection:
            live = calls.live(connection, self._owner["node"])
            rows = legs.live(connection, self._owner["node"])
            silent_since = nodes.last_event_at(connection)
        if not live and not rows:
            return
        self._committer.commit(partial(self._store_new_owner, len(live), len(rows), silent_since))
        taken = {row["id"]: self._leg_of(row) for row in rows}
        found = [self._call_of(row, taken) for row in live]
        self._leftovers = Leftovers([call for call in found if call is not None], self._owed(rows, taken))

    def go_on(self) -> int:
        """Let every call go on and pay what is owed; how many go on. SIP must be received."""
        leftovers, self._leftovers = self._leftovers, Leftovers()
        open_legs = self._open_media_legs()
        self._close_strange_media(leftovers, open_legs)
        for owed in leftovers.owed:
            self._clearing.clear_in_background(owed.call_id, owed.legs, offer=owed.offer, cause=owed.cause)
        count = 0
        for call in leftovers.calls:
            missing = [leg for leg in _legs_of(call) if leg.id not in open_legs]
            if self._open_again(call, missing):
                self._go_on(call)
                count += 1
                for leg in _legs_of(call):
                    if leg.agreement is not None:
                        self._look_after(call, leg, is_reopened=leg in missing)
            else:
                self._clearing.end_in_background(call, _WITHOUT_MEDIA)
        return count

    def _open_again(self, call: Call, missing: Iterable[Leg]) -> bool:
        """Open these media legs on the ports that their phones know; False if one cannot be had."""
        try:
            for leg in missing:
                is_waiting = leg is call.caller and call.connected_at is None
                remote = remote_media(leg.agreement) if leg.agreement else None
                play = MUSIC if is_waiting else None
                self._media.open(leg.id, remote=remote, play=play, port=leg.media_port)
        except CallCenterError as error:
            logger.warning("the call {} cannot go on: {}", call.id, error)
            return False
        return True

    def _open_media_legs(self) -> set[str]:
        try:
            return {leg.leg_id for leg in self._media.list()}
        except MediaError as error:
            logger.error("the media process cannot say which legs it has: {}", error)
            return set()

    def _store_new_owner(self, live: int, up: int, silent_since: float | None, tx: Transaction) -> None:
        nodes.take_over(tx, **self._owner)
        outage = None if silent_since is None else max(0.0, tx.now - silent_since)
        tx.add_event(EventType.SERVICE_RECOVERED, calls=live, legs=up, seconds_without_events=outage)

    def _leg_of(self, row: Row) -> Leg:
        leg = leg_of(row, self._endpoint, self._contact(row["transport"]))
        self._take_up_leg(leg)
        return leg

    def _call_of(self, row: Row, taken: Mapping[str, Leg]) -> Call | None:
        """The call as its rows have it; None if its caller's leg is not up."""
        with reading(self._engine) as connection:
            entry = entries.of_call(connection, row["id"])
            offer_rows = offers.of_call(connection, row["id"])
            leg_rows = legs.of_call(connection, row["id"])
        up = [taken[each["id"]] for each in leg_rows if each["id"] in taken and _is_wanted(each)]
        caller = next((leg for leg in up if leg.role is LegRole.CALLER), None)
        if entry is None or caller is None:
            logger.warning("the call {} cannot be taken up: its caller's leg is gone", row["id"])
            return None
        live = next((each for each in offer_rows if each["state"] in _LIVE_OFFERS), None)
        missed = {each["agent_id"] for each in offer_rows if each["state"] in _FAILED_OFFERS}
        of_offer = {each["id"] for each in leg_rows if live and each["offer_id"] == live["id"]}
        phones = [leg for leg in up if leg.id in of_offer]
        offer = self._offer(live, phones, entry["queue_id"]) if live else None
        return _call(row, _entry(entry, missed), caller, offer)

    def _offer(self, row: Row, phones: list[Leg], queue_id: int) -> Offer:
        agent = self._roster.by_id(row["agent_id"])
        queue = self._queues.by_id(queue_id)
        offer = Offer(row["id"], agent.id, agent.name, queue.wrap_up_seconds, phones)
        offer.offered_at, offer.deadline_at = row["offered_at"], row["deadline_at"]
        if row["answered_at"] is not None and phones:
            offer.answered = phones[0]
        return offer

    def _owed(self, rows: Iterable[Row], taken: Mapping[str, Leg]) -> list[Owed]:
        """The legs that are ending, those together that hold the same agent."""
        groups: dict[tuple[str, str | None, bool], list[Row]] = {}
        for row in rows:
            if not _is_wanted(row):
                is_spare = row["end_cause"] == ELSEWHERE
                groups.setdefault((row["call_id"], row["offer_id"], is_spare), []).append(row)
        return [self._debt(group, taken, is_spare=key[2]) for key, group in groups.items()]

    def _debt(self, group: Sequence[Row], taken: Mapping[str, Leg], *, is_spare: bool) -> Owed:
        first = group[0]
        phones = [taken[row["id"]] for row in group]
        offer = None
        if first["offer_id"] is not None and not is_spare:
            offer = self._offer_of(first, phones)
        return Owed(first["call_id"], phones, offer, first["end_cause"] or ELSEWHERE)

    def _offer_of(self, leg: Row, phones: list[Leg]) -> Offer | None:
        with reading(self._engine) as connection:
            found = offers.of_call(connection, leg["call_id"])
            entry = entries.of_call(connection, leg["call_id"])
        row = next((each for each in found if each["id"] == leg["offer_id"]), None)
        return None if row is None or entry is None else self._offer(row, phones, entry["queue_id"])

    def _close_strange_media(self, leftovers: Leftovers, open_legs: set[str]) -> None:
        """Close the media legs that no leg of ours is the owner of: of a call that was never stored."""
        ours = {leg.id for call in leftovers.calls for leg in _legs_of(call)}
        ours |= {leg.id for owed in leftovers.owed for leg in owed.legs}
        try:
            self._media.close(*(open_legs - ours))
        except MediaError as error:
            logger.warning("media legs that nobody owns could not be closed: {}", error)


def _is_wanted(row: Row) -> bool:
    """Whether the leg is up or on its way; the others are to be hung up."""
    return row["state"] in (LegState.INVITING, LegState.CONNECTED)


def _legs_of(call: Call) -> list[Leg]:
    return [call.caller, *(call.offer.legs if call.offer else ())]


def _entry(row: Row, missed: set[int]) -> Entry:
    return Entry(
        id=row["id"],
        queue_id=row["queue_id"],
        priority=row["priority"],
        first_arrived_at=row["first_arrived_at"],
        joined_at=row["joined_at"],
        gives_up_at=row["expires_at"],
        missed=missed,
    )


def _call(row: Row, entry: Entry, caller: Leg, offer: Offer | None) -> Call:
    return Call(
        id=row["id"],
        entry=entry,
        caller=caller,
        caller_number=row["caller_number"],
        caller_name=row["caller_name"],
        dialled=row["dialled"],
        arrived_at=row["arrived_at"],
        offer=offer,
        connected_at=row["connected_at"],
    )
