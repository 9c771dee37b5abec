"""A media side that moves no audio: it counts ports and legs, and always agrees."""

from __future__ import annotations

import builtins
from itertools import count

from callengine.errors import LegNotFound
from callengine.media.engine import EngineTotals, LegStatistics, RemoteMedia


class SilentMedia:
    """A `MediaEngine` without sockets."""

    def __init__(self) -> None:
        self._ports = count(40_000, 2)
        self._open: dict[str, int] = {}

    def open(
        self,
        leg_id: str,
        *,
        remote: RemoteMedia | None = None,  # noqa: ARG002 - the engine's signature, here and below
        play: str | None = None,  # noqa: ARG002
        port: int | None = None,
    ) -> int:
        return self._open.setdefault(leg_id, port or next(self._ports))

    def set_remote(self, leg_id: str, remote: RemoteMedia) -> None:  # noqa: ARG002
        self._require(leg_id)

    def join(self, leg_a: str, leg_b: str, *, remote: RemoteMedia | None = None) -> None:  # noqa: ARG002
        self._require(leg_a)
        self._require(leg_b)

    def part(self, leg_id: str) -> None:
        self._require(leg_id)

    def play(self, leg_id: str, sound: str, *, loop: bool = True) -> None:  # noqa: ARG002
        self._require(leg_id)

    def stop(self, leg_id: str) -> None:
        self._require(leg_id)

    def statistics(self, leg_id: str) -> LegStatistics:
        self._require(leg_id)
        return LegStatistics(leg_id, self._open[leg_id])

    def close(self, *leg_ids: str) -> builtins.list[LegStatistics]:
        closed = {leg_id: self._open.pop(leg_id, None) for leg_id in leg_ids}
        return [LegStatistics(leg_id, port) for leg_id, port in closed.items() if port is not None]

    def list(self) -> builtins.list[LegStatistics]:
        return [LegStatistics(leg_id, port) for leg_id, port in self._open.items()]

    def adopt(self, owner: str, incarnation: int) -> builtins.list[str]:  # noqa: ARG002
        return builtins.list(self._open)

    def totals(self) -> EngineTotals:
        return EngineTotals(legs=len(self._open), ports_in_use=len(self._open))

    def _require(self, leg_id: str) -> None:
        if leg_id not in self._open:
            raise LegNotFound(f"there is no leg {leg_id}")
