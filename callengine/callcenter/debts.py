"""Debts: legs that are made again from their rows and hung up, since that was due and nobody has done it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from loguru import logger
from sqlalchemy import Engine

from callengine.callcenter.calls import Leg, Offer
from callengine.callcenter.clearing import TOLD_ELSEWHERE, Clearing
from callengine.callcenter.leg_rows import leg_of
from callengine.callcenter.queues import Queues
from callengine.callcenter.repair_reasons import Reason
from callengine.callcenter.roster import Roster
from callengine.db.committer import Committer
from callengine.db.engine import reading
from callengine.db.repositories import entries, legs, offers
from callengine.db.transaction import Transaction
from callengine.errors import DatabaseError, NotFound
from callengine.events.types import EventType
from callengine.sip.endpoint import Endpoint
from callengine.vocabulary import COMPLETED_ELSEWHERE, LEGS_UP, OfferState

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Owed:
    """Legs of a call that are to be hung up: their BYE or CANCEL was due, and maybe sent."""

    call_id: str
    legs: Sequence[Leg]
    offer: Offer | None
    """The offer whose agent is free when these phones are quiet."""
    cause: str
    reason: str | None = None
    """The Reason header (RFC 3326) of what they are told."""


class Debts:
    """Makes legs and offers of rows; `contact` gives our URI in dialogs over a transport."""

    def __init__(
        self,
        *,
        engine: Engine,
        committer: Committer,
        endpoint: Endpoint,
        contact: Callable[[str], str],
        roster: Roster,
        queues: Queues,
        clearing: Clearing,
    ) -> None:
        self._engine = engine
        self._committer = committer
        self._endpoint = endpoint
        self._contact = contact
        self._roster = roster
        self._queues = queues
        self._clearing = clearing

    def leg_of(self, row: Row) -> Leg | None:
        """The leg of this row, its dialog taken up; None, and the leg closed, if the row makes no sense."""
        try:
            return leg_of(row, self._endpoint, self._contact(row["transport"]))
        except DatabaseError as error:
            logger.warning("{}; it is closed", error)
            self._committer.commit(partial(_close_unreadable, row))
            return None

    def offer_of(self, row: Row, phones: list[Leg], queue_id: int | None) -> Offer:
        """The offer of this row; raises `NotFound` if its agent is gone, or its queue, if there is one."""
        agent = self._roster.by_id(row["agent_id"])
        wrap_up = 0.0 if queue_id is None else self._queues.by_id(queue_id).rules.wrap_up_seconds
        offer = Offer(row["id"], agent.id, agent.name, wrap_up, queue_id is None, phones)
        offer.offered_at, offer.deadline_at = row["offered_at"], row["deadline_at"]
        if row["answered_at"] is not None and phones:
            offer.answered = phones[0]
        return offer

    def of(self, rows: Iterable[Row], taken: Mapping[str, Leg]) -> list[Owed]:
        """What is owed to the phones of the legs that are ending, those together that hold the same agent.

        `taken` are the legs of these rows.
        """
        groups: dict[tuple[str, str | None, bool], list[Row]] = {}
        for row in rows:
            if not is_wanted(row) and row["id"] in taken:
                is_spare = row["end_cause"] == COMPLETED_ELSEWHERE
                groups.setdefault((row["call_id"], row["offer_id"], is_spare), []).append(row)
        return [self._debt(group, taken, is_spare=key[2]) for key, group in groups.items()]

    def pay(self, owed: Owed) -> None:
        """Hang up, close and give back, in the background."""
        self._clearing.clear_in_background(
            owed.call_id, owed.legs, offer=owed.offer, cause=owed.cause, reason=owed.reason
        )

    def _debt(self, group: Sequence[Row], taken: Mapping[str, Leg], *, is_spare: bool) -> Owed:
        first = group[0]
        call_id, cause = first["call_id"], first["end_cause"] or COMPLETED_ELSEWHERE
        phones = [taken[row["id"]] for row in group]
        if is_spare:
            return Owed(call_id, phones, None, cause, TOLD_ELSEWHERE)
        if first["offer_id"] is None:
            return Owed(call_id, phones, None, cause)
        with reading(self._engine) as connection:
            found = offers.of_call(connection, call_id)
            entry = entries.of_call(connection, call_id)
        is_withdrawn = cause == OfferState.WITHDRAWN and any(row["answered_at"] is not None for row in found)
        offer = self._offer_of_leg(first, phones, found, entry)
        return Owed(call_id, phones, offer, cause, TOLD_ELSEWHERE if is_withdrawn else None)

    def _offer_of_leg(
        self, leg: Row, phones: list[Leg], found: Iterable[Row], entry: Row | None
    ) -> Offer | None:
        row = next((each for each in found if each["id"] == leg["offer_id"]), None)
        try:
            return None if row is None else self.offer_of(row, phones, entry["queue_id"] if entry else None)
        except NotFound as error:
            logger.info("an offer that is over holds nobody: {}", error)
            return None


def is_wanted(row: Row) -> bool:
    """Whether the leg is up or on its way; the others are to be hung up."""
    return row["state"] in LEGS_UP


def _close_unreadable(row: Row, tx: Transaction) -> None:
    legs.end(tx, row["id"], Reason.LEG_UNREADABLE)
    tx.add_event(
        EventType.STATE_REPAIRED, call_id=row["call_id"], reason=Reason.LEG_UNREADABLE, key=row["id"]
    )
