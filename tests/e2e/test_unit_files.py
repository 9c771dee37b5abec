"""What systemd itself thinks of the unit files: they are right, and leave little to an intruder."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.service import ROOT

UNITS = ("callengine.service", "callengine-media@.service")
HIGHEST_EXPOSURE = 2.5


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_they_are_right(tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    for program in ("opt/callengine/current/venv/bin/callengine", "bin/kill"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    for name in UNITS:
        shutil.copy(ROOT / "systemd" / name, units)
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    names = [name.replace("@.", "@main.") for name in UNITS]
    done = analyze("verify", f"--root={tmp_path}", "--man=no", *names)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    broken = units / UNITS[0]
    broken.write_text(broken.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in analyze("verify", f"--root={tmp_path}", "--man=no", UNITS[0]).stderr


@pytest.mark.parametrize("name", UNITS)
def test_they_are_hardened(name: str) -> None:
    done = analyze("security", "--offline=true", str(ROOT / "systemd" / name))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= HIGHEST_EXPOSURE
