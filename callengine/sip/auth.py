"""Digest authentication, both ends (RFC 7616, RFC 8760, RFC 3261 22), with qop=auth and without sessions.

The server's nonces carry their time and a keyed hash, so that nothing is kept for a challenge which is never
answered; only of nonces that were used well the highest nonce count is remembered, until they expire.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from enum import StrEnum

from callengine.errors import BadMessage
from callengine.sip.grammar import quote, split_quoted_commas, unquote

ALGORITHMS = ("MD5", "SHA-256")
"""What we can compute, in the spelling of RFC 7616 6.1."""

_SALT = 16
_TIME = 12
_SEAL = 32


class Verdict(StrEnum):
    """What became of credentials."""

    GOOD = "good"
    WRONG = "wrong"
    """The nonce is ours and fresh, and the digest is not what the password makes."""
    STALE = "stale"
    """The nonce is too old or not ours; the digest was not looked at. Challenge again with stale=true."""
    REPLAYED = "replayed"
    """The digest is right, but its nonce count was used before."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What WWW-Authenticate or Proxy-Authenticate says."""

    realm: str
    """Where the password is good; part of the hash."""
    nonce: str
    """What makes the answer good for a while only."""
    algorithm: str = "MD5"
    """As written; MD5 is meant when it is missing."""
    qop: str | None = "auth"
    """A comma-separated list; None only from servers of before RFC 2617."""
    opaque: str | None = None
    """To be sent back as it is."""
    stale: bool = False
    """Whether only the nonce was too old."""

    @classmethod
    def parse(cls, text: str) -> "Challenge":
        """Raises BadMessage if it is no digest challenge."""
        fields = _read_fields(text, required=("realm", "nonce"))
        return cls(
            realm=fields["realm"],
            nonce=fields["nonce"],
            algorithm=fields.get("algorithm", "MD5"),
            qop=fields.get("qop"),
            opaque=fields.get("opaque"),
            stale=fields.get("stale", "").lower() == "true",
        )

    def header_value(self) -> str:
        """What stands behind `WWW-Authenticate: `."""
        fields = [f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}", f"algorithm={self.algorithm}"]
        fields += [] if self.qop is None else [f"qop={quote(self.qop)}"]
        fields += [] if self.opaque is None else [f"opaque={quote(self.opaque)}"]
        fields += ["stale=true"] if self.stale else []
        return "Digest " + ", ".join(fields)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What Authorization or Proxy-Authorization says."""

    username: str
    """Who claims to ask."""
    realm: str
    """Of the challenge."""
    nonce: str
    """Of the challenge."""
    uri: str
    """The Request-URI as the client hashed it; proxies may have changed the request's own since."""
    response: str
    """The proof, in hexadecimal."""
    algorithm: str = "MD5"
    """As written; MD5 is meant when it is missing."""
    qop: str | None = None
    """"auth" if the challenge had it."""
    nonce_count: str | None = None
    """How often the client has used the nonce, eight hexadecimal digits (`nc`)."""
    cnonce: str | None = None
    """The client's own part of the hash."""
    opaque: str | None = None
    """Of the challenge."""

    @classmethod
    def parse(cls, text: str) -> "Credentials":
        """Raises BadMessage if these are no digest credentials."""
        fields = _read_fields(text, required=("username", "realm", "nonce", "uri", "response"))
        return cls(
            username=fields["username"],
            realm=fields["realm"],
            nonce=fields["nonce"],
            uri=fields["uri"],
            response=fields["response"],
            algorithm=fields.get("algorithm", "MD5"),
            qop=fields.get("qop"),
            nonce_count=fields.get("nc"),
            cnonce=fields.get("cnonce"),
            opaque=fields.get("opaque"),
        )

    def header_value(self) -> str:
        """What stands behind `Authorization: `."""
        quoted = [
            ("username", self.username),
            ("realm", self.realm),
            ("nonce", self.nonce),
            ("uri", self.uri),
        ]
        fields = [f"{name}={quote(value)}" for name, value in quoted]
        fields += [f"response={quote(self.response)}", f"algorithm={self.algorithm}"]
        fields += [] if self.cnonce is None else [f"cnonce={quote(self.cnonce)}"]
        fields += [] if self.opaque is None else [f"opaque={quote(self.opaque)}"]
        fields += [] if self.qop is None else [f"qop={self.qop}"]
        fields += [] if self.nonce_count is None else [f"nc={self.nonce_count}"]
        return "Digest " + ", ".join(fields)

    def expected_response(self, ha1: str, method: str) -> str:
        """The `response` that this HA1 makes of everything else (RFC 7616 3.4.1). Raises BadMessage."""
        ha2 = _hash(self.algorithm, f"{method}:{self.uri}")
        if self.qop is None:  # RFC 2069, which RFC 2617 3.2.2.1 still allows
            return _hash(self.algorithm, f"{ha1}:{self.nonce}:{ha2}")
        middle = f"{self.nonce}:{self.nonce_count}:{self.cnonce}:{self.qop}"
        return _hash(self.algorithm, f"{ha1}:{middle}:{ha2}")


def _read_fields(text: str, *, required: tuple[str, ...]) -> dict[str, str]:
    """The parameters by lower-case name, unquoted."""
    scheme, _, rest = text.strip(" \t").partition(" ")
    if scheme.lower() != "digest":
        raise BadMessage("the authentication scheme is not Digest")
    fields: dict[str, str] = {}
    for piece in split_quoted_commas(rest):
        name, equals, value = piece.partition("=")
        name = name.strip(" \t").lower()
        if not equals or name in fields:
            raise BadMessage("a digest parameter is malformed or given twice")
        fields[name] = unquote(value.strip(" \t"))
    missing = [name for name in required if name not in fields]
    if missing:
        raise BadMessage(f"a digest parameter is missing: {', '.join(missing)}")
    return fields


def _hash(algorithm: str, text: str) -> str:
    octets = text.encode("utf-8", "surrogateescape")
    match algorithm.upper():
        case "MD5":
            return hashlib.md5(octets, usedforsecurity=False).hexdigest()
        case "SHA-256":
            return hashlib.sha256(octets).hexdigest()
    raise BadMessage("the digest algorithm is unknown")


def ha1(username: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """The hash that stands for a password in one realm, in hexadecimal (RFC 7616 3.4.2).

    Raises BadMessage for an algorithm other than those of ALGORITHMS.
    """
    return _hash(algorithm, f"{username}:{realm}:{password}")


def answer(
    challenge: Challenge,
    *,
    username: str,
    password: str,
    method: str,
    uri: str,
    cnonce: str,
    nonce_count: int = 1,
) -> str:
    """The Authorization value that answers a challenge; `uri` is the Request-URI of the request to be sent.

    Raises BadMessage if the challenge wants an algorithm or a quality of protection that we lack.
    """
    offered = (
        None if challenge.qop is None else [word.strip(" ") for word in challenge.qop.lower().split(",")]
    )
    if offered is not None and "auth" not in offered:
        raise BadMessage("the challenge does not offer qop=auth")
    unsigned = Credentials(
        username=username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response="",
        algorithm=challenge.algorithm,
        qop=None if offered is None else "auth",
        nonce_count=None if offered is None else f"{nonce_count:08x}",
        cnonce=None if offered is None else cnonce,
        opaque=challenge.opaque,
    )
    secret = ha1(username, challenge.realm, password, challenge.algorithm)
    return replace(unsigned, response=unsigned.expected_response(secret, method)).header_value()


class NonceBook:
    """Issues nonces and judges what is answered to them. Holds `capacity` used nonces at most.

    Times are seconds of one clock of the caller's. A nonce is good for `lifetime` seconds; with another
    `secret` it is not ours. When the book is full the oldest used nonce is forgotten, and every nonce as old
    as that which is not in the book counts as stale, so that nothing can be replayed.
    """

    def __init__(self, secret: bytes, *, lifetime: float = 300.0, capacity: int = 10_000) -> None:
        self._secret = secret
        self._lifetime = lifetime
        self._capacity = capacity
        self._used: dict[str, tuple[float, int]] = {}  # nonce: time of issue, highest nonce count
        self._forgotten_until = float("-inf")

    def __len__(self) -> int:
        """The nonces that are remembered."""
        return len(self._used)

    def issue(self, now: float) -> str:
        """A new nonce, made of this time."""
        head = f"{int(now * 1000):0{_TIME}x}{secrets.token_hex(_SALT // 2)}"
        return head + self._seal(head)

    def _seal(self, head: str) -> str:
        return hmac.new(self._secret, head.encode("ascii"), hashlib.sha256).hexdigest()[:_SEAL]

    def is_fresh(self, nonce: str, now: float) -> bool:
        """Whether the nonce is ours and may still be answered."""
        return self._time_of_issue(nonce, now) is not None

    def verify(self, credentials: Credentials, *, ha1: str | None, method: str, now: float) -> Verdict:
        """Judges credentials by the HA1 of their username, realm and algorithm.

        Without an HA1, because there is no such user, it takes as long and finds them wrong. Realm and
        algorithm are the caller's to compare with what it asked for.
        """
        issued = self._time_of_issue(credentials.nonce, now)
        if issued is None:
            return Verdict.STALE
        if not _matches(credentials, ha1 or "0" * 32, method) or ha1 is None:
            return Verdict.WRONG
        return self._count(credentials, issued, now)

    def _time_of_issue(self, nonce: str, now: float) -> float | None:
        """None if the nonce is not ours, or too old, or could be one that was used and forgotten."""
        if len(nonce) != _TIME + _SALT + _SEAL or not nonce.isascii():
            return None
        head, seal = nonce[:-_SEAL], nonce[-_SEAL:]
        if not hmac.compare_digest(seal, self._seal(head)):
            return None
        issued = int(head[:_TIME], 16) / 1000
        if nonce not in self._used and issued <= self._forgotten_until:
            return None
        return issued if now - self._lifetime < issued <= now + 1 else None

    def _count(self, credentials: Credentials, issued: float, now: float) -> Verdict:
        """Good if the nonce count is greater than any before."""
        try:
            count = int(credentials.nonce_count or "", 16)
        except ValueError:
            return Verdict.WRONG
        if count <= self._used.get(credentials.nonce, (issued, 0))[1]:
            return Verdict.REPLAYED
        if credentials.nonce not in self._used:
            self._make_room(now)
        self._used[credentials.nonce] = (issued, count)
        return Verdict.GOOD

    def _make_room(self, now: float) -> None:
        """Forgets, oldest use first, what has expired and whatever is over the capacity."""
        while self._used:
            nonce, (issued, _) = next(iter(self._used.items()))
            if issued > now - self._lifetime and len(self._used) < self._capacity:
                return
            self._forgotten_until = max(self._forgotten_until, issued)
            del self._used[nonce]


def _matches(credentials: Credentials, ha1: str, method: str) -> bool:
    """Whether the digest is what this HA1 makes, in constant time; qop=auth is demanded."""
    try:
        expected = credentials.expected_response(ha1, method)
    except BadMessage:
        return False
    given = credentials.response.lower().encode("utf-8", "surrogateescape")
    whole = credentials.qop == "auth" and bool(credentials.cnonce) and len(credentials.nonce_count or "") == 8
    return hmac.compare_digest(given, expected.encode("ascii")) and whole
