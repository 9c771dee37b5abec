"""Ring all: every free agent is offered the call at the same time, and the first to answer has it."""

from collections.abc import Iterator, Sequence

from callengine.callcenter.routing.base import Caller, Candidate


def order(_entry: Caller, candidates: Sequence[Candidate], _now: float) -> Iterator[Candidate]:
    """All candidates, as they come; dispatch takes every one."""
    return iter(candidates)
