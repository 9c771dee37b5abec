"""The defaults that depend on the machine: where the sockets are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path


def worked_out(name: str, value_of: Callable[[str], object], environ: Mapping[str, str]) -> str:
    """The default of the setting `name`, given the other settings and the environment; an absolute path."""
    if name == "media.socket":
        return str(Path(str(value_of("general.control_socket"))).absolute().parent / "media.sock")
    assert name == "general.control_socket", name
    return str(_runtime_directory(str(value_of("database.url")), environ) / "callengine.sock")


def _runtime_directory(url: str, environ: Mapping[str, str]) -> Path:
    """systemd's RUNTIME_DIRECTORY may hold several, separated by colons: the first is ours."""
    first = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if first:
        return Path(first)
    file = sqlite_file(url)
    return Path(os.path.abspath(file)).parent if file else Path.cwd()


def sqlite_file(url: str) -> str:
    """The path in a SQLite URL; empty for a database in memory or of another kind."""
    if not url.startswith("sqlite:"):
        return ""
    path = url.removeprefix("sqlite:").partition("?")[0]
    path = path.removeprefix("///") if path.startswith("///") else path.removeprefix("//")
    return "" if path == ":memory:" else path
