"""Who sends a request: digest authentication as a server asks for it (RFC 3261 22, RFC 8760)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from callengine.clock import Clock
from callengine.errors import BadMessage, NotAllowed
from callengine.sip.auth import Challenge, Credentials, NonceBook, Verdict
from callengine.sip.message import Request

CredentialsOf = Callable[[str], Mapping[str, str] | None]
"""The HA1 of a username by algorithm, or None for an unknown one. May wait."""


@dataclass(frozen=True, slots=True)
class Asking:
    """In which words credentials are asked for, and given."""

    status: int
    challenge: str
    """The header that asks."""
    credentials: str
    """The header that answers."""


AS_SERVER = Asking(401, "WWW-Authenticate", "Authorization")
"""As whom the request is meant for (RFC 3261 22.2)."""
AS_PROXY = Asking(407, "Proxy-Authenticate", "Proxy-Authorization")
"""As who brings the request on its way (RFC 3261 22.3)."""


class AuthenticationRefused(NotAllowed):
    """401 or 407 with challenges, or 403 for a wrong password; `headers` go with the answer."""

    def __init__(self, reason: str, *, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.sip_status = status
        self.headers = headers


class Authenticator:
    """Asks for digests in one realm, by each of `algorithms` in this order, and judges the answers.

    An unknown user is treated exactly like a wrong password.
    """

    def __init__(
        self,
        *,
        realm: str,
        credentials: CredentialsOf,
        nonce_book: NonceBook,
        clock: Clock,
        algorithms: Sequence[str] = ("MD5",),
        asking: Asking = AS_SERVER,
    ) -> None:
        self._realm = realm
        self._asking = asking
        self._credentials = credentials
        self._nonce_book = nonce_book
        self._clock = clock
        self._algorithms = {name.upper(): name for name in algorithms}

    def has_credentials(self, request: Request) -> bool:
        """Whether the request brings credentials of whatever kind."""
        return self._asking.credentials.lower() in request.headers

    def challenge(self, request: Request) -> AuthenticationRefused | None:
        """What a request is to be told that proves nothing; None if it brings what `username` can judge.

        Never waits, and nothing is kept.
        """
        given = self._given(request)
        if given is None:
            return self._challenge(stale=False)
        if not self._nonce_book.is_fresh(given.nonce, self._clock.now()):
            return self._challenge(stale=True)
        return None

    def username(self, request: Request) -> str:
        """Who has sent the request. Raises AuthenticationRefused."""
        given = self._given(request)
        if given is None:
            raise self._challenge(stale=False)
        secrets = self._credentials(given.username)
        ha1 = None if secrets is None else secrets.get(self._algorithms[given.algorithm.upper()])
        now = self._clock.now()
        match self._nonce_book.verify(given, ha1=ha1, method=request.method, now=now):
            case Verdict.GOOD:
                return given.username
            case Verdict.WRONG:
                raise AuthenticationRefused("wrong user or password", status=403)
            case _:
                raise self._challenge(stale=True)

    def _given(self, request: Request) -> Credentials | None:
        """The first credentials of our realm by an algorithm that we ask for."""
        for line in request.headers.get_all(self._asking.credentials):
            try:
                credentials = Credentials.parse(line)
            except BadMessage:
                continue
            if credentials.realm == self._realm and credentials.algorithm.upper() in self._algorithms:
                return credentials
        return None

    def _challenge(self, *, stale: bool) -> AuthenticationRefused:
        nonce = self._nonce_book.issue(self._clock.now())
        challenges = (
            Challenge(realm=self._realm, nonce=nonce, algorithm=name, stale=stale)
            for name in self._algorithms.values()
        )
        lines = tuple((self._asking.challenge, challenge.header_value()) for challenge in challenges)
        return AuthenticationRefused("a digest is wanted", status=self._asking.status, headers=lines)
