"""Takes up what an earlier run of this node has left: its calls go on, what it owed to phones is done.

A start has two steps, since what phones send must find its dialogs, and nothing may be sent before. `take_up`
makes every call and leg again from its rows, before SIP is received. `go_on` then gives each call the rest of
its story: a caller who waits stands in line again, phones that rang ring on or have answered meanwhile, who
talks goes on talking. A BYE or CANCEL that was due is sent. Media legs that are gone, because that process
died too or the database is a copy, are opened again on their ports. A phone that does not speak any more is
asked whether it still has the call. A call whose ports are taken is ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from loguru import logger
from sqlalchemy import Engine

from callengine.callcenter.answering import Answering
from callengine.callcenter.bridge import remote_media
from callengine.callcenter.calls import Call, Entry, Leg, Offer
from callengine.callcenter.clearing import Clearing, Outcome
from callengine.callcenter.debts import Debts, Owed, is_wanted
from callengine.callcenter.leg_rows import Owner
from callengine.callcenter.repair_reasons import Reason
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import calls, entries, legs, nodes, offers
from callengine.db.transaction import Transaction
from callengine.errors import CallCenterError, MediaError, NotFound
from callengine.events.types import EventType
from callengine.media.engine import LegStatistics, MediaEngine
from callengine.vocabulary import MISSED_OFFERS, Disposition, LegRole, OfferState, Party

Row = Mapping[str, Any]

_WITHOUT_MEDIA = Outcome(
    Disposition.FAILED, "no_media", Party.SYSTEM, 'SIP;cause=500;text="Service restarted"'
)
"""How a call ends whose media legs are gone and cannot be opened again."""


class LookAfter(Protocol):
    """See `Refreshing.watch`."""

    def __call__(self, call: Call, leg: Leg, *, is_reopened: bool) -> None: ...


@dataclass(frozen=True)
class Leftovers:
    """All that an earlier run has left."""

    calls: list[Call] = field(default_factory=list)
    """In the order of their arrival."""
    owed: list[Owed] = field(default_factory=list)


class Recovery:
    """Takes up what is stored under `owner`'s node."""

    def __init__(
        self,
        *,
        owner: Owner,
        engine: Engine,
        committer: Committer,
        media: MediaEngine,
        debts: Debts,
        clearing: Clearing,
        take_up_leg: Callable[[Leg], None],
        answering: Answering,
        go_on: Callable[[Call], None],
        look_after: LookAfter,
    ) -> None:
        """`take_up_leg` lets a phone change its session; `go_on` gives a call the rest of its story.

        `look_after` is told each leg whose phone has answered, since that may not have waited for us.
        """
        self._owner = owner
        self._engine = engine
        self._committer = committer
        self._media = media
        self._debts = debts
        self._clearing = clearing
        self._take_up_leg = take_up_leg
        self._answering = answering
        self._go_on = go_on
        self._look_after = look_after
        self._leftovers = Leftovers()
        self._was_cut_short = False

    @property
    def was_cut_short(self) -> bool:
        """Whether what was taken up is that of a process which did not hand it over."""
        return self._was_cut_short

    @property
    def calls(self) -> list[Call]:
        """Those that were taken up and do not go on yet."""
        return self._leftovers.calls

    def take_up(self) -> None:
        """Make again what is alive; to be called before SIP is received. Nothing is sent."""
        self._adopt_other_nodes()
        with reading(self._engine) as connection:
            live = calls.live(connection, self._owner["node"])
            rows = legs.live(connection, self._owner["node"])
            silent_since = nodes.last_event_at(connection)
            handed_over = nodes.last_handed_over(connection)
        if not live and not rows:
            return
        self._was_cut_short = any(row["incarnation"] != handed_over for row in (*live, *rows))
        self._committer.commit(partial(self._store_new_owner, len(live), len(rows), silent_since))
        taken = {row["id"]: leg for row in rows if (leg := self._leg_of(row)) is not None}
        found = [self._call_of(row, taken) for row in live]
        self._leftovers = Leftovers([call for call in found if call is not None], self._debts.of(rows, taken))

    def go_on(self) -> int:
        """Let every call go on and pay what is owed; how many go on. SIP must be received."""
        leftovers, self._leftovers = self._leftovers, Leftovers()
        open_legs = self._open_media_legs()
        self._close_strange_media(leftovers, open_legs)
        for owed in leftovers.owed:
            self._debts.pay(owed)
        count = 0
        for call in leftovers.calls:
            missing = [leg for leg in call.legs if leg.id not in open_legs]
            if self._open_again(call, missing):
                if call.hears_music and _is_silent(open_legs.get(call.caller.id)):
                    self._answering.play(call)
                self._go_on(call)
                count += 1
                for leg in call.legs:
                    if leg.has_agreed:
                        self._look_after(call, leg, is_reopened=leg in missing)
            else:
                self._clearing.end_in_background(call, _WITHOUT_MEDIA)
        return count

    def _adopt_other_nodes(self) -> None:
        """No other node can be at work on this database, which is claimed: what is theirs is ours."""
        with reading(self._engine) as connection:
            others = nodes.others(connection, self._owner["node"])
        for other in others:
            logger.warning("calls of a node named {!r} are in the database; they are taken up", other)
            self._committer.commit(partial(_store_adoption, other, self._owner["node"]))

    def _open_again(self, call: Call, missing: Iterable[Leg]) -> bool:
        """Open these media legs on the ports that their phones know; False if one cannot be had."""
        try:
            for leg in missing:
                remote = remote_media(leg.agreement) if leg.agreement else None
                self._media.open(leg.id, remote=remote, port=leg.media_port)
                if leg is call.caller and call.hears_music:
                    self._answering.play(call)
        except CallCenterError as error:
            logger.warning("the call {} cannot go on: {}", call.id, error)
            return False
        return True

    def _open_media_legs(self) -> dict[str, LegStatistics]:
        try:
            return {leg.leg_id: leg for leg in self._media.list()}
        except MediaError as error:
            logger.error("the media process cannot say which legs it has: {}", error)
            return {}

    def _store_new_owner(self, live: int, up: int, silent_since: float | None, tx: Transaction) -> None:
        nodes.take_over(tx, **self._owner)
        outage = None if silent_since is None else max(0.0, tx.now - silent_since)
        kind = EventType.SERVICE_RECOVERED if self._was_cut_short else EventType.SERVICE_TAKEN_OVER
        tx.add_event(kind, calls=live, legs=up, seconds_without_events=outage)

    def _leg_of(self, row: Row) -> Leg | None:
        leg = self._debts.leg_of(row)
        if leg is not None:
            self._take_up_leg(leg)
        return leg

    def _call_of(self, row: Row, taken: Mapping[str, Leg]) -> Call | None:
        """The call as its rows have it; None if they do not make one, which the reconciler then closes."""
        with reading(self._engine) as connection:
            entry = entries.of_call(connection, row["id"])
            offer_rows = offers.of_call(connection, row["id"])
            leg_rows = legs.of_call(connection, row["id"])
        phones = [each for each in leg_rows if each["id"] in taken and is_wanted(each)]
        caller = next((each for each in phones if each["role"] == LegRole.CALLER), None)
        if caller is None or (entry is None and row["queue_id"] is not None):
            logger.warning("the call {} cannot be taken up: its caller's leg is gone", row["id"])
            return None
        try:
            found = [self._offer_of(each, phones, taken, row) for each in offer_rows if _goes_on(each, row)]
        except NotFound as error:
            logger.warning("the call {} cannot be taken up: {}", row["id"], error)
            return None
        missed = {each["agent_id"] for each in offer_rows if each["state"] in MISSED_OFFERS}
        place = _entry(entry, missed, row["from_agent_id"]) if entry else None
        call = _call(row, place, taken[caller["id"]], found)
        if call.connected_at is not None and call.answered_by is None:
            logger.warning("the call {} cannot be taken up: its agent's leg is gone", row["id"])
            return None
        return call

    def _offer_of(self, row: Row, phones: Iterable[Row], taken: Mapping[str, Leg], call: Row) -> Offer:
        own = [taken[each["id"]] for each in phones if each["offer_id"] == row["id"]]
        return self._debts.offer_of(row, own, call["queue_id"])

    def _close_strange_media(self, leftovers: Leftovers, open_legs: Iterable[str]) -> None:
        """Close the media legs that no leg of ours is the owner of: of a call that was never stored."""
        ours = {leg.id for call in leftovers.calls for leg in call.legs}
        ours |= {leg.id for owed in leftovers.owed for leg in owed.legs}
        try:
            self._media.close(*(set(open_legs) - ours))
        except MediaError as error:
            logger.warning("media legs that nobody owns could not be closed: {}", error)


def _store_adoption(other: str, node: str, tx: Transaction) -> None:
    nodes.rename(tx, other, node)
    tx.add_event(EventType.STATE_REPAIRED, reason=Reason.ROWS_OF_ANOTHER_NODE, key=other)


def _is_silent(leg: LegStatistics | None) -> bool:
    """Whether a media leg has been open all the time and plays nothing: its music was still to begin."""
    return leg is not None and leg.playing is None and leg.joined_to is None


def _goes_on(offer: Row, call: Row) -> bool:
    """Whether it is the conversation of a connected call, or rings for one that is not connected."""
    return bool(
        offer["state"] == (OfferState.RINGING if call["connected_at"] is None else OfferState.CONNECTED)
    )


def _entry(row: Row, missed: set[int], made_by: int | None) -> Entry:
    return Entry(
        id=row["id"],
        queue_id=row["queue_id"],
        priority=row["priority"],
        first_arrived_at=row["first_arrived_at"],
        joined_at=row["joined_at"],
        gives_up_at=row["expires_at"],
        preferred_agent_id=row["preferred_agent_id"],
        preferred_until=row["preferred_until"] or 0.0,
        made_by=made_by,
        rounds=row["rounds"],
        missed=missed,
    )


def _call(row: Row, entry: Entry | None, caller: Leg, found: list[Offer]) -> Call:
    return Call(
        id=row["id"],
        place=entry,
        caller=caller,
        caller_number=row["caller_number"],
        caller_name=row["caller_name"],
        dialled=row["dialled"],
        arrived_at=row["arrived_at"],
        offers=found,
        connected_at=row["connected_at"],
    )
