"""Who we are to a server that asks for a password, and the answer to its challenge (RFC 3261 22.2)."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex

from callengine.errors import BadMessage
from callengine.sip.auth import ALGORITHMS, Challenge, answer
from callengine.sip.message import Request, Response

_ANSWERED_BY = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


@dataclass(frozen=True)
class Account:
    """A name and its password."""

    username: str
    """As the server knows it."""

    password: str
    """In the clear: it is needed to answer challenges."""

    def __repr__(self) -> str:
        """Without the password, which no log may show."""
        return f"Account({self.username!r})"


def authorise(request: Request, response: Response, account: Account) -> tuple[str, str] | None:
    """The header that lets `request` through when it is sent again, or None.

    Of several challenges the first that we can answer counts: they stand in the server's order of preference
    (RFC 8760 2.4). None for a response that is neither 401 nor 407, or has no challenge that we know.
    """
    names = _ANSWERED_BY.get(response.status)
    if names is None:
        return None
    for line in response.headers.get_all(names[0]):
        value = _answer(line, request, account)
        if value is not None:
            return names[1], value
    return None


def _answer(line: str, request: Request, account: Account) -> str | None:
    try:
        challenge = Challenge.parse(line)
        if challenge.algorithm.upper() not in ALGORITHMS:
            return None
        return answer(
            challenge,
            username=account.username,
            password=account.password,
            method=request.method,
            uri=request.uri,
            cnonce=token_hex(8),
        )
    except BadMessage:
        return None
