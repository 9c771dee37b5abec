"""One process at a time writes to a database, and the others are told which."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from callengine.db.claim import DatabaseClaimed, claim
from callengine.db.engine import make_engine
from callengine.errors import DatabaseError

HOLDER = """
from gevent import monkey; monkey.patch_all()
import sys, time
from callengine.db.claim import claim
from callengine.db.engine import make_engine
with claim(make_engine(sys.argv[1])):
    print("claimed", flush=True)
    time.sleep(60)
"""


def test_the_second_is_told_who_the_first_is(database_url: str) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, database_url], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"claimed\n"
    engine = make_engine(database_url)
    with pytest.raises(DatabaseClaimed, match=str(holder.pid)), claim(engine):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with claim(engine):
        pass
    engine.dispose()


def test_it_ends_with_the_block(database_url: str) -> None:
    engine = make_engine(database_url)
    for _ in range(2):
        with claim(engine), pytest.raises(DatabaseClaimed, match=str(os.getpid())), claim(engine):
            pass
    engine.dispose()


@pytest.mark.about("sqlite", "how a file is locked and written")
def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'none' / 'call_center.db'}")
    with pytest.raises(DatabaseError, match="No such file or directory"), claim(engine):
        pass


@pytest.mark.about("sqlite", "a database in memory")
def test_a_database_in_memory_needs_none() -> None:
    with claim(make_engine("sqlite://")):
        pass
