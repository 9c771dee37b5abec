"""The command `callengine softphone`, as far as it refuses what it is told."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from callengine.cli.softphone import command

SERVER = ("--server", "127.0.0.1:5060")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("alice",), "--server"),
        (SERVER, "NAME"),
        (("a b", *SERVER), "NAME[@DOMAIN]"),
        (("alice", "--server", "127.0.0.1:0"), "HOST:PORT"),
        (("alice", *SERVER, "--transport", "tls"), "udp"),
        (("alice", *SERVER, "--codecs", "opus"), "PCMU, PCMA"),
        (("alice", *SERVER, "--play", "tone:loud"), "whole Hz"),
        (("alice", *SERVER, "--play", "/nowhere.wav"), "No such file"),
        (("alice", *SERVER, "--dtmf", "12"), "DIGITS@SECONDS"),
        (("alice", *SERVER, "--reject", "200"), "300<=x<=699"),
        (("alice", *SERVER, "--answer-after", "-1"), "0<=x<=86400"),
        (("alice", *SERVER, "--microphone"), "No such option"),
    ],
)
def test_wrong_use_is_said_and_exits_2(arguments: tuple[str, ...], complaint: str) -> None:
    result = _run(*arguments)
    assert result.exit_code == 2
    assert complaint in result.output


def test_it_says_that_it_has_no_microphone() -> None:
    result = _run("--help")
    assert result.exit_code == 0
    assert "no microphone" in " ".join(result.output.split())
