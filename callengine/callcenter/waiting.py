"""The phase `waiting`: the caller stands in line and hears music until an agent has answered."""

from __future__ import annotations

from callengine.callcenter.answering import RINGING
from callengine.callcenter.calls import Call
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.offering import Offering, Unit


class Waiting:
    """Can be entered from a call that has just been queued, or from one made of its rows."""

    def __init__(self, dispatch: Dispatch, offering: Offering, *, may_ring_at_once: bool = False) -> None:
        """`may_ring_at_once`: a caller for whom an agent is free need not wait (`direct_when_available`)."""
        self._dispatch = dispatch
        self._offering = offering
        self.may_ring_at_once = may_ring_at_once

    def ring_at_once(self, call: Call, arrival: Unit) -> bool:
        """Store the call by `arrival` and claim a free agent for it, in one transaction, if that may be.

        Its caller's phone is to ring meanwhile. False, and nothing is stored, if the caller has to wait.
        """
        chosen = self._dispatch.choose_at_once(call.entry) if self.may_ring_at_once else []
        if chosen:
            status, call.caller.status = call.caller.status, RINGING
            self._offering.claim(call, chosen, arrival)
            if not call.offers:
                call.caller.status = status
        return bool(call.offers)

    def wait_for_answer(self, call: Call) -> None:
        """Stand in line; be offered to agents, round after round, until one answers.

        Raises `HungUp` if the caller leaves, `WaitedTooLong` at the end of the queue's waiting time,
        `TakenOutOfLine` if somebody took the caller out of the line.
        """
        while call.connected_at is None:
            if not call.offers:
                chosen = self._dispatch.wait_for_agents(call.entry, call.caller.session)
                self._offering.claim(call, chosen)
            if call.offers:
                self._offering.ring(call)
