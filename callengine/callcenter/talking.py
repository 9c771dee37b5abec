"""The phase `talking`: caller and agent are bridged until one of them hangs up."""

from __future__ import annotations

from contextlib import suppress

from callengine.callcenter.answering import tell
from callengine.callcenter.bridge import Bridge, Parting
from callengine.callcenter.calls import Call
from callengine.clock import Clock
from callengine.errors import HungUp


class Talking:
    """Can be entered from a call that has just been connected, or from one made of its rows."""

    def __init__(self, bridge: Bridge, *, clock: Clock, max_call_seconds: float) -> None:
        self._bridge = bridge
        self._clock = clock
        self._max_call_seconds = max_call_seconds

    def talk(self, call: Call) -> Parting:
        """Answer the caller, if that is not done, bridge the legs, and wait until they part."""
        agent = call.answered_by
        assert agent is not None
        assert call.connected_at is not None
        with suppress(HungUp):  # then they part at once
            tell(call.caller)
        self._bridge.join(call.caller, agent)
        left = call.connected_at + self._max_call_seconds - self._clock.now()
        return self._bridge.wait_until_parted(call.caller, agent, seconds=left)
