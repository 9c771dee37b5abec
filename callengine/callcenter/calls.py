"""What is alive of a call: the call, its place in a queue if it has one, and its legs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from gevent.event import Event

from callengine.sdp.negotiation import Agreement
from callengine.sdp.session import SessionDescription
from callengine.sip.incoming_session import IncomingSession
from callengine.sip.outgoing_session import OutgoingSession
from callengine.sip.session import Session
from callengine.vocabulary import LegRole


def new_id() -> str:
    """A name for a call, a leg, an entry or an offer: 32 hexadecimal digits, unique everywhere."""
    return uuid4().hex


@dataclass(eq=False)
class Leg:
    """One dialog of ours with one phone, and the media leg of the same name."""

    id: str
    role: LegRole
    session: Session
    media_port: int
    local_sdp: SessionDescription
    agreement: Agreement | None = None
    """What the phone agreed to; None until it has answered."""
    binding_id: int | None = None
    """The registration that an agent's leg leads to."""
    made_by: int | None = None
    """The agent who calls from it, and is busy until this phone is quiet; None for a customer's."""
    status: int = 200
    """What a caller's phone is told: 180 (it rings), 183 (early media) or 200, as the leg's row has it."""

    @property
    def has_agreed(self) -> bool:
        """Whether its INVITE was answered, and media agreed: only then may it be asked for anything."""
        return self.agreement is not None and self.status == 200

    @property
    def incoming(self) -> IncomingSession:
        """The session of a leg that began with the phone's INVITE, in the process that was sent it."""
        assert isinstance(self.session, IncomingSession)
        return self.session

    @property
    def outgoing(self) -> OutgoingSession:
        """The session of a leg that began with our INVITE, in the process that sent it."""
        assert isinstance(self.session, OutgoingSession)
        return self.session


@dataclass(eq=False)
class Entry:
    """A caller's place in a queue. Times are seconds since the epoch."""

    id: str
    queue_id: int
    priority: int
    first_arrived_at: float
    joined_at: float
    gives_up_at: float
    """When waiting in this queue ends."""
    preferred_agent_id: int | None = None
    """The agent that the caller is to wait for, until `preferred_until`."""
    preferred_until: float = 0.0
    rounds: int = 0
    """How often it has been offered; each time is one round, to one agent or several."""
    chosen: tuple[int, ...] = ()
    """Whom dispatch has chosen (keys of agents), while `assigned` is set; empty if `taken_out` says why."""
    decision: dict[str, Any] | None = None
    """On what it was chosen, as the log is to have it."""
    taken_out: str | None = None
    """Why somebody took the caller out of the line."""
    assigned: Event = field(default_factory=Event)
    made_by: int | None = None
    """The agent who calls, and is not offered its own call; None for a customer's."""
    missed: set[int] = field(default_factory=set)
    """The agents that this call was offered to in vain since all others had their turn."""
    retry_at: float = 0.0
    """Before this time (monotonic) none of the `missed` is tried again."""
    is_complained_of: bool = False
    """Whether the log has been told that the queue's strategy fails."""

    def begin_to_wait(self) -> None:
        """Nobody is chosen for it, or not any more."""
        self.chosen, self.decision, self.taken_out = (), None, None
        self.assigned.clear()


@dataclass(eq=False)
class Call:
    """One call, a customer's or an agent's. Times are seconds since the epoch."""

    id: str
    place: Entry | None
    """Where it stands in a queue; None if it leads to one agent alone, or to a feature."""
    caller: Leg
    caller_number: str | None
    caller_name: str | None
    dialled: str
    arrived_at: float
    offers: list[Offer] = field(default_factory=list)
    """Those of the present round that ring; once an agent has answered, that one's alone."""
    connected_at: float | None = None
    told_to_end: str | None = None
    """Why somebody other than its phones has it ended; the cause in its record."""
    is_over: bool = False
    """Its record is complete; what is left of it is being cleared."""

    @property
    def entry(self) -> Entry:
        """The place of a call that waits in a queue, or waited."""
        assert self.place is not None
        return self.place

    @entry.setter
    def entry(self, entry: Entry) -> None:
        self.place = entry

    @property
    def hears_music(self) -> bool:
        """Whether its caller waits, and hears us while it does: not if its phone rings."""
        return self.place is not None and self.connected_at is None and self.caller.status > 180

    @property
    def phones(self) -> list[Leg]:
        """The legs to agents' phones, of all its offers."""
        return [leg for offer in self.offers for leg in offer.legs]

    @property
    def legs(self) -> list[Leg]:
        """All that are alive of it."""
        return [self.caller, *self.phones]

    @property
    def answered_by(self) -> Leg | None:
        """The agent's phone that has answered."""
        return next((offer.answered for offer in self.offers if offer.answered is not None), None)


@dataclass(eq=False)
class Offer:
    """One call offered to one agent: an INVITE to each of its phones."""

    id: str
    agent_id: int
    agent_name: str
    wrap_up_seconds: float
    """What the queue grants the agent if this becomes a conversation."""
    is_direct: bool = False
    """It came through no queue: if the agent does not take it, it has missed nothing."""
    legs: list[Leg] = field(default_factory=list)
    answered: Leg | None = None
    unusable: list[Leg] = field(default_factory=list)
    """Those that answered with a session description that we cannot serve."""
    offered_at: float = 0.0
    deadline_at: float = 0.0
    """Until when its phones are to ring."""


class Calls:
    """The calls that are alive in this process."""

    def __init__(self, *, total: int = 0) -> None:
        self._live: dict[str, Call] = {}
        self.total = total
        """Calls that ever arrived, those of earlier runs included."""

    def add(self, call: Call) -> None:
        """A call has been stored, or taken over from the database."""
        self._live[call.id] = call

    def remove(self, call: Call) -> None:
        """The call is over and its phones are quiet."""
        self._live.pop(call.id, None)

    def find(self, call_id: str) -> Call | None:
        """The call with this id, unless it is over."""
        call = self._live.get(call_id)
        return None if call is None or call.is_over else call

    def __iter__(self) -> Iterator[Call]:
        """All of them, those included whose phones are still being hung up."""
        return iter(list(self._live.values()))

    def going_on(self) -> list[Call]:
        """Those that are not over."""
        return [call for call in self._live.values() if not call.is_over]
