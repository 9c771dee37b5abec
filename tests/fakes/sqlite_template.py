"""A SQLite file with all tables, to be copied for each test.

`scripts/test.sh` makes one for all that it runs, and tells where in `TEST_SQLITE`; without it each test
session makes its own.

    python -m tests.fakes.sqlite_template FILE
"""

import sys
from pathlib import Path

from callengine.db import schema

VARIABLE = "TEST_SQLITE"
"""Names the file."""


def make(file: Path) -> Path:
    """With all tables, and without the files beside it that SQLite keeps for those who are connected."""
    schema.upgrade(f"sqlite:///{file.resolve()}")
    return file


if __name__ == "__main__":
    make(Path(sys.argv[1]))
