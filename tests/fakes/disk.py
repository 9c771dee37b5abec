"""A disk whose power is cut: what was written and synced to it, in order, and what it may hold after a cut.

Theory of operation. `DiskLog` notes what happens to files, from any thread. A `Disk` is led along the notes
and knows at each of them what is safe and what is not: a write, a truncation, the making or removal of a name
is safe once a sync of its file (of the directory, for a name) has ended that began after it. Of what is not
safe a cut may leave nothing, all, the first so many in order, or any of them; the last that is left may be
torn at a sector. Each file and the directory are taken by themselves: a disk keeps no order between them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from gevent.monkey import get_original

SECTOR = 512
"""Bytes that a disk writes as a whole."""


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was not there was made."""

    file: int
    name: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A name is gone; whatever the file holds goes with it."""

    name: str


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes that were written into a file."""

    file: int
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    """A file was cut, or lengthened with zeros, to `size` bytes."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class SyncBegun:
    """A sync of a file, or of the directory (None), began."""

    file: int | None


@dataclass(frozen=True, slots=True)
class Synced:
    """A sync came to its end; `begun` is the place of its `SyncBegun` in the log."""

    file: int | None
    begun: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody was told that the event with this number is stored."""

    number: int


@dataclass(frozen=True, slots=True)
class Beat:
    """Time went by as the writing program feels it: a machine that is busy makes it beat slower."""


Note = Made | Removed | Written | Truncated | SyncBegun | Synced | Acknowledged | Beat
Change = Written | Truncated
Naming = Made | Removed
Keep = Callable[[random.Random, int], list[int]]
"""Which of so many changes that are not safe the disk has made all the same, by their place."""


def _none(_choose: random.Random, _count: int) -> list[int]:
    return []


def _all(_choose: random.Random, count: int) -> list[int]:
    return list(range(count))


def _first(choose: random.Random, count: int) -> list[int]:
    return list(range(choose.randint(0, count)))


def _any(choose: random.Random, count: int) -> list[int]:
    return [place for place in range(count) if choose.random() < 0.5]


class DiskLog:
    """Everything that happened, in order. `files` are there, and safe, at the beginning, by name.

    Whoever changes it holds `lock`; `tell` takes it by itself.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.lock = get_original("_thread", "allocate_lock")()
        self.notes: list[Note] = []
        self.files = files
        self._numbers = {name: number for number, name in enumerate(files)}
        self._next = len(files)

    def note(self, note: Note) -> int:
        """Append; where in the log it stands."""
        self.notes.append(note)
        return len(self.notes) - 1

    def tell(self, note: Note) -> None:
        """Append what needs nothing done with it."""
        with self.lock:
            self.note(note)

    def number(self, name: str) -> int:
        """The file that has this name now; one that is not there is made."""
        if name not in self._numbers:
            self._numbers[name] = self._next
            self._next += 1
            self.note(Made(self._numbers[name], name))
        return self._numbers[name]

    def knows(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return name in self._numbers

    def remove(self, name: str) -> None:
        """Forget the name."""
        if self._numbers.pop(name, None) is not None:
            self.note(Removed(name))


@dataclass(slots=True)
class _File:
    safe: bytearray
    unsafe: list[tuple[int, Change]] = field(default_factory=list)


class Disk:
    """What is safe after the first `place` notes of a log."""

    def __init__(self, log: DiskLog) -> None:
        self.place = 0
        self._log = log
        self._files = {number: _File(bytearray(content)) for number, content in enumerate(log.files.values())}
        self._names = {name: number for number, name in enumerate(log.files)}
        self._unsafe_names: list[tuple[int, Naming]] = []

    def go_to(self, place: int) -> None:
        """Go on to a later place."""
        for at in range(self.place, place):
            self._take(at, self._log.notes[at])
        self.place = place

    def left(self, choose: random.Random) -> dict[str, bytes]:
        """The files that one cut here leaves, by name."""
        keep = choose.choice((_none, _all, _first, _first, _any))
        names = dict(self._names)
        for place in keep(choose, len(self._unsafe_names)):
            _rename(names, self._unsafe_names[place][1])
        return {name: self._content(self._files[file], choose, keep) for name, file in names.items()}

    def seen(self) -> dict[str, bytes]:
        """The files as programs see them here, while there is power."""
        names = dict(self._names)
        for _, change in self._unsafe_names:
            _rename(names, change)
        return {name: self._content(self._files[file], random.Random(), _all) for name, file in names.items()}

    def _take(self, at: int, note: Note) -> None:
        match note:
            case Made():
                self._files[note.file] = _File(bytearray())
                self._unsafe_names.append((at, note))
            case Removed():
                self._unsafe_names.append((at, note))
            case Written() | Truncated():
                self._files[note.file].unsafe.append((at, note))
            case Synced(file=None):
                for place, change in self._unsafe_names:
                    if place < note.begun:
                        _rename(self._names, change)
                self._unsafe_names = [one for one in self._unsafe_names if one[0] >= note.begun]
            case Synced(file=int(number)):
                self._sync(self._files[number], note.begun)

    def _sync(self, file: _File, begun: int) -> None:
        for place, change in file.unsafe:
            if place < begun:
                _apply(file.safe, change)
        file.unsafe = [one for one in file.unsafe if one[0] >= begun]

    def _content(self, file: _File, choose: random.Random, keep: Keep) -> bytes:
        content = bytearray(file.safe)
        kept = [file.unsafe[place][1] for place in keep(choose, len(file.unsafe))]
        if kept and keep in (_first, _any) and choose.random() < 0.5:
            kept[-1] = _torn(kept[-1], choose)
        for change in kept:
            _apply(content, change)
        return bytes(content)


def _rename(names: dict[str, int], change: Naming) -> None:
    if isinstance(change, Made):
        names[change.name] = change.file
    else:
        names.pop(change.name, None)


def _apply(content: bytearray, change: Change) -> None:
    end = change.size if isinstance(change, Truncated) else change.offset
    content.extend(bytes(max(0, end - len(content))))
    if isinstance(change, Truncated):
        del content[end:]
    else:
        content[end : end + len(change.content)] = change.content


def _torn(change: Change, choose: random.Random) -> Change:
    """A write of which the disk made the first sectors alone."""
    if isinstance(change, Truncated):
        return change
    ends = range(-change.offset % SECTOR, len(change.content), SECTOR)
    return Written(change.file, change.offset, change.content[: choose.choice([0, *ends])])
