"""Account: the challenge that is answered, and the password that does not show."""

import pytest

from callengine.sip.account import Account, authorise
from callengine.sip.auth import Challenge, Credentials, NonceBook, Verdict, ha1
from callengine.sip.headers import Headers
from callengine.sip.message import Request, Response

ACCOUNT = Account("alice", "secret")
REQUEST = Request("REGISTER", "sip:example.com", Headers())


def _challenged(*lines: str, status: int = 401) -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return Response(status, "", Headers([(name, line) for line in lines]))


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize(("status", "name"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_the_answer_convinces_a_server(algorithm: str, status: int, name: str) -> None:
    book = NonceBook(b"key")
    challenge = Challenge(realm="example.com", nonce=book.issue(100.0), algorithm=algorithm)
    line = authorise(REQUEST, _challenged(challenge.header_value(), status=status), ACCOUNT)
    assert line is not None
    assert line[0] == name
    credentials = Credentials.parse(line[1])
    secret = ha1("alice", "example.com", "secret", algorithm)
    assert book.verify(credentials, ha1=secret, method="REGISTER", now=101.0) is Verdict.GOOD


def test_the_first_challenge_that_we_know_is_answered() -> None:
    lines = [
        "Basic realm=x",
        'Digest realm="a", nonce="1", algorithm=SHA-512-256, qop="auth"',
        'Digest realm="b", nonce="2", algorithm=SHA-256, qop="auth"',
        'Digest realm="c", nonce="3", algorithm=MD5, qop="auth"',
    ]
    line = authorise(REQUEST, _challenged(*lines), ACCOUNT)
    assert line is not None
    assert Credentials.parse(line[1]).realm == "b"


@pytest.mark.parametrize(
    "response",
    [
        _challenged(status=401),
        _challenged("Digest nonsense"),
        _challenged('Digest realm="a", nonce="1", qop="auth-int"'),
        Response(403, "", Headers([("WWW-Authenticate", 'Digest realm="a", nonce="1"')])),
    ],
)
def test_what_cannot_be_answered_is_not(response: Response) -> None:
    assert authorise(REQUEST, response, ACCOUNT) is None


def test_the_password_does_not_show() -> None:
    assert "secret" not in repr(ACCOUNT)
