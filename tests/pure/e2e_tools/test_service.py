"""The search for secrets in a service's log: it finds what was planted, and nothing in an honest line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.service import PASSWORD, Service


@pytest.mark.parametrize(
    "line",
    [
        f"agent alice was added with {PASSWORD}",
        'Authorization: Digest username="alice"',
        'challenge: Digest realm="x", nonce="0af3"',
        'told response="6629fae49393a05397450978507c4ef1"',
        "row: ha1_md5='939e7578ed9e3c518a452acee763bce9'",
        '{"level": "DEBUG", "message": "Digest nonce=\\"0af3\\""}',
    ],
)
@pytest.mark.parametrize("name", ["callengine.log", "callengine.log.1", "serve.out"])
def test_a_planted_secret_is_found(tmp_path: Path, name: str, line: str) -> None:
    service = Service(tmp_path)
    (tmp_path / name).write_text(f"an honest line\n{line}\n")
    assert service.secrets_told() == [line]


def test_honest_lines_are_no_secrets(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.log.write_text("REGISTER is refused: the response does not match\n200 response to INVITE\n")
    assert service.secrets_told() == []
