"""The log as its users see it, in a process that is not patched."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from callengine import log


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    log.stop()
    logger.remove()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log"


def written(file: Path) -> list[str]:
    log.stop()
    return file.read_text(encoding="utf-8").splitlines()


def test_a_line_of_text(file: Path) -> None:
    log.configure(file=str(file))
    with log.call_context("abc123"):
        logger.info("hello {}", "you")
    logger.warning("bye")
    first, second = (line.split(" ", 2)[2] for line in written(file))
    module, rest = first.removeprefix("INFO    ").split(" ", 1)
    assert module.startswith(__name__ + ":")
    assert rest == "[main] abc123 hello you"
    assert second.startswith("WARNING ")
    assert second.endswith("[main] - bye")


def test_a_line_of_json(file: Path) -> None:
    log.configure(file=str(file), format="json")
    with log.call_context("abc123"):
        logger.bind(queue="support").info("hello\nyou")
    (line,) = written(file)
    document = json.loads(line)
    assert document.pop("time").endswith("+00:00")
    assert document.pop("module").startswith(__name__ + ":")
    assert document == {
        "level": "INFO",
        "greenlet": "main",
        "call": "abc123",
        "queue": "support",
        "message": "hello\nyou",
    }


def test_the_level(file: Path) -> None:
    log.configure(file=str(file), level="WARNING")
    logger.info("no")
    logger.warning("yes")
    assert len(written(file)) == 1


def test_nobody_forges_a_line(file: Path) -> None:
    log.configure(file=str(file))
    logger.info("{}", "a\r\n2026-01-01 INFO forged \x1b[31m\x00")
    (line,) = written(file)
    assert line.endswith("a\\r\\n2026-01-01 INFO forged \\x1b[31m\\x00")


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_has_its_trace_and_no_values(file: Path, form: str) -> None:
    log.configure(file=str(file), format=form)
    password = "hunter2".upper()
    try:
        int(password[:0])
    except ValueError:
        logger.exception("it failed")
    text = "\n".join(written(file))
    assert "it failed" in text
    assert "ValueError: invalid literal" in text
    assert "HUNTER2" not in text


def test_lines_of_the_standard_library(file: Path) -> None:
    log.configure(file=str(file))
    logging.getLogger("alembic").info("no")
    logging.getLogger("alembic").error("100 %s {}", "%")
    (line,) = written(file)
    assert "ERROR" in line
    assert "alembic:" in line
    assert line.endswith("100 % {}")


def test_a_line_from_a_native_thread(file: Path) -> None:
    log.configure(file=str(file))
    log.from_native_thread("WARNING", "blocked", "a\n  stack\n")
    line, *stack = written(file)
    assert line.endswith("[thread] - blocked")
    assert __name__ in line
    assert stack == ["a", "  stack"]


def test_without_configuration_a_native_thread_is_silent() -> None:
    log.stop()
    log.from_native_thread("WARNING", "nobody listens")
    assert log.dropped() == 0


def test_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure()
    logger.info("hello")
    log.stop()
    assert capfd.readouterr().err.endswith("hello\n")


def test_a_file_that_cannot_be_opened_leaves_the_log_as_it_was(file: Path) -> None:
    log.configure(file=str(file))
    with pytest.raises(OSError, match="nowhere"):
        log.configure(file="/nowhere/log")
    logger.info("still here")
    assert len(written(file)) == 1


def test_only_its_owner_and_group_may_read(file: Path) -> None:
    log.configure(file=str(file))
    assert file.stat().st_mode & 0o007 == 0
