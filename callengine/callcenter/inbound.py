"""A customer's call, told from top to bottom: read this first.

A call arrives, is checked and stored (`arrive`); from then on it has a greenlet of its own, which tells its
story: it waits in line with music, is offered to agents until one answers, talks, and ends. Each step of the
story is a phase in a module of its own, and each can also be entered by a call made of its rows. An agent's
call to a queue is told here too; a call to one agent has its story in `outbound`, a feature in `features`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from gevent.event import Event
from gevent.pool import Group
from loguru import logger

from callengine import greenlets
from callengine.callcenter.admission import Way, Why
from callengine.callcenter.answering import RINGING, Answering, columns_of, status_of, tell
from callengine.callcenter.arrivals import Arrivals
from callengine.callcenter.bridge import parting_of
from callengine.callcenter.callers import Callers
from callengine.callcenter.calls import Call, Calls, Leg
from callengine.callcenter.clearing import Clearing, Outcome
from callengine.callcenter.features import Features
from callengine.callcenter.kept_places import KeptPlaces
from callengine.callcenter.legs import Legs
from callengine.callcenter.numbers import Destination, HangUpWith, Numbers, ToAgent, ToFeature, ToQueue
from callengine.callcenter.outbound import Outbound
from callengine.callcenter.overflow import SentAway
from callengine.callcenter.places import new_entry, store_join, store_steps
from callengine.callcenter.preference import prefer_last_agent
from callengine.callcenter.priorities import Priorities
from callengine.callcenter.queues import Queue, Queues
from callengine.callcenter.roster import Agent, Roster
from callengine.callcenter.talking import Talking
from callengine.callcenter.waiting import Waiting
from callengine.callcenter.ways import Ways
from callengine.clock import Clock
from callengine.db.committer import Committer
from callengine.db.repositories import legs
from callengine.db.transaction import Transaction
from callengine.errors import (
    BadMessage,
    CallCenterError,
    Closed,
    DatabaseError,
    HungUp,
    MediaError,
    NumberNotFound,
    QueueFull,
)
from callengine.events.types import EventType
from callengine.log import call_context
from callengine.media.engine import MUSIC
from callengine.sip.authenticator import AuthenticationRefused
from callengine.sip.message import Request
from callengine.sip.stateless import Refusal
from callengine.sip.transactions import ServerTransaction
from callengine.sip.uri import Uri
from callengine.vocabulary import CallState, Disposition, Party

_STARTING_SECONDS = 2
"""When a caller who comes while the service starts may try again."""


class Inbound:
    """Takes INVITEs."""

    def __init__(
        self,
        *,
        numbers: Numbers,
        roster: Roster,
        queues: Queues,
        live: Calls,
        legs: Legs,
        answering: Answering,
        waiting: Waiting,
        talking: Talking,
        clearing: Clearing,
        committer: Committer,
        clock: Clock,
        callers: Callers,
        arrivals: Arrivals,
        outbound: Outbound,
        features: Features,
        ways: Ways,
        priorities: Priorities,
        kept_places: KeptPlaces,
    ) -> None:
        self._numbers = numbers
        self._roster = roster
        self._queues = queues
        self._live = live
        self._legs = legs
        self._answering = answering
        self._waiting = waiting
        self._talking = talking
        self._clearing = clearing
        self._committer = committer
        self._clock = clock
        self._callers = callers
        self._arrivals = arrivals
        self._outbound = outbound
        self._features = features
        self._ways = ways
        self._priorities = priorities
        self._kept_places = kept_places
        self._group = Group()
        self._arriving = 0
        self._settled = Event()
        self._settled.set()
        self._closed: tuple[str, int] | None = ("the service is starting", _STARTING_SECONDS)

    @property
    def is_open(self) -> bool:
        """Whether new calls are taken."""
        return self._closed is None

    def open(self) -> None:
        """Take new calls from now on."""
        self._closed = None

    def close(self, reason: str, *, retry_after_seconds: int) -> None:
        """Refuse new calls from now on (503), and say when to try again; those that are here go on."""
        self._closed = (reason, retry_after_seconds)

    def challenge(self, invite: Request) -> Refusal | None:
        """How to answer an INVITE that does not prove who sends it, though it has to; never waits."""
        try:
            return None if self._closed else self._callers.challenge(invite)
        except BadMessage:
            return None  # the answer to that needs no proof

    def arrive(self, transaction: ServerTransaction) -> None:
        """Admit a new call or refuse it; once it is stored its story goes on by itself."""
        self._arriving += 1
        self._settled.clear()
        try:
            self._take_or_refuse(transaction)
        finally:
            self._arriving -= 1
            if not self._arriving:
                self._settled.set()

    def settle(self, timeout: float) -> None:
        """Wait, at most `timeout` seconds, until each call that has come is refused or has its story."""
        greenlets.wait_for_any(self._settled, timeout=timeout)

    def _take_or_refuse(self, transaction: ServerTransaction) -> None:
        try:
            call = self._admit(transaction)
        except AuthenticationRefused as refusal:
            logger.info("a call to {} was refused: {}", transaction.request.uri, refusal)
            transaction.answer(refusal.sip_status, headers=refusal.headers)
            return
        except CallCenterError as error:
            level = "ERROR" if isinstance(error, DatabaseError | MediaError) else "INFO"
            logger.log(level, "a call to {} was refused: {}", transaction.request.uri, error)
            transaction.refuse(error)
            return
        if call is not None:
            self.go_on(call)

    def go_on(self, call: Call) -> None:
        """Give a stored call a greenlet for the rest of its story."""
        self._live.add(call)
        greenlets.spawn("call", self._tell, call, owner=self._group)

    def wait(self, timeout: float) -> bool:
        """Wait until every story has come to its end; False if `timeout` seconds were too few."""
        self._group.join(timeout=timeout)
        return not len(self._group)

    def _tell(self, call: Call) -> None:
        with call_context(call.id):
            outcome = Outcome(Disposition.FAILED, "internal_error", Party.SYSTEM)
            try:
                outcome = _as_told(call, self._live_through(call))
            finally:
                self._clearing.end(call, outcome)

    def _live_through(self, call: Call) -> Outcome:
        """The story of a call to a queue, of one to an agent, or of one to a feature; and how it ends."""
        try:
            if call.place is not None:
                return self._wait_and_talk(call)
            return (self._outbound if call.offers else self._features).live_through(call)
        except HungUp:
            return self._given_up(call)
        except SentAway as away:
            return _sent_away(away)
        except CallCenterError as error:
            logger.error("the call fails: {}", error)
            return Outcome(Disposition.FAILED, type(error).__name__, Party.SYSTEM)

    def _wait_and_talk(self, call: Call) -> Outcome:
        """The story itself: answer, wait in line, talk, part."""
        tell(call.caller)
        self._waiting.wait_for_answer(call)
        parting = self._talking.talk(call)
        return Outcome(Disposition.ANSWERED, parting.cause, parting.by)

    def _given_up(self, call: Call) -> Outcome:
        """The caller's leg ended before an agent answered: by the caller, or because the service stops."""
        parting = parting_of(call.caller.session, Party.CALLER)
        disposition = Disposition.ABANDONED if parting.by is Party.CALLER else Disposition.FAILED
        if disposition is Disposition.ABANDONED and call.place is not None:
            rules = self._queues.by_id(call.place.queue_id).rules
            if self._clock.now() - call.arrived_at < rules.short_abandon_seconds:
                disposition = Disposition.SHORT_ABANDONED
        return Outcome(disposition, parting.cause, parting.by)

    def _admit(self, transaction: ServerTransaction) -> Call | None:
        """Check and store a call; None if its number leads to a refusal."""
        if self._closed is not None:
            reason, seconds = self._closed
            raise Closed(reason, retry_after_seconds=seconds)
        made_by = self._callers.agent_of(transaction.request)
        dialled = Uri.parse(transaction.request.uri).username or ""
        match self._destination(dialled, made_by):
            case HangUpWith(status):
                transaction.answer(status)
                return None
            case ToAgent(name):
                return self._outbound.admit(transaction, dialled, name, made_by)
            case ToFeature():
                return self._features.admit(transaction, dialled, made_by)
            case ToQueue(name):
                return self._admit_to_queue(transaction, dialled, self._queues.find(name), made_by)

    def _destination(self, dialled: str, made_by: Agent | None) -> Destination:
        """Where it leads; agents reach each other by their names too. Raises `NumberNotFound`."""
        try:
            return self._numbers.find(dialled)
        except NumberNotFound:
            if made_by is None or not self._roster.knows(dialled):
                raise
            return ToAgent(dialled)

    def _admit_to_queue(
        self, transaction: ServerTransaction, dialled: str, queue: Queue, made_by: Agent | None
    ) -> Call:
        way, taker = self._way(queue, dialled)
        play = MUSIC if self._hears_usual_music_at_once(taker) else None
        caller = self._legs.incoming(transaction, play=play)
        try:
            return self._store(caller, dialled, queue, way, made_by)
        except CallCenterError:
            self._legs.discard([caller])
            raise

    def _way(self, queue: Queue, dialled: str, full: Collection[str] = ()) -> tuple[Way, Queue]:
        """The way of a caller, and the queue that takes it; raises `QueueFull` where none does."""
        way = self._ways.of_newcomer(queue, full)
        if way.queue is not None:
            return way, self._queues.find(way.queue)
        passed = ", ".join(f"{step.queue} {step.why}" for step in way.steps)
        self._committer.commit(partial(_store_rejection, way, dialled))
        raise QueueFull(
            f"no queue takes the call: {passed}{', ' if passed else ''}{way.last} {way.why}",
            sip_status=way.status,
        )

    def _hears_usual_music_at_once(self, queue: Queue) -> bool:
        """Then it begins as the leg is opened."""
        plays = status_of(queue.rules.answer) > RINGING and not self._waiting.may_ring_at_once
        return plays and not queue.rules.music

    def _store(
        self, caller: Leg, dialled: str, dialled_queue: Queue, way: Way, made_by: Agent | None
    ) -> Call:
        """Along the way; a queue that the commit finds full is passed over."""
        now = self._clock.now()
        call = self._arrivals.call_of(caller, dialled=dialled, at=now)
        full: set[str] = set()
        while True:
            queue = self._queues.find(way.queue or "")
            played = self._hears_usual_music_at_once(queue)
            try:
                self._store_in(call, queue, way, made_by, now)
            except QueueFull:
                full.add(queue.name)
                way, _ = self._way(dialled_queue, dialled, full)
                continue
            if call.hears_music and (full or not played):
                self._answering.play(call)
            return call

    def _store_in(self, call: Call, queue: Queue, way: Way, made_by: Agent | None, now: float) -> None:
        call.caller.status = status_of(queue.rules.answer)
        priority = self._priorities.of(call.dialled, call.caller_number)
        first = self._kept_places.first_arrival(queue, call.caller_number, now)
        call.entry = new_entry(queue, priority=priority, first_arrived_at=first, began_at=now, now=now)
        call.entry.made_by = made_by.id if made_by else None
        if queue.rules.prefer_last_agent_seconds and made_by is None:
            prefer = partial(
                prefer_last_agent, entry=call.entry, caller_number=call.caller_number, rules=queue.rules
            )
            self._committer.commit(prefer)
        arrival = partial(self._store_arrival, call, queue, way, made_by)
        if not self._waiting.ring_at_once(call, arrival):
            self._committer.commit(arrival)

    def _store_arrival(
        self, call: Call, queue: Queue, way: Way, made_by: Agent | None, tx: Transaction
    ) -> None:
        self._arrivals.store(
            tx,
            call,
            state=CallState.QUEUED,
            made_by=made_by,
            queue_id=queue.id,
            queued_at=call.arrived_at,
            answered_at=columns_of(call.caller.status, tx.now)["answered_at"],
        )
        if made_by is not None:
            self._arrivals.hold(tx, call, made_by)
        caller = self._arrivals.caller_row(call, now=tx.now)
        legs.insert_legs(tx, [caller])
        store_steps(tx, call, way.steps, self._queues)
        store_join(tx, call, call.entry, queue, self._arrivals.owner)


def _store_rejection(way: Way, dialled: str, tx: Transaction) -> None:
    tx.add_event(
        EventType.CALL_REJECTED,
        queue=way.last,
        dialled=dialled,
        reason=way.why,
        status=way.status,
        passed=[[step.queue, step.why] for step in way.steps],
    )


def _sent_away(away: SentAway) -> Outcome:
    """How a call ends that no queue keeps: as its final destination says, else by what the queue has."""
    is_late = away.cause in (Why.MAX_WAIT_TIME, "expired")
    code = away.status if away.way is not None and away.way.is_final else 480
    text = "No agent answered in time" if is_late else "No agent can take the call"
    return Outcome(
        Disposition.TIMED_OUT if is_late else Disposition.REJECTED,
        away.cause,
        Party.SYSTEM,
        f'SIP;cause={code};text="{text}"',
        status=away.status,
        withdrawn_by=away.by,
    )


def _as_told(call: Call, outcome: Outcome) -> Outcome:
    """Who ends a call from outside gives the cause, unless a phone was faster."""
    if call.told_to_end is None or outcome.hung_up_by is not Party.SYSTEM:
        return outcome
    return replace(outcome, cause=call.told_to_end)
