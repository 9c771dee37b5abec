"""`security.*`: each setting at two values, seen from outside."""

from __future__ import annotations

import re

import pytest

from tests.gevent.effects.outside import MakeDesk, call_status, register_answer


@pytest.mark.effect("security.digest_algorithms")
@pytest.mark.parametrize(
    ("setting", "offered"),
    [('["MD5"]', ["MD5"]), ('["SHA-256"]', ["SHA-256"]), ('["SHA-256", "MD5"]', ["SHA-256", "MD5"])],
)
def test_phones_are_offered_these_algorithms(make_desk: MakeDesk, setting: str, offered: list[str]) -> None:
    desk = make_desk(SECURITY__DIGEST_ALGORITHMS=setting)
    answer = register_answer(desk)
    assert re.findall(r"algorithm=([A-Z0-9-]+)", answer) == offered


@pytest.mark.effect("security.open_inbound")
@pytest.mark.parametrize(("is_open", "status"), [("true", 200), ("false", 403)])
def test_who_may_call_without_credentials(make_desk: MakeDesk, is_open: str, status: int) -> None:
    desk = make_desk(SECURITY__OPEN_INBOUND=is_open)
    assert call_status(desk) == status
