"""The log under gevent: greenlets and calls in its lines, and a writer that never holds the hub."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from gevent.monkey import get_original
from gevent.threadpool import ThreadPool
from loguru import logger

from callengine import greenlets, log
from callengine.log.writer import CAPACITY


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "log"
    log.configure(file=str(path))
    yield path
    log.stop()
    logger.remove()


def written(file: Path) -> list[str]:
    log.stop()
    return [line.split("] ", 1)[0].rsplit("[")[1] + " " + line.split("] ", 1)[1] for line in file.open()]


def test_each_greenlet_has_its_name_and_its_call(file: Path) -> None:
    def story(call: str) -> None:
        with log.call_context(call):
            gevent.sleep(0)
            logger.info("in the story")
            greenlets.spawn("dialog", logger.info, "in its child").join()

    gevent.joinall([greenlets.spawn("story", story, call) for call in ("one", "two")])
    logger.info("outside")
    assert sorted(written(file)) == [
        "dialog one in its child\n",
        "dialog two in its child\n",
        "main - outside\n",
        "story one in the story\n",
        "story two in the story\n",
    ]


def test_a_reader_that_reads_nothing_does_not_hold_the_hub(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    log.configure(file=str(pipe))
    for number in range(CAPACITY * 2):
        logger.info("{} {}", number, "-" * 97 + "xxx")
    assert log.dropped() > 0
    pieces: list[bytes] = []
    get_original("_thread", "start_new_thread")(_drain, (reader, pieces))
    log.stop(timeout=20.0)
    logger.remove()
    while pieces[-1:] != [b""]:
        gevent.sleep(0.01)
    text = b"".join(pieces).decode()
    assert f" {CAPACITY * 2 - text.count('xxx')} log lines were lost" in text


def _drain(reader: int, pieces: list[bytes]) -> None:
    """Read until the writer closes its end; in a native thread, as another process would."""
    os.set_blocking(reader, True)
    while pieces[-1:] != [b""]:
        pieces.append(os.read(reader, 1 << 16))
    os.close(reader)


def test_a_line_from_a_native_thread(file: Path) -> None:
    ThreadPool(1).spawn(log.from_native_thread, "WARNING", "from below").get()
    assert written(file) == ["thread - from below\n"]


TALKATIVE = """
from gevent import monkey; monkey.patch_all()
import sys
from loguru import logger
from callengine import log
log.configure()
for number in range(30_000):
    logger.info("line {} {}", number, "x" * 100)
print("done", log.dropped() > 0, flush=True)
"""


def test_a_terminal_that_nobody_reads_holds_up_nobody() -> None:
    talking = subprocess.Popen(
        [sys.executable, "-c", TALKATIVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert talking.stdout is not None
    with gevent.Timeout(30):
        assert talking.stdout.readline() == "done True\n"
        assert talking.wait() == 0
