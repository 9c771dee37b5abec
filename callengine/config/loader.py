"""Reads the settings: gathers the layers, checks everything once, and freezes the result.

The layers, each over the one before: config/settings.toml, config/.secrets.toml, the file that
CALLENGINE_SETTINGS names, the variables CALLENGINE_<SECTION>__<KEY>. In a file, the table of the environment
that CALLENGINE_ENV chooses lies over [default].
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from callengine.config.declaration import Setting
from callengine.config.layers import Given, Tree, from_file, from_variables, merge, tree_of
from callengine.config.problems import unknown, wrong
from callengine.config.rules import DEFAULT, breaches
from callengine.config.schema import ENVIRONMENTS, NAMES, SECTIONS, TABLES, Settings, declared
from callengine.config.worked_out import worked_out
from callengine.errors import SettingsError


def control_socket(environ: Mapping[str, str] = os.environ) -> str:
    """`general.control_socket` alone, by which a running service is reached while other settings are wrong.

    Raises SettingsError if a file cannot be read, or this setting is wrong itself.
    """
    problems: list[str] = []
    tree, _ = _gathered(environ, settings_directory(environ), problems)
    if problems:
        raise SettingsError(problems)
    path = _Reading(tree, environ, problems).one("general.control_socket")
    if problems:
        raise SettingsError(problems)
    return str(path)


def load(
    environ: Mapping[str, str] = os.environ,
    directory: Path | str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings of this installation.

    `directory` holds settings.toml and .secrets.toml; by default it is found by `settings_directory()`.
    `overrides` is a last layer, given by a program that embeds callengine: tables as in a file, without
    environments. Raises SettingsError with all problems at once.
    """
    problems: list[str] = []
    where = Path(directory) if directory else settings_directory(environ)
    tree, environment = _gathered(environ, where, problems)
    if overrides:
        merge(tree, tree_of(overrides, "the program"))
    return _Reading(tree, environ, problems).settings(environment, os.path.abspath(where))


def _gathered(environ: Mapping[str, str], directory: Path, problems: list[str]) -> tuple[Tree, str]:
    """The layers of files and variables, merged, and the name of the environment."""
    environment = _environment(environ, problems)
    tree: Tree = {}
    for path in _files(environ, directory, problems):
        for layer in from_file(path, environment, problems):
            merge(tree, layer)
    for layer in from_variables(environ, tree):
        merge(tree, layer)
    return tree, environment


def settings_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where settings.toml lies: the directory that CALLENGINE_CONFIG names, else config/ in the current
    directory if settings.toml is there, else the one that came with callengine.
    """
    named = environ.get("CALLENGINE_CONFIG")
    if named:
        return Path(named)
    package = Path(__file__).resolve().parent.parent
    for directory in (Path.cwd() / "config", package.parent / "config"):
        if os.path.isfile(directory / "settings.toml"):
            return directory
    return package / "_config"


def _environment(environ: Mapping[str, str], problems: list[str]) -> str:
    environment = environ.get("CALLENGINE_ENV") or "development"
    if environment not in ENVIRONMENTS:
        problems.append(f"CALLENGINE_ENV = {environment!r}: must be one of {', '.join(ENVIRONMENTS)}")
    return environment


def _files(environ: Mapping[str, str], directory: Path, problems: list[str]) -> list[Path]:
    """The files that there are; one named by CALLENGINE_SETTINGS must be there."""
    files = [path for path in (directory / "settings.toml", directory / ".secrets.toml") if path.exists()]
    if environ.get("CALLENGINE_CONFIG") == str(directory) and not files:
        problems.append(
            f"CALLENGINE_CONFIG = {str(directory)!r}: there is no settings.toml in that directory"
        )
    named = environ.get("CALLENGINE_SETTINGS")
    if named:
        if not named.endswith(".toml"):
            problems.append(f"CALLENGINE_SETTINGS = {named!r}: must name a file that ends in .toml")
        else:
            files.append(Path(named))
    return files


class _Reading:
    """One pass over the merged tree: finds each setting's value and source, and collects what is wrong.

    A wrong value is told once; in its place the default stands, so that the other checks can go on, and no
    rule that rests on it is tried.
    """

    def __init__(self, tree: Tree, environ: Mapping[str, str], problems: list[str]) -> None:
        self._tree = tree
        self._environ = environ
        self._problems = problems
        self._wrong: set[str] = set()
        self._values: dict[str, Any] = {}
        self._sources: dict[str, str] = {}

    def settings(self, environment: str, directory: str) -> Settings:
        """The finished settings; raises SettingsError if anything is wrong."""
        for section in self._tree.keys() - SECTIONS.keys() - TABLES.keys():
            self._refuse_unknown(section, self._tree[section])
        parts: dict[str, Any] = {name: self._section(name, kind) for name, kind in SECTIONS.items()}
        parts |= {name: self._named_tables(name, kind) for name, kind in TABLES.items()}
        settings = Settings(
            **parts,
            directory=directory,
            environment=environment,
            sources=MappingProxyType(self._sources),
        )
        for breach in breaches(settings):
            if not self._wrong.intersection((breach.name, *breach.beside)):
                self._problems.append(
                    wrong(breach.name, self._values[breach.name], breach.reason, self._sources[breach.name])
                )
        if self._problems:
            raise SettingsError(self._problems)
        return settings

    def one(self, name: str) -> Any:
        """One setting's value, whatever is wrong elsewhere."""
        section, key = name.split(".")
        return self._value(name, declared(SECTIONS[section])[key])

    def _section(self, name: str, kind: type) -> Any:
        table = self._table(name, self._tree.get(name, {}))
        return self._filled(name, kind, table)

    def _named_tables(self, section: str, kind: type) -> Mapping[str, Any]:
        tables = {}
        for name, value in self._table(section, self._tree.get(section, {})).items():
            full = f"{section}.{name}"
            table = self._table(full, value)
            try:
                NAMES[section].read(name)
            except ValueError:
                self._problems.append(f"{section}.{name!r}: the name must be {NAMES[section].allowed}")
                continue
            tables[name] = self._filled(full, kind, table)
        return MappingProxyType(tables)

    def _table(self, name: str, value: Any) -> Tree:
        if isinstance(value, Given):
            self._problems.append(wrong(name, value.value, "must be a table", value.source))
            return {}
        return dict(value)

    def _filled(self, prefix: str, kind: type, table: Tree) -> Any:
        settings = declared(kind)
        for key in table.keys() - settings.keys():
            self._refuse_unknown(f"{prefix}.{key}", table[key])
        return kind(**{key: self._value(f"{prefix}.{key}", setting) for key, setting in settings.items()})

    def _refuse_unknown(self, name: str, value: Any) -> None:
        if isinstance(value, Given):
            self._problems.append(unknown(name, value.value, value.source))
        for key, inner in value.items() if isinstance(value, dict) else ():
            self._refuse_unknown(f"{name}.{key}", inner)

    def _value(self, name: str, setting: Setting) -> Any:
        """The setting's value, found once: given, or by default."""
        if name not in self._values:
            given = self._given(name)
            self._values[name] = self._read(name, setting, given) if given else self._default(name, setting)
        return self._values[name]

    def _given(self, name: str) -> Given | None:
        section, *between, key = name.split(".")
        table = self._tree.get(section)
        if between and isinstance(table, dict):
            table = table.get(".".join(between))
        value = table.get(key) if isinstance(table, dict) else None
        return Given({}, _first_source(value)) if isinstance(value, dict) else value

    def _read(self, name: str, setting: Setting, given: Given) -> Any:
        self._sources[name] = given.source
        try:
            return setting.kind.read(given.value)
        except ValueError:
            self._wrong.add(name)
            self._problems.append(wrong(name, given.value, f"must be {setting.kind.allowed}", given.source))
            return self._default(name, setting)

    def _default(self, name: str, setting: Setting) -> Any:
        if setting.same_as:
            self._sources.setdefault(name, f"same as {setting.same_as}")
            return self._of(setting.same_as, name)
        self._sources.setdefault(name, DEFAULT)
        if setting.worked_out:
            return worked_out(name, lambda other: self._of(other, name), self._environ)
        if setting.default is None:
            self._refuse_missing(name, setting)
            return ""
        return setting.kind.read(setting.default)

    def _of(self, other: str, for_name: str) -> Any:
        section, key = other.split(".")
        value = self._value(other, declared(SECTIONS[section])[key])
        if other in self._wrong:
            self._wrong.add(for_name)
        return value

    def _refuse_missing(self, name: str, setting: Setting) -> None:
        if name not in self._wrong:
            self._wrong.add(name)
            self._problems.append(f"{name} is missing: must be {setting.kind.allowed}")


def _first_source(value: Any) -> str:
    while isinstance(value, dict) and value:
        value = next(iter(value.values()))
    return value.source if isinstance(value, Given) else ""
