"""Identifiers: unique, and of the form that the grammar wants."""

from callengine.sip.grammar import is_token
from callengine.sip.identifiers import new_branch, new_call_id, new_tag


def test_are_tokens_and_differ() -> None:
    made = [make() for make in (new_branch, new_tag, new_call_id) for _ in range(100)]
    assert len(set(made)) == 300
    assert all(is_token(name) for name in made)


def test_branches_begin_with_the_magic_cookie() -> None:
    assert new_branch().startswith("z9hG4bK")
