"""What a phone has sent and received of SIP, as it has written it down itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HEAD = re.compile(
    r"^(?:UDP|TCP) 127\.0\.0\.1:(?P<source>\d+) -> 127\.0\.0\.1:(?P<target>\d+)\n"
    r"(?P<first>.+)\n(?P<rest>(?:.+\n)*)",
    re.MULTILINE,
)
_CSEQ = re.compile(r"^CSeq: *(?P<cseq>.+?)\s*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Traced:
    """One message."""

    sent: bool
    first_line: str
    cseq: str


@dataclass(frozen=True)
class SipTrace:
    """Messages in the order in which they went and came."""

    messages: Sequence[Traced]

    def requests(self, method: str, *, sent: bool) -> list[Traced]:
        """Its requests of that method, each repetition too."""
        return [
            each for each in self.messages if each.sent is sent and each.first_line.startswith(f"{method} ")
        ]

    def statuses(self, request: Traced) -> list[int]:
        """What this request was answered with, each repetition too."""
        return [
            int(each.first_line.split()[1])
            for each in self.messages
            if each.sent is not request.sent
            and each.cseq == request.cseq
            and each.first_line.startswith("SIP/2.0 ")
        ]


def read_baresip_trace(output: str, *, port: int, server_port: int) -> SipTrace:
    """The messages in what `baresip -s` prints; it listens at `port`, and sends from any one over TCP."""
    found = []
    for match in _HEAD.finditer(output.replace("\r\n", "\n")):
        cseq = _CSEQ.search(match["rest"])
        sent = int(match["source"]) == port or int(match["target"]) == server_port
        found.append(Traced(sent, match["first"].strip(), cseq["cseq"] if cseq else ""))
    return SipTrace(found)
