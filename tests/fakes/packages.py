"""Packages laid out in a directory as pip leaves them: a module, and a .dist-info that names entry points."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_strategy"


def install(directory: Path, name: str, strategies: Mapping[str, str], **modules: str) -> None:
    """A package with these strategies (entry point by name) and these modules (source by name)."""
    for module, source in modules.items():
        (directory / f"{module}.py").write_text(source, encoding="utf-8")
    info = directory / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"{key} = {value}" for key, value in strategies.items()]
    (info / "entry_points.txt").write_text("\n".join(["[callengine.routing]", *lines, ""]), encoding="utf-8")


def install_example(directory: Path) -> None:
    """The example package, as its pyproject.toml says."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))
    for module in project["tool"]["setuptools"]["py-modules"]:
        shutil.copy(EXAMPLE / f"{module}.py", directory)
    strategies = project["project"]["entry-points"]["callengine.routing"]
    install(directory, project["project"]["name"], strategies)
