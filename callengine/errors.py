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

    sip_status: int = 500
    http_status: int = 500
    retry_after_seconds: int | None = None
    """After how long trying again makes sense; None when that is not known (RFC 3261 20.33)."""


class SettingsError(CallCenterError):
    """All that is wrong with the settings, at once; `problems` holds a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class NotAllowed(CallCenterError):
    """The caller or user may not do that."""

    sip_status = 403
    http_status = 403


class DatabaseError(CallCenterError):
    """The database refused the work or is out of reach; nothing was stored."""

    sip_status = 503
    http_status = 503


class GuardFailed(DatabaseError):
    """What a decision rested on has changed meanwhile; nothing was stored."""

    sip_status = 500
    http_status = 409


class NotFound(CallCenterError):
    """There is nothing of that name."""

    sip_status = 404
    http_status = 404


class AgentNotFound(NotFound):
    """There is no agent of that name."""


class QueueNotFound(NotFound):
    """There is no queue of that name."""


class CallNotFound(NotFound):
    """There is no call of that id, or more than one whose id begins so."""


class NumberNotFound(NotFound):
    """Nobody is reached under the dialled number."""


class BadRequest(CallCenterError):
    """A command, or a request to the API, says what is not allowed."""

    sip_status = 400
    http_status = 400


class AgentExists(CallCenterError):
    """There is an agent of that name already."""

    http_status = 409


class QueueFull(CallCenterError):
    """The queue has no place left."""

    sip_status = 486
    http_status = 409


class Overloaded(CallCenterError):
    """This node cannot take more at the moment; trying again later may succeed."""

    sip_status = 503
    http_status = 503
    retry_after_seconds = 2


class Closed(Overloaded):
    """The service is starting, or about to end: it takes no new calls, whatever becomes of those it has."""

    def __init__(self, reason: str, *, retry_after_seconds: int) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class NoPorts(Overloaded):
    """Every media port is in use."""


class SessionError(CallCenterError):
    """A SIP dialog or request came to nothing."""

    sip_status = 480


class HungUp(SessionError):
    """The other end left while we were waiting for something else."""

    sip_status = 487


class RequestTimedOut(SessionError):
    """No final answer came within 64*T1 (RFC 3261 17.1)."""

    sip_status = 408


class MediaError(CallCenterError):
    """The media side could not do what was asked."""


class MediaUnavailable(MediaError):
    """The media process gave no answer before the deadline."""

    sip_status = 503
    http_status = 503


class LegNotFound(MediaError):
    """The media side does not know that leg."""


class ProtocolError(CallCenterError):
    """What came over the wire is not what its RFC says."""

    sip_status = 400
    http_status = 400


class BadMessage(ProtocolError):
    """A SIP message that cannot be understood; `request` is what was read of it, if that can be answered."""

    def __init__(self, reason: str, *, request: object | None = None) -> None:
        super().__init__(reason)
        self.request = request


class BadSdp(ProtocolError):
    """A session description that cannot be read (RFC 8866)."""


class NotAcceptable(ProtocolError):
    """A session description that can be read but not served (RFC 3261 21.4.26)."""

    sip_status = 488
