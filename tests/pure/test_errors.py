"""The tree of errors: whole, as its docstring draws it, each with its answers."""

import re

import pytest

from callengine import errors
from callengine.errors import BadMessage, CallCenterError, SettingsError

CLASSES = [
    thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, Exception)
]


@pytest.mark.parametrize("error", CLASSES)
def test_each_has_a_root_a_sentence_and_its_answers(error: type[CallCenterError]) -> None:
    assert issubclass(error, CallCenterError)
    assert error.__doc__
    assert 400 <= error.sip_status <= 699
    assert 400 <= error.http_status <= 599


def test_the_docstring_draws_the_tree() -> None:
    drawn, path = {}, {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.fullmatch(r"    ([│ ├└─]*)([A-Z]\w+)(?:  +.*)?", line):
            depth = len(match[1]) // 4
            path[depth] = match[2]
            drawn[match[2]] = path.get(depth - 1, "Exception")
    assert drawn == {error.__name__: error.__bases__[0].__name__ for error in CLASSES}


def test_settings_errors_hold_all_problems() -> None:
    error = SettingsError(["one", "two"])
    assert error.problems == ("one", "two")
    assert str(error) == "one\ntwo"


def test_a_bad_message_holds_what_was_read() -> None:
    assert BadMessage("x").request is None
    assert BadMessage("x", request="INVITE").request == "INVITE"
