"""Reads the header of a SQLite write-ahead log, to see whether the log was begun anew."""

import struct
from pathlib import Path


def generation(database: Path) -> int:
    """The header's first salt, which goes up by one each time that the log is begun anew."""
    log = database.with_name(f"{database.name}-wal").read_bytes()
    return int(struct.unpack_from(">8I", log)[4])
