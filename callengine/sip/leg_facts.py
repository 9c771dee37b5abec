"""What is worth storing of a leg: enough to answer, cancel, acknowledge or hang up by it after a restart."""

from __future__ import annotations

from dataclasses import dataclass

from callengine.sip.dialog import DialogFacts
from callengine.sip.flow import Flow


@dataclass(frozen=True)
class LegFacts:
    """One INVITE of ours or theirs, and the dialog as far as there is one."""

    dialog: DialogFacts
    """Of an unanswered INVITE of ours it has no remote tag, and the Request-URI as the remote target."""

    flow: Flow
    """Where our next request of the dialog goes."""

    request_uri: str
    """Of the INVITE."""

    branch: str
    """Of the INVITE's topmost Via: with it we CANCEL ours; "" for a sender of RFC 2543."""

    via_set: tuple[str, ...]
    """Every Via line of their INVITE, for our responses; ours has one."""

    invite_cseq: int
    """The INVITE's number, which its ACK and CANCEL bear too."""

    last_status: int | None
    """Of the latest response, sent or received; None before any."""

    remote_tags: tuple[str, ...] = ()
    """Every To tag that our INVITE was answered with, in order of arrival: one for each fork."""
