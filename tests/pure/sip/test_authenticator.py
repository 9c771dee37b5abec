"""Authenticator: 401, then 403; the same for unknown users; stale and replayed nonces; several algorithms."""

from dataclasses import replace

import pytest

from callengine.sip.auth import Challenge, NonceBook, answer, ha1
from callengine.sip.authenticator import AS_PROXY, AuthenticationRefused, Authenticator
from callengine.sip.headers import Headers
from callengine.sip.message import Request
from tests.fakes.clock import FakeClock

REALM = "example.com"


def _credentials(username: str) -> dict[str, str] | None:
    if username != "alice":
        return None
    return {name: ha1("alice", REALM, "secret", name) for name in ("MD5", "SHA-256")}


def _authenticator(clock: FakeClock, *algorithms: str) -> Authenticator:
    return Authenticator(
        realm=REALM,
        credentials=_credentials,
        nonce_book=NonceBook(b"key", lifetime=300.0),
        clock=clock,
        algorithms=algorithms or ("MD5",),
    )


def _request(*authorizations: str) -> Request:
    return Request(
        "REGISTER", "sip:example.com", Headers([("Authorization", line) for line in authorizations])
    )


def _challenges(authenticator: Authenticator, request: Request) -> list[Challenge]:
    with pytest.raises(AuthenticationRefused) as caught:
        authenticator.username(request)
    assert caught.value.sip_status == 401
    return [Challenge.parse(value) for name, value in caught.value.headers if name == "WWW-Authenticate"]


def _answer(challenge: Challenge, username: str = "alice", password: str = "secret", count: int = 1) -> str:
    return answer(
        challenge,
        username=username,
        password=password,
        method="REGISTER",
        uri="sip:example.com",
        cnonce="abc",
        nonce_count=count,
    )


def test_the_right_password_passes(clock: FakeClock) -> None:
    authenticator = _authenticator(clock)
    (challenge,) = _challenges(authenticator, _request())
    assert (challenge.realm, challenge.algorithm, challenge.qop) == (REALM, "MD5", "auth")
    assert authenticator.username(_request(_answer(challenge))) == "alice"


@pytest.mark.parametrize(("username", "password"), [("alice", "wrong"), ("mallory", "secret"), ("", "")])
def test_wrong_passwords_and_unknown_users_are_forbidden_alike(
    clock: FakeClock, username: str, password: str
) -> None:
    authenticator = _authenticator(clock)
    (challenge,) = _challenges(authenticator, _request())
    with pytest.raises(AuthenticationRefused) as caught:
        authenticator.username(_request(_answer(challenge, username, password)))
    assert (caught.value.sip_status, str(caught.value)) == (403, "wrong user or password")
    assert caught.value.headers == ()


def test_a_challenge_for_each_algorithm_in_the_listed_order(clock: FakeClock) -> None:
    authenticator = _authenticator(clock, "SHA-256", "MD5")
    challenges = _challenges(authenticator, _request())
    assert [challenge.algorithm for challenge in challenges] == ["SHA-256", "MD5"]
    for challenge in challenges:
        assert (
            authenticator.username(_request(_answer(challenge, count=challenges.index(challenge) + 1)))
            == "alice"
        )


def test_an_algorithm_that_was_not_asked_for_is_challenged_again(clock: FakeClock) -> None:
    (challenge,) = _challenges(_authenticator(clock, "SHA-256"), _request())
    weaker = Challenge(realm=REALM, nonce=challenge.nonce, algorithm="MD5")
    assert _challenges(_authenticator(clock, "SHA-256"), _request(_answer(weaker)))


def test_a_nonce_is_stale_after_its_lifetime(clock: FakeClock) -> None:
    authenticator = _authenticator(clock)
    (challenge,) = _challenges(authenticator, _request())
    clock.advance(301.0)
    (again,) = _challenges(authenticator, _request(_answer(challenge)))
    assert again.stale
    assert authenticator.username(_request(_answer(again))) == "alice"


def test_a_nonce_count_serves_once(clock: FakeClock) -> None:
    authenticator = _authenticator(clock)
    (challenge,) = _challenges(authenticator, _request())
    assert authenticator.username(_request(_answer(challenge, count=1))) == "alice"
    (again,) = _challenges(authenticator, _request(_answer(challenge, count=1)))
    assert again.stale
    assert authenticator.username(_request(_answer(challenge, count=2))) == "alice"


def test_credentials_of_another_realm_and_nonsense_are_passed_over(clock: FakeClock) -> None:
    authenticator = _authenticator(clock)
    (challenge,) = _challenges(authenticator, _request("Digest nonsense", "Basic abc"))
    other = Challenge(realm="elsewhere", nonce=challenge.nonce)
    assert authenticator.username(_request(_answer(other), _answer(challenge))) == "alice"


def test_a_proxy_asks_in_its_own_words(clock: FakeClock) -> None:
    authenticator = Authenticator(
        realm=REALM, credentials=_credentials, nonce_book=NonceBook(b"key"), clock=clock, asking=AS_PROXY
    )
    bare = Request("INVITE", "sip:support@example.com", Headers([]))
    assert not authenticator.has_credentials(bare)
    refusal = authenticator.challenge(bare)
    assert refusal is not None
    assert refusal.sip_status == 407
    ((name, value),) = refusal.headers
    assert name == "Proxy-Authenticate"
    credentials = answer(
        Challenge.parse(value),
        username="alice",
        password="secret",
        method="INVITE",
        uri=bare.uri,
        cnonce="abc",
    )
    proven = Request("INVITE", bare.uri, Headers([("Proxy-Authorization", credentials)]))
    assert authenticator.has_credentials(proven)
    assert authenticator.challenge(proven) is None
    assert authenticator.username(proven) == "alice"
    as_server = Request("INVITE", bare.uri, Headers([("Authorization", credentials)]))
    assert authenticator.challenge(as_server) is not None


def test_what_cannot_be_judged_is_challenged_without_a_look_at_any_secret(clock: FakeClock) -> None:
    def nobody_asks(_username: str) -> None:
        raise AssertionError("secrets were read")

    authenticator = Authenticator(
        realm=REALM, credentials=nobody_asks, nonce_book=NonceBook(b"key", lifetime=300.0), clock=clock
    )
    (challenge,) = _challenges(authenticator, _request())
    proof = _request(_answer(challenge))
    assert authenticator.challenge(proof) is None
    clock.advance(301)
    for request in (proof, _request(_answer(replace(challenge, nonce="made up")))):
        refusal = authenticator.challenge(request)
        assert refusal is not None
        assert "stale=true" in refusal.headers[0][1]
