"""The errors of callengine, and what each means to whoever is waiting for an answer.

    CallCenterError
    ├── SettingsError          a setting is wrong or unknown; the service does not start
    ├── NotAllowed             the caller or user may not do that
    ├── DatabaseError          the database refused or is out of reach
    │   └── GuardFailed        what a decision rested on has changed meanwhile
    ├── NotFound
    │   ├── AgentNotFound
    │   ├── QueueNotFound
    │   ├── CallNotFound
    │   └── NumberNotFound     nobody is reached under the dialled number
    ├── BadRequest             a command, or a request to the API, says what is not allowed
    ├── AgentExists
    ├── QueueFull
    ├── Overloaded             no worker or no port is free
    │   ├── Closed             the service is starting or about to end
    │   └── NoPorts
    ├── SessionError           a SIP dialog or request came to nothing
    │   ├── AgentNotFree       an agent who is called has no phone, or no room for the call
    │   ├── HungUp             the other end left while we waited for something else
    │   └── RequestTimedOut    no final answer came
    ├── MediaError             the media side could not do it
    │   ├── MediaUnavailable   the media process gave no answer in time
    │   └── LegNotFound        the media process does not know that leg
    └── ProtocolError          what came over the wire is not what its RFC says
        ├── BadMessage         SIP
        ├── BadSdp             SDP
        └── NotAcceptable      a session description that we cannot serve

Each class carries what the caller hears (`sip_status`), what an API client gets (`http_status`), and when it
makes sense to try again (`retry_after_seconds`).
"""

from collections.abc import Sequence


class CallCenterError(Exception):
    """The root: something that callengine itself has to say."""

    by_itself: str = "Whoever asked is told; nothing else follows."
    """What the engine does besides telling whoever asked."""
    sip_status: int = 500
    http_status: int = 500
    retry_after_seconds: int | None = None
    """After how long trying again makes sense; None when that is not known (RFC 3261 20.33)."""


class SettingsError(CallCenterError):
    """All that is wrong with the settings, at once; `problems` holds a line each."""

    by_itself = "The service does not start; at a reload everything stays as it was."

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class NotAllowed(CallCenterError):
    """The caller or user may not do that."""

    by_itself = "Nothing is changed."
    sip_status = 403
    http_status = 403


class DatabaseError(CallCenterError):
    """The database refused the work or is out of reach; nothing was stored."""

    by_itself = "The unit of work is undone; the call that wanted it ends, other calls go on."
    sip_status = 503
    http_status = 503


class GuardFailed(DatabaseError):
    """What a decision rested on has changed meanwhile; nothing was stored."""

    by_itself = "The unit of work is undone; an offer is given up and the caller is back at its place."
    sip_status = 500
    http_status = 409


class NotFound(CallCenterError):
    """There is nothing of that name."""

    by_itself = "Nothing is changed."
    sip_status = 404
    http_status = 404


class AgentNotFound(NotFound):
    """There is no agent of that name."""

    by_itself = "Nothing is changed."


class QueueNotFound(NotFound):
    """There is no queue of that name."""

    by_itself = "Nothing is changed."


class CallNotFound(NotFound):
    """There is no call of that id, or more than one whose id begins so."""

    by_itself = "Nothing is changed."


class NumberNotFound(NotFound):
    """Nobody is reached under the dialled number."""

    by_itself = "The call is refused before it is stored."


class BadRequest(CallCenterError):
    """A command, or a request to the API, says what is not allowed."""

    by_itself = "Nothing is changed."
    sip_status = 400
    http_status = 400


class AgentExists(CallCenterError):
    """There is an agent of that name already."""

    by_itself = "Nothing is changed, of a whole file either."
    http_status = 409


class QueueFull(CallCenterError):
    """The queue has no place left."""

    by_itself = "The call is refused before it is answered; its media port is given back."
    sip_status = 486
    http_status = 409


class Overloaded(CallCenterError):
    """This node cannot take more at the moment; trying again later may succeed."""

    by_itself = "The request is refused at once; those that are under way go on."
    sip_status = 503
    http_status = 503
    retry_after_seconds = 2


class Closed(Overloaded):
    """The service is starting, or about to end: it takes no new calls, whatever becomes of those it has."""

    by_itself = "New calls are refused; those that are here go on, and phones may register."

    def __init__(self, reason: str, *, retry_after_seconds: int = 2) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class NoPorts(Overloaded):
    """Every media port is in use."""

    by_itself = "The call is refused; an offer is given up and the caller is back at its place."


class SessionError(CallCenterError):
    """A SIP dialog or request came to nothing."""

    by_itself = "The leg ends; an offer to it counts as unreachable."
    sip_status = 480


class AgentNotFree(SessionError):
    """The agent who is called has no phone that could ring, or no room for the call."""

    by_itself = "The call is refused before a phone rings; an agent's own is recorded as `rejected`."
    http_status = 409


class HungUp(SessionError):
    """The other end left while we were waiting for something else."""

    by_itself = "The story of the call comes to its end: record, BYE to the other side, agent free."
    sip_status = 487


class RequestTimedOut(SessionError):
    """No final answer came within 64*T1 (RFC 3261 17.1)."""

    by_itself = "The leg ends; an offer to it counts as unreachable."
    sip_status = 408


class MediaError(CallCenterError):
    """The media side could not do what was asked."""

    by_itself = "The call ends with BYE, its record says failed."


class MediaUnavailable(MediaError):
    """The media process gave no answer before the deadline."""

    by_itself = "The request is given up after its deadline; a process that died is started again."
    sip_status = 503
    http_status = 503


class LegNotFound(MediaError):
    """The media side does not know that leg."""

    by_itself = "The call ends with BYE, its record says failed."


class ProtocolError(CallCenterError):
    """What came over the wire is not what its RFC says."""

    by_itself = "The message is answered if its RFC wants that; nothing is held."
    sip_status = 400
    http_status = 400


class BadMessage(ProtocolError):
    """A SIP message that cannot be understood; `request` is what was read of it, if that can be answered."""

    by_itself = "One debug line; answered with 400 if enough of it could be read."

    def __init__(self, reason: str, *, request: object | None = None) -> None:
        super().__init__(reason)
        self.request = request


class BadSdp(ProtocolError):
    """A session description that cannot be read (RFC 8866)."""

    by_itself = "A call is refused; a change within a call leaves the session as it was."


class NotAcceptable(ProtocolError):
    """A session description that can be read but not served (RFC 3261 21.4.26)."""

    by_itself = "A call is refused; a change within a call leaves the session as it was."
    sip_status = 488
