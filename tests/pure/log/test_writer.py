"""The writer: its bound, its losses, its files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from callengine.log.lines import Line
from callengine.log.writer import KEPT_FILES, Writer


def line(message: object) -> Line:
    return Line(datetime(2026, 1, 1, tzinfo=UTC), "INFO", "m:1", "main", str(message))


def bare(line: Line) -> str:
    """The message alone."""
    return f"{line.message}\n"


def write(writer: Writer) -> None:
    writer.start()
    writer.stop(5.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_lines_in_their_order(file: Path) -> None:
    writer = Writer(str(file), render=bare)
    writer.put(line("before the start"))
    writer.start()
    for number in range(2000):
        writer.put(line(number))
    writer.stop(5.0)
    assert file.read_text().splitlines() == ["before the start", *map(str, range(2000))]
    assert writer.dropped == 0


def test_lines_beyond_the_capacity_are_dropped_and_told(file: Path) -> None:
    writer = Writer(str(file), capacity=3, render=bare)
    for number in range(5):
        writer.put(line(number))
    assert writer.dropped == 2
    write(writer)
    assert file.read_text().splitlines() == ["2 log lines were lost: too slow to write", "0", "1", "2"]


def test_a_full_disk_drops_lines_and_ends_nothing() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    writer = Writer("/dev/full")
    writer.put(line("a"))
    writer.put(line("b"))
    write(writer)
    assert writer.dropped == 2


def test_what_is_no_text_is_written_all_the_same(file: Path) -> None:
    writer = Writer(str(file), render=bare)
    writer.put(line("a\udcffb"))
    write(writer)
    assert file.read_text() == "a\\udcffb\n"


def test_a_file_that_another_process_set_aside_is_left_alone(file: Path) -> None:
    writer = Writer(str(file), render=bare)
    file.rename(file.with_suffix(".1"))
    writer.put(line("line"))
    write(writer)
    assert file.read_text() == "line\n"
    assert file.with_suffix(".1").read_text() == ""


def test_a_full_file_is_set_aside(file: Path) -> None:
    for number in range(KEPT_FILES + 3):
        writer = Writer(str(file), rotation_bytes=2, render=bare)
        writer.put(line(number))
        write(writer)
    kept = {path.name: path.read_text() for path in file.parent.iterdir()}
    assert kept == {"log": "7\n"} | {f"log.{age}": f"{7 - age}\n" for age in range(1, KEPT_FILES + 1)}


def test_a_file_that_cannot_be_opened() -> None:
    with pytest.raises(OSError, match="nowhere"):
        Writer("/nowhere/log")
