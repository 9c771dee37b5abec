"""Agents call each other and the numbers served here, with real phones that prove who they are."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import tones
from tests.e2e.baresip import Baresip
from tests.e2e.phone import Phone
from tests.e2e.service import PASSWORD, Service, until

ALICE_TONE, BOB_TONE = 1100, 450
DONE = (660, 880)
"""The two tones of the signal for what was done."""
SHORT = {
    "ROUTING__AGENT_ASSIGNMENT_TIMEOUT_SECONDS": "2",
    "QUEUES__SUPPORT__RING_TIMEOUT_SECONDS": "2",
}


def record(service: Service) -> dict[str, Any]:
    """The only call, once it has ended."""
    assert until(lambda: service.rows("select state from calls") == [{"state": "ended"}], 10)
    query = (
        "select calls.*, one.name as by_whom, other.name as to_whom from calls "
        "left join agents one on one.id = from_agent_id left join agents other on other.id = agent_id"
    )
    (row,) = service.rows(query)
    return row


def agents(service: Service) -> dict[str, tuple[str, str | None]]:
    """State and reason of the pause of each."""
    rows = service.rows("select name, state, pause_reason from agents")
    return {row["name"]: (row["state"], row["pause_reason"]) for row in rows}


def is_as(service: Service, name: str, expected: tuple[str, str | None]) -> bool:
    """Whether the agent is so."""
    return agents(service)[name] == expected


def said_in_the_middle(path: Path) -> dict[int, float]:
    """Which of the two tones sound in the last second of a recording but its end."""
    samples = tones.read_wav(path)[-tones.RATE * 5 // 4 : -tones.RATE // 4]
    return dict(tones.heard_shares(samples, [ALICE_TONE, BOB_TONE]))


def test_two_agents_talk(tmp_path: Path) -> None:
    by_alice, by_bob = tmp_path / "alice.wav", tmp_path / "bob.wav"
    listen = ("--play", f"tone:{BOB_TONE}", "--record", str(by_bob))
    with (
        Service(tmp_path / "service") as service,
        Phone("bob", "--answer-after", "1", *listen, server=service.server) as bob,
    ):
        bob.wait_for("registered")
        options = ["--call", f"sip:bob@{service.server}", "--play", f"tone:{ALICE_TONE}"]
        options += ["--record", str(by_alice), "--hang-up-after", "2.5"]
        with Phone("alice", *options, server=service.server) as alice:
            assert alice.process.wait(20) == 0
            ended = alice.wait_for("call_terminated")
        bob.wait_for("call_terminated")
        assert bob.said("incoming_call")[0]["from"] == "sip:alice@127.0.0.1"
        assert (ended["hung_up_by"], ended["sources"], ended["sequence_breaks"]) == ("local", 1, 0)
        call = record(service)
        assert (call["kind"], call["by_whom"], call["to_whom"]) == ("agent", "alice", "bob")
        assert (call["disposition"], call["hung_up_by"]) == ("answered", "caller")
        assert call["ring_seconds"] == pytest.approx(1, abs=0.5)
        assert call["talk_seconds"] == pytest.approx(2.5, abs=0.5)
        assert until(lambda: agents(service)["bob"] == ("available", None), 10)
        assert service.trouble() == []
    assert said_in_the_middle(by_alice) == {ALICE_TONE: 0.0, BOB_TONE: 1.0}
    assert said_in_the_middle(by_bob) == {ALICE_TONE: 1.0, BOB_TONE: 0.0}


@pytest.mark.parametrize(
    ("options", "status", "result"),
    [
        (("--reject", "486"), 486, "busy"),
        pytest.param(("--answer-after", "60"), 480, "no_answer", marks=pytest.mark.long),
    ],
)
def test_who_does_not_answer(tmp_path: Path, options: tuple[str, ...], status: int, result: str) -> None:
    with (
        Service(tmp_path / "service", settings=SHORT) as service,
        Phone("bob", *options, server=service.server) as bob,
    ):
        bob.wait_for("registered")
        with Phone("alice", "--call", f"sip:bob@{service.server}", server=service.server) as alice:
            assert alice.process.wait(20) == 1
            assert alice.wait_for("call_terminated")["status"] == status
        assert record(service)["cause"] == result
        assert until(lambda: agents(service)["bob"] == ("available", None), 10)
        assert service.trouble() == []


def test_an_agent_calls_the_queue_and_is_served_by_another(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "service") as service,
        Phone("bob", "--play", f"tone:{BOB_TONE}", server=service.server) as bob,
    ):
        bob.wait_for("registered")
        options = ("--call", f"sip:support@{service.server}", "--hang-up-after", "1")
        with Phone("alice", *options, server=service.server) as alice:
            assert alice.process.wait(20) == 0
        bob.wait_for("call_terminated")
        call = record(service)
        assert (call["kind"], call["by_whom"], call["to_whom"]) == ("agent", "alice", "bob")
        assert call["queue_id"] is not None
        assert service.trouble() == []


def test_who_proves_nothing_calls_nobody_and_learns_nothing(tmp_path: Path) -> None:
    with Service(tmp_path / "service", settings={"SECURITY__OPEN_INBOUND": "false"}) as service:
        for name in ("alice", "nobody"):
            options = ("--call", f"sip:support@{service.server}")
            with Phone(name, *options, server=service.server, password=None) as phone:
                assert phone.process.wait(20) == 1
                assert phone.wait_for("call_terminated")["status"] == 407
        assert service.rows("select * from calls") == []
        assert service.present()["transactions"] == 0
        assert service.trouble() == []


def test_features(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    settings = {
        "AGENTS__SIGN_ON": "explicit",
        "NUMBERS__ON__DESTINATION": "feature:sign_on",
        "NUMBERS__OFF__DESTINATION": "feature:sign_off",
        "NUMBERS__LUNCH__DESTINATION": "feature:pause:lunch",
        "NUMBERS__BACK__DESTINATION": "feature:resume",
    }
    with (
        Service(tmp_path / "service", agents=["alice"], settings=settings) as service,
        Phone("alice", server=service.server) as standing,
    ):
        standing.wait_for("registered")
        assert agents(service)["alice"] == ("offline", None)
        for number, expected in (
            ("on", ("available", None)),
            ("lunch", ("paused", "lunch")),
            ("back", ("available", None)),
            ("off", ("offline", None)),
        ):
            options = ("--call", f"sip:{number}@{service.server}", "--record", str(heard))
            with Phone("alice", *options, server=service.server) as phone:
                assert phone.process.wait(20) == 0
                assert phone.wait_for("call_terminated")["hung_up_by"] == "remote"
            assert until(partial(is_as, service, "alice", expected), 10), number
        assert standing.said("incoming_call") == []
        assert [row["cause"] for row in service.rows("select cause from calls")] == ["feature"] * 4
        assert service.trouble() == []
    shares = tones.heard_shares(tones.read_wav(heard), DONE)
    assert all(share > 0 for share in shares.values()), shares


def test_baresip_calls_with_its_password(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "service", agents=["bill", "bob"]) as service,
        Phone("bob", "--play", f"tone:{BOB_TONE}", server=service.server) as bob,
        Baresip(
            tmp_path / "baresip", "bill", server=service.server, password=PASSWORD, tone=ALICE_TONE
        ) as phone,
    ):
        bob.wait_for("registered")
        assert until(lambda: agents(service)["bill"] == ("available", None), 10), phone.output()
        phone.tell("dial", f"sip:bob@{service.server}")
        bob.wait_for("call_connected")
        phone.wait_for("incoming rtp for 'audio' established")
        assert agents(service) == {"bill": ("busy", None), "bob": ("busy", None)}
        phone.tell("hangup")
        bob.wait_for("call_terminated")
        call = record(service)
        assert (call["kind"], call["by_whom"], call["to_whom"]) == ("agent", "bill", "bob")
        assert service.trouble() == []
