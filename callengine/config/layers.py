"""The layers that settings come from: files and environment variables, read and typed by dynaconf.

A layer is a tree of tables. `merge` puts one over another by the one rule that holds everywhere: tables merge
by key, everything else (lists too) is replaced. Each value keeps where it was set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from callengine.config.schema import ENVIRONMENTS, OTHER_NAMES, TABLES, setting_named

PREFIX = "CALLENGINE_"
NOT_SETTINGS = frozenset({"CALLENGINE_CONFIG", "CALLENGINE_ENV", "CALLENGINE_SETTINGS"})


@dataclass(frozen=True)
class Given:
    """A value somebody set, and where: a file with its environment, or a variable."""

    value: object
    source: str


Tree = dict[str, Any]
"""Tables in tables, with a `Given` at each leaf."""


def merge(below: Tree, above: Tree) -> None:
    """Put the tree `above` over `below`, in place."""
    for key, value in above.items():
        if isinstance(value, dict):
            table = below.get(key)
            if not isinstance(table, dict):
                table = below[key] = {}
            merge(table, value)
        else:
            below[key] = value


def tree_of(table: Mapping[str, Any], source: str) -> Tree:
    """A layer from plain tables; a setting's other name is replaced by its own."""
    tree = _marked(table, source)
    for other, name in OTHER_NAMES.items():
        section, key = other.split(".")
        if isinstance(tree.get(section), dict) and key in tree[section]:
            given = tree[section].pop(key)
            section, key = name.split(".")
            merge(tree, {section: {key: given}})
    return tree


def _marked(table: Mapping[str, Any], source: str) -> Tree:
    return {
        str(key): _marked(value, source) if isinstance(value, Mapping) else Given(value, source)
        for key, value in table.items()
    }


def from_file(path: Path, environment: str, problems: list[str]) -> Iterator[Tree]:
    """The file's layers, [default] below the chosen environment's; what is wrong with it is a problem."""
    shown = _shown(path)
    tables = {name.lower(): table for name, table in _tables(path, shown, problems).items()}
    for name, table in tables.items():
        if name not in ("default", *ENVIRONMENTS) or not isinstance(table, Mapping):
            problems.append(f"{shown} [{name}]: must be one of the tables default, {', '.join(ENVIRONMENTS)}")
    for name in ("default", environment):
        if isinstance(tables.get(name), Mapping):
            yield tree_of(tables[name], f"{shown} [{name}]")


def _tables(path: Path, shown: str, problems: list[str]) -> dict[str, Any]:
    """The file's top-level tables."""
    try:
        return _read(path, path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(f"{shown}: cannot be read: {' '.join(str(error).split())}")
        return {}


@lru_cache(maxsize=8)
def _read(path: Path, _text: str) -> dict[str, Any]:
    """The tables of the file, which holds this text; dynaconf spells their names in capitals.

    Kept, since a command reads the settings twice: where the service listens, then all of them.
    """
    from dynaconf import Dynaconf

    reader = Dynaconf(
        settings_files=[str(path)],
        environments=False,
        loaders=[],
        core_loaders=["TOML"],
        load_dotenv=False,
        envvar_prefix=False,
        dotted_lookup=False,
        merge_enabled=False,
        silent_errors=False,
    )
    tables: dict[str, Any] = reader.as_dict()
    tables.pop("LOAD_DOTENV", None)
    return tables


def _shown(path: Path) -> str:
    """The path as a reader would type it: relative if it lies below the current directory, but not /."""
    here = Path.cwd()
    path = path.absolute()
    return str(path.relative_to(here) if path.is_relative_to(here) and here != Path("/") else path)


def from_variables(environ: Mapping[str, str], below: Tree) -> Iterator[Tree]:
    """A layer for each variable CALLENGINE_<SECTION>__<KEY>; whole tables come before single values.

    A queue's or number's name is taken in whatever case `below` has it, else in lower case. The text of a
    variable is the value itself for settings that are text; otherwise dynaconf types it, as TOML.
    """
    names = [name for name in environ if name.startswith(PREFIX) and name not in NOT_SETTINGS]
    for name in sorted(names, key=lambda name: (name.count("__"), name)):
        path = _path(name, below)
        table: Any = typed(".".join(path), environ[name])
        for key in reversed(path):
            table = {key: table}
        yield tree_of(table, f"variable {name}")


def _path(variable: str, below: Tree) -> list[str]:
    path = variable.removeprefix(PREFIX).lower().split("__")
    if path[0] in TABLES and len(path) > 1:
        present = {name.lower(): name for name in below.get(path[0], {})}
        path[1] = present.get(path[1], path[1])
    return path


def typed(name: str, text: str) -> object:
    """The value that the text of a variable stands for, for the setting `name`."""
    from dynaconf.utils.parse_conf import boolean_fix, parse_conf_data

    setting = setting_named(OTHER_NAMES.get(name, name)) if "." in name else None
    if text.startswith("@") or (setting is not None and setting.kind.verbatim):
        return text
    return _plain(parse_conf_data(boolean_fix(text), tomlfy=True))


def _plain(value: Any) -> Any:
    """Plain dicts and lists instead of dynaconf's own."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
