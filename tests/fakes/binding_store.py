"""A BindingStore in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from callengine.errors import AgentNotFound
from callengine.sip.bindings import Binding, BindingChange


class MemoryBindings:
    """Bindings of `users`; `before_apply` runs before each change is stored, and may wait."""

    def __init__(self, *users: str) -> None:
        self.rows: dict[str, dict[int, Binding]] = {user: {} for user in users}
        self.changes: list[BindingChange] = []
        self.before_apply: Callable[[], object] = lambda: None
        self._last_id = 0

    def bindings(self, user: str) -> Sequence[Binding]:
        if user not in self.rows:
            raise AgentNotFound(user)
        return list(self.rows[user].values())

    def apply(self, user: str, change: BindingChange) -> None:
        self.before_apply()
        rows = self.rows[user]
        for binding in change.removed:
            if binding.id is not None:
                del rows[binding.id]
        for binding in change.refreshed:
            assert binding.id in rows
            rows[binding.id] = binding
        for binding in change.added:
            self._last_id += 1
            rows[self._last_id] = replace(binding, id=self._last_id)
        self.changes.append(change)
