"""What the SIP side has counted since it started: plain numbers that the metrics read."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class SipCounts:
    """Each number only ever grows."""

    requests: dict[tuple[str, int], int] = field(default_factory=dict)
    """Requests that we were sent and have answered, by method and final status."""

    retransmissions_sent: int = 0
    """Messages that went out once more because something stayed unanswered or came once more."""

    bad_messages: int = 0
    """Datagrams that were no SIP message that could be understood."""

    stray_responses: int = 0
    """Responses to nothing that we have asked."""

    stray_acks: int = 0
    """ACKs for nothing that we have answered."""

    overloaded: int = 0
    """New requests that were answered 503 because every worker was taken."""

    def count_request(self, method: str, status: int) -> None:
        """Take note of a final answer that we gave."""
        key = (method, status)
        self.requests[key] = self.requests.get(key, 0) + 1
