"""The phase `waiting`: the caller stands in line and hears music until an agent has answered."""

from __future__ import annotations

from callengine.callcenter.answering import RINGING
from callengine.callcenter.calls import Call
from callengine.callcenter.dispatch import Dispatch, TakenOutOfLine, WaitedTooLong
from callengine.callcenter.offering import Offering, Unit
from callengine.callcenter.overflow import Overflow


class Waiting:
    """Can be entered from a call that has just been queued, or from one made of its rows."""

    def __init__(
        self, dispatch: Dispatch, offering: Offering, overflow: Overflow, *, may_ring_at_once: bool = False
    ) -> None:
        """`may_ring_at_once`: a caller for whom an agent is free need not wait (`direct_when_available`)."""
        self._dispatch = dispatch
        self._offering = offering
        self._overflow = overflow
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
        """Stand in line; be offered to agents, round after round, in one queue or several, until one answers.

        Raises `HungUp` if the caller leaves, `SentAway` if it may wait no longer, in no queue.
        """
        while call.connected_at is None:
            if not call.offers:
                self._stand_in_line(call)
            if call.offers:
                self._offering.ring(call)

    def _stand_in_line(self, call: Call) -> None:
        """Until agents are claimed, or the caller goes on to another queue.

        Only waiting comes to an end by time: an offer that is out rings on, and the time is seen after it.
        """
        if not self._overflow.check_agents(call):
            return
        try:
            chosen = self._dispatch.wait_for_agents(call.entry, call.caller.session)
        except WaitedTooLong:
            self._overflow.waited_too_long(call)
        except TakenOutOfLine as taken:
            self._overflow.taken_out(call, taken.why)
        else:
            self._offering.claim(call, chosen)
