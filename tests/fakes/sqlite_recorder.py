"""Records what SQLite writes below a directory, and when it syncs, by a VFS between it and the system's own.

The VFS is registered in the library that the standard `sqlite3` uses, as the default, so whoever opens a
database meanwhile, from whatever thread, is recorded (https://www.sqlite.org/vfs.html). Each file is opened
by the system's VFS; then its table of methods is exchanged for a copy in which write, truncate and sync are
ours: they note, and call the original. A write is noted when it is done, a sync when it begins and when it
ends. The program's own `os.fdatasync` is noted as well. Not recorded: the shared memory of the write-ahead
log (`-shm`), which SQLite makes anew from the log.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from functools import partial
from pathlib import Path
from typing import Any

from tests.fakes.disk import DiskLog, SyncBegun, Synced, Truncated, Written

_CREATE = 0x4
_JOURNAL_OR_LOG = 0x800 | 0x80000
_RECORDED = 0x100 | _JOURNAL_OR_LOG
"""Flags of xOpen (sqlite3.h): the database, its journal, its write-ahead log."""

_WRITE, _TRUNCATE, _SYNC = 3, 4, 5
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)


class _Methods(Structure):
    """sqlite3_io_methods: its version, and 18 pointers (version 3)."""

    _fields_ = (("version", c_int), ("pointers", c_void_p * 18))


class _Vfs(Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("path_limit", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("private", c_void_p),
        ("open", _Open),
        ("delete", _Delete),
        ("others", c_void_p * 14),
    )


_kept: list[object] = []
"""What SQLite may still point to: a file that was opened through us keeps our methods until it is closed."""


class _Recorder:
    """Notes in `log` what is done to the files of `directory`."""

    def __init__(self, directory: Path, log: DiskLog, before_sync: Callable[[], object]) -> None:
        self._directory = str(directory)
        self._log = log
        self._before_sync = before_sync
        self._numbers: dict[int, int] = {}
        self._names_directory: set[int] = set()
        self._tables: dict[int, _Methods] = {}
        # The module's handle reaches the library that it is linked with; without a file it is part of Python.
        self._library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        self._library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._original: Any = self._library.sqlite3_vfs_find(None)
        self._open: Any = self._original.contents.open
        self._delete: Any = self._original.contents.delete
        self._vfs = _Vfs.from_buffer_copy(self._original.contents)
        self._vfs.name = f"recorded-{id(self)}".encode()
        self._vfs.open = _Open(self._on_open)
        self._vfs.delete = _Delete(self._on_delete)
        _kept.append(self)

    def register(self) -> None:
        """From now on what is opened is recorded."""
        assert self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1) == 0

    def unregister(self) -> None:
        """Open no more files through this; those that are open go on."""
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
        self._library.sqlite3_vfs_register(self._original, 1)

    @contextmanager
    def _syncing(self, number: int | None) -> Iterator[None]:
        with self._log.lock:
            begun = self._log.note(SyncBegun(number))
        self._before_sync()
        yield
        with self._log.lock:
            self._log.note(Synced(number, begun))

    def descriptor_synced(self, sync: Callable[[int], None], descriptor: int) -> None:
        """Sync a file by its descriptor, and note it."""
        name = self._ours(os.readlink(f"/proc/self/fd/{descriptor}"))
        if name is None or not self._log.knows(name):
            sync(descriptor)
            return
        with self._syncing(self._log.number(name)):
            sync(descriptor)

    def _ours(self, path: str) -> str | None:
        directory, name = os.path.split(path)
        return name if directory == self._directory else None

    def _on_open(self, _vfs: int, path: int | None, file: int, flags: int, out: int) -> int:
        result = int(self._open(self._original, path, file, flags, out))
        name = self._ours(_text(path)) if path and flags & _RECORDED else None
        if result == 0 and name is not None:
            with self._log.lock:
                self._numbers[file] = self._log.number(name)
                self._names_directory.discard(file)
                if flags & _CREATE and flags & _JOURNAL_OR_LOG:
                    self._names_directory.add(file)
                methods = c_void_p.from_address(file)
                methods.value = ctypes.addressof(self._table(methods.value or 0))
        return result

    def _on_delete(self, _vfs: int, path: int, sync_directory: int) -> int:
        with self._log.lock:
            result = int(self._delete(self._original, path, sync_directory))
            name = self._ours(_text(path))
            if result == 0 and name is not None:
                self._log.remove(name)
                if sync_directory:
                    self._log.note(Synced(None, len(self._log.notes)))
        return result

    def _table(self, address: int) -> _Methods:
        """A copy of a table of methods, with ours in it."""
        if address not in self._tables:
            table = _Methods.from_buffer_copy(_Methods.from_address(address))
            for place, make in ((_WRITE, self._writer), (_TRUNCATE, self._truncater), (_SYNC, self._syncer)):
                method = make(table.pointers[place - 1] or 0)
                _kept.append(method)
                table.pointers[place - 1] = ctypes.cast(method, c_void_p).value
            self._tables[address] = table
        return self._tables[address]

    def _writer(self, address: int) -> Any:
        original = _Write(address)

        def write(file: int, content: int, size: int, offset: int) -> int:
            with self._log.lock:
                result = int(original(file, content, size, offset))
                if result == 0:
                    self._log.note(Written(self._numbers[file], offset, ctypes.string_at(content, size)))
            return result

        return _Write(write)

    def _truncater(self, address: int) -> Any:
        original = _Truncate(address)

        def truncate(file: int, size: int) -> int:
            with self._log.lock:
                result = int(original(file, size))
                if result == 0:
                    self._log.note(Truncated(self._numbers[file], size))
            return result

        return _Truncate(truncate)

    def _syncer(self, address: int) -> Any:
        """The first sync of a journal or a log that SQLite may have made is one of the directory too."""
        original = _Sync(address)

        def sync(file: int, flags: int) -> int:
            with self._syncing(self._numbers[file]):
                result = int(original(file, flags))
            if file in self._names_directory:
                self._names_directory.discard(file)
                with self._syncing(None):
                    pass
            return result

        return _Sync(sync)


def _text(path: int) -> str:
    """A path by its address: SQLite's VFS keeps that, and reads there as long as the file is open."""
    return os.fsdecode(ctypes.string_at(path))


@contextmanager
def recording(directory: Path, *, before_sync: Callable[[], object] = lambda: None) -> Iterator[DiskLog]:
    """Records what SQLite does to the files that are, and will be, in `directory`.

    `before_sync` is called in the thread that syncs: it may wait there, as a slow disk does.
    """
    there = [path for path in sorted(directory.iterdir()) if path.is_file()]
    log = DiskLog({path.name: path.read_bytes() for path in there if not path.name.endswith("-shm")})
    recorder = _Recorder(directory, log, before_sync)
    sync = os.fdatasync
    recorder.register()
    os.fdatasync = partial(recorder.descriptor_synced, sync)
    try:
        yield log
    finally:
        os.fdatasync = sync
        recorder.unregister()
