"""Reading unit files as the supervisor of the e2e tests needs them."""

from pathlib import Path

import pytest

from tests.e2e.unit_file import UnitFile, read_unit

TEXT = """# what it is
[Unit]
After=a.service

[Service]
Environment=A=1 "B=two words"
Environment=C=%i
ExecStart=/bin/x --y 'z z'
ExecStartPre=/bin/lost
ExecStartPre=
ExecStartPre=/bin/pre
TimeoutStopSec=200ms
WatchdogSec=2min
RestartSec=soon
"""


@pytest.fixture
def unit(tmp_path: Path) -> UnitFile:
    path = tmp_path / "a@.service"
    path.write_text(TEXT)
    return read_unit(path, instance="main", replacements={"/bin/x": "/usr/bin/x"})


def test_values(unit: UnitFile) -> None:
    assert unit.name == "a@main.service"
    assert unit.one("After", section="Unit") == "a.service"
    assert unit.one("After", "none") == "none"
    assert unit.environment() == {"A": "1", "B": "two words", "C": "main"}
    assert unit.commands("ExecStart") == [["/usr/bin/x", "--y", "z z"]]
    assert unit.all("ExecStartPre") == ("/bin/pre",), "an empty value clears those before it"


def test_spans_of_time(unit: UnitFile) -> None:
    assert unit.seconds("TimeoutStopSec", 1) == 0.2
    assert unit.seconds("WatchdogSec", 1) == 120
    assert unit.seconds("TimeoutStartSec", 90) == 90
    with pytest.raises(ValueError, match="RestartSec=soon"):
        unit.seconds("RestartSec", 1)


def test_a_line_that_is_no_setting(tmp_path: Path) -> None:
    path = tmp_path / "a.service"
    path.write_text("[Service]\nExecStart\n")
    with pytest.raises(ValueError, match="no setting"):
        read_unit(path)
