"""The phase `waiting`: the caller stands in line and hears music until an agent has answered."""

from __future__ import annotations

from callengine.callcenter.calls import Call
from callengine.callcenter.dispatch import Dispatch
from callengine.callcenter.offering import Offering


class Waiting:
    """Can be entered from a call that has just been queued, or from one made of its rows."""

    def __init__(self, dispatch: Dispatch, offering: Offering) -> None:
        self._dispatch = dispatch
        self._offering = offering

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
