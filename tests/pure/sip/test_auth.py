"""Digest authentication: the RFCs' examples, a phone's real answer, and a book that cannot be replayed."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.errors import BadMessage
from callengine.sip.auth import ALGORITHMS, Challenge, Credentials, NonceBook, Verdict, answer, ha1
from callengine.sip.message import parse

VECTORS = Path(__file__).parents[2] / "vectors" / "sip" / "valid"
NOW = 1_700_000_000.0
ALICE = ha1("alice", "example.com", "secret")

RFC_7616 = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_example_of_rfc_7616(algorithm: str) -> None:
    challenge = Challenge.parse(
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=' + algorithm + ", "
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    value = answer(
        challenge,
        username="Mufasa",
        password="Circle of Life",
        method="GET",
        uri="/dir/index.html",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    credentials = Credentials.parse(value)
    assert credentials.response == RFC_7616[algorithm]
    assert credentials.opaque == challenge.opaque
    assert (credentials.qop, credentials.nonce_count) == ("auth", "00000001")
    secret = ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)
    assert credentials.expected_response(secret, "GET") == RFC_7616[algorithm]


def test_the_example_of_rfc_2617() -> None:
    credentials = Credentials.parse(
        'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
        'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    secret = ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
    assert secret == "939e7578ed9e3c518a452acee763bce9"
    assert credentials.expected_response(secret, "GET") == credentials.response


def test_a_challenge_without_qop_is_answered_as_rfc_2069_did() -> None:
    challenge = Challenge.parse(
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    )
    value = answer(
        challenge,
        username="Mufasa",
        password="Circle Of Life",
        method="GET",
        uri="/dir/index.html",
        cnonce="x",
    )
    credentials = Credentials.parse(value)
    assert credentials.response == "670fd8c2df070c60b045671b8b24ff02"
    assert (credentials.qop, credentials.cnonce, credentials.nonce_count) == (None, None, None)


def test_what_baresip_really_sent() -> None:
    message = parse((VECTORS / "baresip_register_authorized.sip").read_bytes())
    credentials = Credentials.parse(message.headers.get("authorization") or "")
    secret = ha1("alice", "callcenter.example.com", "secret")
    assert credentials.algorithm == "MD5"
    assert credentials.expected_response(secret, "REGISTER") == credentials.response


words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)


@given(
    st.builds(
        Challenge,
        realm=words,
        nonce=words,
        algorithm=st.sampled_from(ALGORITHMS),
        qop=st.sampled_from([None, "auth", "auth,auth-int"]),
        opaque=st.none() | words,
        stale=st.booleans(),
    )
)
def test_a_challenge_written_is_read_as_the_same(challenge: Challenge) -> None:
    assert Challenge.parse(challenge.header_value()) == challenge


@given(
    st.builds(
        Credentials,
        username=words,
        realm=words,
        nonce=words,
        uri=words,
        response=words,
        qop=st.sampled_from([None, "auth"]),
        nonce_count=st.sampled_from([None, "0000001f"]),
        cnonce=st.none() | words,
        opaque=st.none() | words,
    )
)
def test_credentials_written_are_read_as_the_same(credentials: Credentials) -> None:
    assert Credentials.parse(credentials.header_value()) == credentials


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Basic dXNlcjpwYXNz",
        "Digest",
        'Digest realm="x"',
        'Digest realm="x", nonce',
        'Digest realm="x", nonce="y", realm="z"',
        'Digest realm="x, nonce="y"',
    ],
)
def test_what_is_no_challenge(text: str) -> None:
    with pytest.raises(BadMessage):
        Challenge.parse(text)


def test_commas_and_equals_in_quotes_belong_to_the_value() -> None:
    challenge = Challenge.parse('digest  nonce="n,1=2" ,realm = "a \\"b\\"",stale=TRUE')
    assert (challenge.nonce, challenge.realm, challenge.stale) == ("n,1=2", 'a "b"', True)


def test_what_we_cannot_compute_is_refused() -> None:
    for challenge in (Challenge("r", "n", algorithm="MD5-sess"), Challenge("r", "n", qop="auth-int")):
        with pytest.raises(BadMessage):
            answer(challenge, username="u", password="p", method="REGISTER", uri="sip:x", cnonce="c")


def credentials_for(
    nonce: str, *, count: int = 1, password: str = "secret", algorithm: str = "MD5"
) -> Credentials:
    value = answer(
        Challenge("example.com", nonce, algorithm),
        username="alice",
        password=password,
        method="REGISTER",
        uri="sip:example.com",
        cnonce="c0",
        nonce_count=count,
    )
    return Credentials.parse(value)


def judge(
    book: NonceBook, credentials: Credentials, *, now: float = NOW, secret: str | None = ALICE
) -> Verdict:
    return book.verify(credentials, ha1=secret, method="REGISTER", now=now)


def test_the_right_password_is_good() -> None:
    book = NonceBook(b"key")
    assert judge(book, credentials_for(book.issue(NOW))) is Verdict.GOOD


def test_sha_256_is_good_too() -> None:
    book = NonceBook(b"key")
    secret = ha1("alice", "example.com", "secret", "SHA-256")
    assert judge(book, credentials_for(book.issue(NOW), algorithm="SHA-256"), secret=secret) is Verdict.GOOD


def test_a_wrong_password_an_unknown_user_and_another_method_are_wrong() -> None:
    book = NonceBook(b"key")
    nonce = book.issue(NOW)
    assert judge(book, credentials_for(nonce, password="guess")) is Verdict.WRONG
    assert judge(book, credentials_for(nonce), secret=None) is Verdict.WRONG
    assert book.verify(credentials_for(nonce), ha1=ALICE, method="INVITE", now=NOW) is Verdict.WRONG
    assert len(book) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"qop": None, "cnonce": None, "nonce_count": None},
        {"qop": "auth-int"},
        {"nonce_count": "1"},
        {"nonce_count": "zzzzzzzz"},
        {"nonce_count": None},
        {"cnonce": None},
        {"algorithm": "MD5-sess"},
        {"algorithm": "none"},
        {"response": "\udcff\udcfe"},
        {"response": ""},
    ],
)
def test_credentials_of_another_make_are_wrong(change: dict[str, str | None]) -> None:
    book = NonceBook(b"key")
    credentials = replace(credentials_for(book.issue(NOW)), **change)  # type: ignore[arg-type]
    if "response" not in change and change.get("algorithm") is None:
        credentials = replace(credentials, response=credentials.expected_response(ALICE, "REGISTER"))
    assert judge(book, credentials) is Verdict.WRONG


def test_a_nonce_goes_stale() -> None:
    book = NonceBook(b"key", lifetime=300)
    nonce = book.issue(NOW)
    assert judge(book, credentials_for(nonce), now=NOW + 299) is Verdict.GOOD
    assert judge(book, credentials_for(nonce, count=2), now=NOW + 300) is Verdict.STALE


@pytest.mark.parametrize("nonce", ["", "x", "0" * 60, "\udcff" * 60, "é" * 60])
def test_a_foreign_nonce_is_stale(nonce: str) -> None:
    assert judge(NonceBook(b"key"), credentials_for(nonce)) is Verdict.STALE


def test_a_nonce_of_another_secret_or_changed_or_from_the_future_is_stale() -> None:
    book = NonceBook(b"key")
    nonce = book.issue(NOW)
    assert judge(NonceBook(b"other"), credentials_for(nonce)) is Verdict.STALE
    changed = ("1" if nonce[0] == "0" else "0") + nonce[1:]
    assert judge(book, credentials_for(changed)) is Verdict.STALE
    assert judge(book, credentials_for(book.issue(NOW + 3600))) is Verdict.STALE


def test_a_nonce_count_must_rise() -> None:
    book = NonceBook(b"key")
    nonce = book.issue(NOW)
    verdicts = [judge(book, credentials_for(nonce, count=count)) for count in (1, 1, 3, 2, 3, 4, 0)]
    good, replayed = Verdict.GOOD, Verdict.REPLAYED
    assert verdicts == [good, replayed, good, replayed, replayed, good, replayed]


def test_two_challenges_of_one_moment_are_apart() -> None:
    book = NonceBook(b"key")
    one, other = book.issue(NOW), book.issue(NOW)
    assert one != other
    assert judge(book, credentials_for(one)) is judge(book, credentials_for(other)) is Verdict.GOOD


def test_the_book_forgets_what_has_expired() -> None:
    book = NonceBook(b"key", lifetime=10)
    for second in range(100):
        assert judge(book, credentials_for(book.issue(NOW + second)), now=NOW + second) is Verdict.GOOD
    assert len(book) <= 11


def test_a_full_book_forgets_the_oldest_and_lets_nothing_be_replayed() -> None:
    book = NonceBook(b"key", capacity=5)
    used = [book.issue(NOW + second) for second in range(20)]
    for second, nonce in enumerate(used):
        assert judge(book, credentials_for(nonce), now=NOW + second) is Verdict.GOOD
    assert len(book) == 5
    replays = [judge(book, credentials_for(nonce), now=NOW + 20) for nonce in used]
    assert replays == [Verdict.STALE] * 15 + [Verdict.REPLAYED] * 5
    assert judge(book, credentials_for(used[-1], count=2), now=NOW + 20) is Verdict.GOOD
