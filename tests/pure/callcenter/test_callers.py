"""Who has to prove who it is, who may call, and in whose name."""

import pytest

from callengine.callcenter.callers import Callers
from callengine.callcenter.roster import Agent, Roster
from callengine.errors import AgentNotFound, NotAllowed
from callengine.sip.auth import Challenge, NonceBook, answer, ha1
from callengine.sip.authenticator import AS_PROXY, AuthenticationRefused, Authenticator
from callengine.sip.headers import Headers
from callengine.sip.message import Request
from callengine.vocabulary import AgentState
from tests.fakes.clock import FakeClock

REALM = "call-center.local"
PASSWORD = "secret"


def make_callers(clock: FakeClock, *, is_open: bool, names: tuple[str, ...] = ("alice", "bob")) -> Callers:
    agents = [Agent(number, name, 1, (), AgentState.OFFLINE, 0, 0.0) for number, name in enumerate(names, 1)]
    return Callers(
        roster=Roster(agents),
        authenticator=Authenticator(
            realm=REALM,
            credentials=lambda name: (
                {"MD5": ha1(name, REALM, PASSWORD)} if name in ("alice", "bob") else None
            ),
            nonce_book=NonceBook(b"key"),
            clock=clock,
            asking=AS_PROXY,
        ),
        domains=(REALM, "192.0.2.1"),
        open_to_anyone=is_open,
    )


def invite(from_: str, *more: tuple[str, str], uri: str = "sip:support@192.0.2.1") -> Request:
    return Request("INVITE", uri, Headers([("From", f"{from_};tag=1"), *more]))


def proven(callers: Callers, from_: str, name: str, password: str = PASSWORD) -> Request:
    """The INVITE that answers the challenge."""
    refusal = callers.challenge(invite(from_))
    assert refusal is not None
    status, ((header, value),) = refusal
    assert (status, header) == (407, "Proxy-Authenticate")
    challenge = Challenge.parse(value)
    uri = "sip:support@192.0.2.1"
    given = answer(challenge, username=name, password=password, method="INVITE", uri=uri, cnonce="abc")
    return invite(from_, ("Proxy-Authorization", given))


@pytest.mark.parametrize(
    ("from_", "when_open", "when_closed"),
    [
        ("<sip:alice@call-center.local>", True, True),
        ("<sip:alice@CALL-CENTER.local:5070>", True, True),
        ("<sip:%61lice@192.0.2.1>", True, True),
        ("<sip:zed@call-center.local>", False, True),
        ("<sip:call-center.local>", False, True),
        ("<sip:alice@elsewhere.example>", False, False),
        ("<tel:+15551234>", False, False),
        ("<sip:anonymous@anonymous.invalid>", False, False),
    ],
)
def test_who_is_challenged(clock: FakeClock, from_: str, when_open: bool, when_closed: bool) -> None:
    for is_open, expected in ((True, when_open), (False, when_closed)):
        callers = make_callers(clock, is_open=is_open)
        assert (callers.challenge(invite(from_)) is not None) == expected


def test_the_domain_that_is_called_is_ours_too(clock: FakeClock) -> None:
    callers = make_callers(clock, is_open=True)
    from_ = "<sip:alice@pbx.example>"
    assert callers.challenge(invite(from_)) is None
    assert callers.challenge(invite(from_, uri="sip:support@PBX.example")) is not None


def test_who_brings_credentials_is_challenged_whoever_it_says_it_is(clock: FakeClock) -> None:
    callers = make_callers(clock, is_open=True)
    for line in ("nonsense", 'Digest username="a", realm="x", nonce="y", uri="z", response="0"'):
        given = ("Proxy-Authorization", line)
        assert callers.challenge(invite("<sip:5551@elsewhere.example>", given)) is not None


@pytest.mark.parametrize("is_open", [True, False])
def test_the_right_password_makes_an_agent(clock: FakeClock, is_open: bool) -> None:
    callers = make_callers(clock, is_open=is_open)
    request = proven(callers, "<sip:alice@call-center.local>", "alice")
    assert callers.challenge(request) is None
    agent = callers.agent_of(request)
    assert agent is not None
    assert agent.name == "alice"


def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(clock: FakeClock) -> None:
    callers = make_callers(clock, is_open=False)
    answers = []
    for name, password in (("alice", "wrong"), ("zed", PASSWORD)):
        request = proven(callers, f"<sip:{name}@call-center.local>", name, password)
        assert callers.challenge(request) is None
        with pytest.raises(AuthenticationRefused) as caught:
            callers.agent_of(request)
        answers.append((caught.value.sip_status, str(caught.value), caught.value.headers))
    assert answers[0] == answers[1]
    assert answers[0][0] == 403


def test_nobody_calls_in_another_agent_s_name(clock: FakeClock) -> None:
    callers = make_callers(clock, is_open=True)
    with pytest.raises(NotAllowed, match="alice calls in the name of bob"):
        callers.agent_of(proven(callers, "<sip:bob@call-center.local>", "alice"))


def test_an_agent_may_show_a_number_that_is_nobody_s(clock: FakeClock) -> None:
    callers = make_callers(clock, is_open=False)
    agent = callers.agent_of(proven(callers, "<sip:5551@call-center.local>", "alice"))
    assert agent is not None
    assert agent.name == "alice"


def test_an_agent_that_was_removed_meanwhile_is_not_found(clock: FakeClock) -> None:
    callers = make_callers(clock, is_open=False, names=("alice",))
    with pytest.raises(AgentNotFound):
        callers.agent_of(proven(callers, "<sip:bob@call-center.local>", "bob"))


def test_others_are_customers_if_anybody_may_call(clock: FakeClock) -> None:
    customer = invite("<sip:5551@elsewhere.example>")
    assert make_callers(clock, is_open=True).agent_of(customer) is None
    with pytest.raises(NotAllowed, match=r"security\.open_inbound"):
        make_callers(clock, is_open=False).agent_of(customer)
