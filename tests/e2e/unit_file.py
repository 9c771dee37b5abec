"""Reads a systemd unit file, as far as the supervisor of the tests obeys it (systemd.syntax(7))."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 0.001, "us": 0.000001, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class UnitFile:
    """The settings of a unit, by section and name, each with its values in order."""

    name: str
    values: Mapping[tuple[str, str], tuple[str, ...]]

    def all(self, name: str, section: str = "Service") -> tuple[str, ...]:
        """Every value of a setting that may be given more than once; an empty one clears those before it."""
        return self.values.get((section, name), ())

    def one(self, name: str, default: str = "", section: str = "Service") -> str:
        """The value of a setting: of several the last holds."""
        return self.all(name, section)[-1] if self.all(name, section) else default

    def seconds(self, name: str, default: float) -> float:
        """The value of a setting that is a span of time (systemd.time(7)), with one unit at most."""
        text = self.one(name)
        if not text:
            return default
        found = re.fullmatch(r"([0-9.]+) ?([a-z]*)", text)
        if not found:
            raise ValueError(f"{self.name}: {name}={text} is no span of time")
        return float(found[1]) * _UNITS[found[2]]

    def commands(self, name: str) -> list[list[str]]:
        """The command lines of ExecStart and the like, split into words."""
        return [shlex.split(line) for line in self.all(name)]

    def environment(self) -> dict[str, str]:
        """The variables of all `Environment=` lines."""
        words = [word for line in self.all("Environment") for word in shlex.split(line)]
        return dict(word.split("=", 1) for word in words)


def read_unit(path: Path, *, instance: str = "", replacements: Mapping[str, str] | None = None) -> UnitFile:
    """The unit in the file `path`; `%i` is `instance`, and each key of `replacements` is its value.

    Raises ValueError for a line that is no setting.
    """
    text = path.read_text(encoding="utf-8").replace("%i", instance)
    for before, after in (replacements or {}).items():
        text = text.replace(before, after)
    values: dict[tuple[str, str], tuple[str, ...]] = {}
    section = ""
    for line in text.splitlines():
        if not line.strip() or line[0] in "#;":
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        name, is_setting, value = line.partition("=")
        if not is_setting:
            raise ValueError(f"{path}: {line!r} is no setting")
        key = (section, name.strip())
        values[key] = (*values.get(key, ()), value.strip()) if value.strip() else ()
    return UnitFile(path.name.replace("@.", f"@{instance}."), values)
