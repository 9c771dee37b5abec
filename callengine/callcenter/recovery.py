"""What a run of this node that was cut short has left: calls made again from their rows, and ended.

`call_of` makes a call from nothing but its rows; with it a test enters the phases `waiting` and `talking`. At
start `end_leftovers` uses it to close the books: the phones of calls that were up get their BYE, the records
are completed as failed, and the agents are free again. A phone that was still ringing gives up by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Engine

from callengine.callcenter.calls import Call, Entry, Leg, Offer
from callengine.callcenter.clearing import ELSEWHERE, Clearing, Outcome
from callengine.callcenter.leg_rows import is_confirmed, leg_of
from callengine.callcenter.roster import Roster
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import calls, entries, legs, offers
from callengine.db.transaction import Transaction
from callengine.events.types import EventType
from callengine.media.engine import MediaEngine
from callengine.sip.endpoint import Endpoint
from callengine.vocabulary import Disposition, LegRole, OfferState, Party

Row = Mapping[str, Any]

RESTARTED = "service_restarted"
REASON = 'SIP;cause=500;text="Service restarted"'


class Recovery:
    """Takes up what is stored under this node's name; `contact` is our URI in the dialogs that go on."""

    def __init__(
        self,
        *,
        node: str,
        engine: Engine,
        committer: Committer,
        endpoint: Endpoint,
        media: MediaEngine,
        contact: str,
        roster: Roster,
        clearing: Clearing,
    ) -> None:
        self._node = node
        self._engine = engine
        self._committer = committer
        self._endpoint = endpoint
        self._media = media
        self._contact = contact
        self._roster = roster
        self._clearing = clearing

    def call_of(self, call_id: str) -> Call | None:
        """The call as its rows have it, its confirmed legs taken up; None if its caller's leg is not up."""
        with reading(self._engine) as connection:
            call = calls.find(connection, call_id)
            entry = entries.of_call(connection, call_id)
            offer_rows = offers.of_call(connection, call_id)
            leg_rows = legs.of_call(connection, call_id)
        if call is None or entry is None:
            return None
        up = [leg_of(row, self._endpoint, self._contact) for row in leg_rows if is_confirmed(row)]
        caller = next((leg for leg in up if leg.role is LegRole.CALLER), None)
        if caller is None:
            return None
        offer = next((row for row in offer_rows if row["state"] in _LIVE_OFFERS), None)
        agents_legs = [leg for leg in up if leg.role is LegRole.AGENT]
        return _call(call, entry, caller, self._offer(offer, agents_legs) if offer else None)

    def end_leftovers(self) -> int:
        """End every call that an earlier run left alive, and every leg that it left up; how many calls.

        To be called before the first new call, since it closes every media leg that is open.
        """
        with reading(self._engine) as connection:
            live = calls.live(connection, self._node)
            up = legs.live(connection, self._node)
        self._committer.commit(partial(_end_unanswered, [row for row in up if not is_confirmed(row)]))
        for call in (self.call_of(row["id"]) for row in live):
            if call is not None:
                up = [row for row in up if not _belongs_to(row, call)]
                outcome = Outcome(Disposition.FAILED, RESTARTED, Party.SYSTEM, REASON)
                self._clearing.end_in_background(call, outcome)
        self._clear_rest(up)
        self._media.close(*(leg.leg_id for leg in self._media.list()))
        return len(live)

    def _clear_rest(self, rows: Sequence[Row]) -> None:
        """Their calls have complete records; a BYE was due, and with the last leg an agent's release."""
        for key in {(row["call_id"], row["offer_id"]) for row in rows}:
            group = [row for row in rows if (row["call_id"], row["offer_id"]) == key]
            holding = [row for row in group if row["end_cause"] != ELSEWHERE]
            left = [leg_of(row, self._endpoint, self._contact) for row in group if is_confirmed(row)]
            offer = self._offer_of_leg(holding[0]) if holding and key[1] else None
            self._clearing.clear_in_background(key[0], left, offer=offer, cause=RESTARTED, reason=REASON)

    def _offer_of_leg(self, row: Row) -> Offer:
        with reading(self._engine) as connection:
            found = offers.of_call(connection, row["call_id"])
        return self._offer(next(each for each in found if each["id"] == row["offer_id"]), [])

    def _offer(self, row: Row, agents_legs: list[Leg]) -> Offer:
        agent = self._roster.by_id(row["agent_id"])
        offer = Offer(row["id"], agent.id, agent.name, 0.0, agents_legs, offered_at=row["offered_at"])
        if row["state"] == OfferState.CONNECTED and agents_legs:
            offer.answered = agents_legs[0]
        return offer


_LIVE_OFFERS = (OfferState.RINGING, OfferState.CONNECTED)


def _call(call: Row, entry: Row, caller: Leg, offer: Offer | None) -> Call:
    place = Entry(
        id=entry["id"],
        queue_id=entry["queue_id"],
        priority=entry["priority"],
        first_arrived_at=entry["first_arrived_at"],
        joined_at=entry["joined_at"],
        gives_up_at=entry["expires_at"],
    )
    return Call(
        id=call["id"],
        entry=place,
        caller=caller,
        caller_number=call["caller_number"],
        caller_name=call["caller_name"],
        dialled=call["dialled"],
        arrived_at=call["arrived_at"],
        offer=offer,
        connected_at=call["connected_at"],
    )


def _belongs_to(leg: Row, call: Call) -> bool:
    """Whether the leg ends with its call: the caller's own, and those of the offer that is alive."""
    if leg["id"] == call.caller.id:
        return True
    return call.offer is not None and leg["offer_id"] == call.offer.id


def _end_unanswered(rows: Sequence[Row], tx: Transaction) -> None:
    """Close the legs that rang: their INVITEs have lost their transactions."""
    for row in rows:
        legs.end(tx, row["id"], RESTARTED)
        tx.add_event(
            EventType.LEG_CLOSED_UNCONFIRMED, call_id=row["call_id"], leg_id=row["id"], cause=RESTARTED
        )
