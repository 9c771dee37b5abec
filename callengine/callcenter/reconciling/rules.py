"""The rules: what disagrees in a picture. Each looks at one kind of thing, and knows nothing of repairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from callengine.callcenter.agent_states import is_leaving
from callengine.callcenter.reconciling.picture import (
    AgentRow,
    Disagreement,
    KnownAgent,
    LegRow,
    Picture,
    Story,
)
from callengine.callcenter.repair_reasons import Reason
from callengine.vocabulary import COMPLETED_ELSEWHERE, AgentState, CallState, EntryState, LegState, OfferState

_CLAIMED = (AgentState.RESERVED, AgentState.BUSY)


def disagreements(picture: Picture) -> list[Disagreement]:
    """All that is not as it should be, in the order in which it is to be repaired."""
    return [found for rule in _RULES for found in rule(picture)]


def expected_loads(picture: Picture) -> dict[int, int]:
    """How much holds each agent: offers that are alive or whose phones are not quiet, and its own calls."""
    holding: dict[int, set[str]] = defaultdict(set)
    for offer in picture.offers.values():
        holding[offer.agent_id].add(offer.id)
    for leg in picture.legs.values():
        if leg.agent_id is not None and leg.offer_id is not None and leg.end_cause != COMPLETED_ELSEWHERE:
            holding[leg.agent_id].add(leg.offer_id)
        if leg.made_by is not None:
            holding[leg.made_by].add(leg.call_id)
    return {agent_id: len(offers) for agent_id, offers in holding.items()}


def _calls(picture: Picture) -> Iterator[Disagreement]:
    for call in picture.calls.values():
        story = picture.stories.get(call.id)
        if story is None:
            yield Disagreement(Reason.CALL_WITHOUT_STORY, call.id, call.id)
        elif (
            call.state == CallState.CONNECTED
            and (call.connected_at or 0.0) + picture.max_call_seconds < picture.now
        ):
            yield Disagreement(Reason.CALL_PAST_ITS_LEASE, call.id, call.id)
    for call_id, story in picture.stories.items():
        if not story.is_over and call_id not in picture.calls:
            yield Disagreement(Reason.STORY_WITHOUT_CALL, call_id, call_id)


def _entries(picture: Picture) -> Iterator[Disagreement]:
    offered = {offer.entry_id for offer in picture.offers.values()}
    for entry in picture.entries.values():
        story = picture.stories.get(entry.call_id)
        if entry.call_id not in picture.calls:
            yield Disagreement(Reason.ENTRY_WITHOUT_CALL, entry.id, entry.call_id)
        elif entry.state == EntryState.OFFERED and entry.id not in offered:
            yield Disagreement(Reason.ENTRY_OFFERED_TO_NOBODY, entry.id, entry.call_id)
        elif entry.state == EntryState.WAITING and story is not None and not story.is_over:
            if entry.expires_at is not None and entry.expires_at < picture.now:
                yield Disagreement(Reason.ENTRY_PAST_ITS_LEASE, entry.id, entry.call_id)
            elif _stands_nowhere(story):
                yield Disagreement(Reason.CALLER_NOT_IN_LINE, entry.id, entry.call_id)


def _stands_nowhere(story: Story) -> bool:
    has_place = story.is_in_line or story.is_connected
    return not has_place and not story.offer_ids and not story.agent_ids


def _depths(picture: Picture) -> Iterator[Disagreement]:
    counts: dict[int, int] = defaultdict(int)
    for entry in picture.entries.values():
        counts[entry.queue_id] += 1
    for queue in picture.queues.values():
        if queue.depth != counts[queue.id]:
            yield Disagreement(Reason.DEPTH_DIFFERS, queue.id)


def _offers(picture: Picture) -> Iterator[Disagreement]:
    for offer in picture.offers.values():
        story = picture.stories.get(offer.call_id)
        if offer.call_id not in picture.calls:
            yield Disagreement(Reason.OFFER_WITHOUT_CALL, offer.id, offer.call_id)
        elif story is None or story.is_over:
            continue  # the call's own disagreement, or its end is being stored
        elif offer.id not in story.offer_ids:
            yield Disagreement(Reason.OFFER_WITHOUT_STORY, offer.id, offer.call_id)
        elif offer.state == OfferState.RINGING and offer.deadline_at < picture.now:
            yield Disagreement(Reason.OFFER_PAST_ITS_LEASE, offer.id, offer.call_id)


def _legs(picture: Picture) -> Iterator[Disagreement]:
    for leg in picture.legs.values():
        if leg.id in picture.clearing:
            continue
        if leg.state == LegState.ENDING:
            yield Disagreement(Reason.LEG_PAST_ITS_LEASE, leg.id, leg.call_id)
        else:
            yield from _live_leg(picture, leg)


def _live_leg(picture: Picture, leg: LegRow) -> Iterator[Disagreement]:
    story, known = picture.stories.get(leg.call_id), picture.known_legs.get(leg.id)
    if leg.call_id not in picture.calls:
        yield Disagreement(Reason.LEG_WITHOUT_DIALOG, leg.id, leg.call_id)
    elif story is None or story.is_over:
        return
    elif known is None or (not known.is_up and not _rings_elsewhere(leg, story)):
        yield Disagreement(Reason.LEG_WITHOUT_DIALOG, leg.id, leg.call_id)
    elif not known.is_up:
        return
    elif known.is_confirmed and not known.dialog_is_known:
        yield Disagreement(Reason.DIALOG_NOT_KNOWN, leg.id, leg.call_id)
    elif picture.media is not None and leg.id not in picture.media:
        yield Disagreement(Reason.LEG_WITHOUT_MEDIA, leg.id, leg.call_id)


def _rings_elsewhere(leg: LegRow, story: Story) -> bool:
    """Whether this phone has refused, or was hung up, while the offer goes on: its row waits for that."""
    return leg.state == LegState.INVITING and leg.offer_id in story.offer_ids


def _dialogs(picture: Picture) -> Iterator[Disagreement]:
    for key in picture.strange_dialogs:
        yield Disagreement(Reason.DIALOG_WITHOUT_LEG, key)


def _media(picture: Picture) -> Iterator[Disagreement]:
    for leg_id in (picture.media or frozenset()) - picture.known_legs.keys() - picture.legs.keys():
        yield Disagreement(Reason.MEDIA_WITHOUT_LEG, leg_id)


def _agents(picture: Picture) -> Iterator[Disagreement]:
    loads = expected_loads(picture)
    for agent in picture.agents.values():
        reason = _of_agent(picture, agent, loads.get(agent.id, 0))
        if reason is not None:
            yield Disagreement(reason, agent.id)


def _of_agent(picture: Picture, agent: AgentRow, load: int) -> Reason | None:
    is_claimed, is_registered = agent.state in _CLAIMED, agent.id in picture.registered
    if load != agent.load or bool(load) != is_claimed:
        return Reason.AGENT_LOAD_DIFFERS if load else Reason.AGENT_BUSY_WITHOUT_CALL
    if agent.state == AgentState.WRAP_UP and (agent.wrap_up_until or 0.0) < picture.now:
        return Reason.WRAP_UP_PAST_ITS_LEASE
    if agent.state == AgentState.OFFLINE:
        return Reason.AGENT_NOT_SIGNED_ON if is_registered and agent.signed_on else None
    if not is_claimed and not is_registered:
        return Reason.AGENT_WITHOUT_PHONE
    return None


def _roster(picture: Picture) -> Iterator[Disagreement]:
    wanted = {agent_id for story in picture.stories.values() for agent_id in story.agent_ids}
    for agent in picture.agents.values():
        known = picture.roster.get(agent.id)
        if known is None or _is_known_otherwise(known, agent, picture.now):
            yield Disagreement(Reason.ROSTER_DIFFERS, agent.id)
        elif known.held and agent.id not in wanted:
            yield Disagreement(Reason.AGENT_HELD_FOR_NOBODY, agent.id)


def _is_known_otherwise(known: KnownAgent, agent: AgentRow, now: float) -> bool:
    """A time that is over ends a delay in the row by itself, in memory a timer has to."""
    is_delayed = agent.delayed_until is not None and agent.delayed_until > now
    leaves = is_leaving(
        load=agent.load,
        signed_on=bool(agent.signed_on),
        pause_next_reason=agent.pause_next_reason,
        wrap_up_until=agent.wrap_up_until,
    )
    as_known = (known.state, known.load, known.is_leaving, known.delayed_until is not None)
    return as_known != (agent.state, agent.load, leaves, is_delayed)


_RULES: tuple[Callable[[Picture], Iterator[Disagreement]], ...] = (
    _calls,
    _entries,
    _offers,
    _legs,
    _dialogs,
    _media,
    _depths,
    _agents,
    _roster,
)
