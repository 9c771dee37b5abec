"""What an operator has done to the database while it is in use."""

from __future__ import annotations

from dataclasses import asdict

from callengine.callcenter import pruning
from callengine.callcenter.administration.document import Document
from callengine.db.committer import Committer


class DatabaseDesk:
    """Works through the committer, so it may be used while the service runs."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    def prune(self, *, before: float, by: str) -> Document:
        """Remove the calls that ended before that time, and older events; how many of both."""
        return asdict(pruning.prune(self._committer, before=before, by=by))

    def count_old_calls(self, *, before: float) -> int:
        """How many calls `prune` would remove."""
        return pruning.count_old_calls(self._committer, before=before)
