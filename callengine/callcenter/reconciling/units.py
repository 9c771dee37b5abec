"""What a repair stores: for each reason that concerns rows one unit of work, its event beside it.

A unit is found out of date by its guards: then somebody was faster, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from callengine.callcenter import agents
from callengine.callcenter.reconciling.picture import Disagreement
from callengine.callcenter.repair_reasons import Reason
from callengine.db.repositories import agent_states, calls, entries, legs, offers, standings
from callengine.db.transaction import Transaction
from callengine.errors import GuardFailed
from callengine.events.types import EventType
from callengine.vocabulary import CallState, Disposition, EntryState, OfferState, Party

Unit = Callable[[Transaction, Disagreement], None]


def store(found: Disagreement, tx: Transaction) -> None:
    """Set right what the rows say, and tell it. Raises `GuardFailed` if it is right by now."""
    unit = _UNITS.get(found.reason)
    if unit is not None:
        unit(tx, found)
    tx.add_event(EventType.STATE_REPAIRED, call_id=found.call_id, reason=found.reason, key=found.key)


def _end_call(tx: Transaction, found: Disagreement) -> None:
    call_id = str(found.key)
    times = standings.times_of(tx, call_id)
    waited = max(0.0, (times.connected_at or tx.now) - times.queued_at)
    talked = None if times.connected_at is None else max(0.0, tx.now - times.connected_at)
    for offer_id, state, offered_at, answered_at in standings.live_offers(tx, call_id=call_id):
        _end_one_offer(tx, offer_id, state, offered_at, answered_at)
    depth = None
    for entry_id, queue_id, present in standings.live_entries(tx, call_id):
        depth = entries.leave(tx, entry_id, queue_id=queue_id, present=present, state=EntryState.REJECTED)
    calls.end(
        tx,
        call_id,
        disposition=Disposition.FAILED,
        cause=found.reason,
        hung_up_by=Party.SYSTEM,
        wait_seconds=waited,
        talk_seconds=talked,
    )
    standings.legs_of_call_ending(tx, call_id, found.reason)
    tx.add_event(
        EventType.CALL_ENDED,
        call_id=call_id,
        queue=times.queue,
        disposition=Disposition.FAILED,
        cause=found.reason,
        hung_up_by=Party.SYSTEM,
        wait_seconds=waited,
        talk_seconds=talked,
        depth=depth,
    )


def _end_one_offer(
    tx: Transaction, offer_id: str, state: OfferState, offered_at: float, answered_at: float | None
) -> None:
    if state is OfferState.CONNECTED:
        offers.end(tx, offer_id, talk_seconds=tx.now - (answered_at or tx.now))
    else:
        ring_seconds = tx.now - offered_at
        offers.fail(tx, offer_id, OfferState.WITHDRAWN, sip_status=None, ring_seconds=ring_seconds)


def _end_offer(tx: Transaction, found: Disagreement) -> None:
    offer_id = str(found.key)
    for row in standings.live_offer(tx, offer_id):
        _end_one_offer(tx, *row)
    standings.legs_of_offer_ending(tx, offer_id, found.reason)


def _give_place_up(tx: Transaction, found: Disagreement) -> None:
    for entry_id, queue_id, present in standings.live_entries(tx, found.call_id or ""):
        entries.leave(tx, entry_id, queue_id=queue_id, present=present, state=EntryState.REJECTED)


def _back_in_line(tx: Transaction, found: Disagreement) -> None:
    entries.return_to_line(tx, str(found.key))
    values = {"call_key": found.call_id, "present": CallState.OFFERED, "state": CallState.QUEUED}
    tx.change(calls.CHANGE_STATE, values)


def _count_again(tx: Transaction, found: Disagreement) -> None:
    standings.count_again(tx, int(found.key))


def _count_load(tx: Transaction, found: Disagreement) -> None:
    agent_id = int(found.key)
    load, is_talking = standings.held_by(tx, agent_id)
    agents.set_straight(tx, agent_id, load=load, is_talking=is_talking, cause=found.reason)


def _sign_off(tx: Transaction, found: Disagreement) -> None:
    if agent_states.is_reachable(tx, int(found.key)):
        raise GuardFailed("a phone is registered by now")
    agents.lose_phones(tx, int(found.key), cause=found.reason)


def _sign_on(tx: Transaction, found: Disagreement) -> None:
    agent = agent_states.read_for_change(tx, int(found.key))
    if not (agent.signed_on and agent_states.is_reachable(tx, agent.id)):
        raise GuardFailed("no phone is registered any more, or the agent was signed off")
    agents.sign_on(tx, int(found.key), cause=found.reason)


def _end_wrap_up(tx: Transaction, found: Disagreement) -> None:
    if not agents.end_wrap_up_if_due(tx, int(found.key), by=tx.now, cause=found.reason):
        raise GuardFailed("the wrap-up is over")


def _leg_ending(tx: Transaction, found: Disagreement) -> None:
    legs.ending(tx, str(found.key), found.reason)


_UNITS: Mapping[Reason, Unit] = {
    Reason.CALL_WITHOUT_STORY: _end_call,
    Reason.ENTRY_WITHOUT_CALL: _give_place_up,
    Reason.ENTRY_OFFERED_TO_NOBODY: _back_in_line,
    Reason.DEPTH_DIFFERS: _count_again,
    Reason.OFFER_WITHOUT_STORY: _end_offer,
    Reason.OFFER_WITHOUT_CALL: _end_offer,
    Reason.AGENT_BUSY_WITHOUT_CALL: _count_load,
    Reason.AGENT_LOAD_DIFFERS: _count_load,
    Reason.AGENT_WITHOUT_PHONE: _sign_off,
    Reason.AGENT_NOT_SIGNED_ON: _sign_on,
    Reason.WRAP_UP_PAST_ITS_LEASE: _end_wrap_up,
    Reason.LEG_WITHOUT_DIALOG: _leg_ending,
}
"""The reasons that are not here change no row by themselves: what is done about them does."""
