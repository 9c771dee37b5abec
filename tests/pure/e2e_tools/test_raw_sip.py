"""SIP written by hand: what is read from it, and the answer to a challenge."""

from hashlib import md5

import pytest

from tests.e2e.raw_sip import digest_answer, header, status_of

RESPONSE = 'SIP/2.0 401 Unauthorized\r\nTo: <sip:a@b>;tag=1\r\nWWW-Authenticate: Digest realm="b"\r\n\r\n'


def test_the_status_is_read_and_no_response_has_none() -> None:
    assert status_of(RESPONSE) == 401
    assert status_of(None) is None


def test_headers_are_found_whatever_their_case() -> None:
    assert header(RESPONSE, "to") == "<sip:a@b>;tag=1"
    with pytest.raises(KeyError):
        header(RESPONSE, "Via")


def test_a_challenge_is_answered_by_the_rule_of_qop_auth() -> None:
    challenge = 'Digest realm="b", nonce="xyz=", algorithm=MD5, qop="auth"'
    line = digest_answer(challenge, username="a", password="p", method="REGISTER", uri="sip:b")
    ha1, ha2 = md5(b"a:b:p").hexdigest(), md5(b"REGISTER:sip:b").hexdigest()
    expected = md5(f"{ha1}:xyz=:00000001:0a4f113b:auth:{ha2}".encode()).hexdigest()
    assert f'response="{expected}"' in line
    assert line.startswith("Authorization: Digest ")
    assert line.endswith("\r\n")
