"""The declarations: complete, and the same as in config/settings.toml and in the typed attributes."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from callengine.config import load
from callengine.config.schema import OTHER_NAMES, SECTIONS, TABLES, declared, setting_named

SETTINGS = Path(__file__).parents[3] / "config" / "settings.toml"


def commented() -> dict[str, str]:
    """The full name, and the text of the value, of each key that settings.toml sets or could set."""
    section, found = "", {}
    for line in SETTINGS.read_text(encoding="utf-8").splitlines():
        if table := re.fullmatch(r"(?:# )?\[(?:default\.)?(.+)\]", line):
            section = table[1]
        elif setting := re.fullmatch(r"(?:# )?([a-z_0-9]+) =(.*)", line):
            found[f"{section}.{setting[1]}"] = setting[2].strip()
    return found


def all_names() -> list[str]:
    fixed = [f"{section}.{key}" for section, kind in SECTIONS.items() for key in declared(kind)]
    return fixed + [f"{table}.support.{key}" for table, kind in TABLES.items() for key in declared(kind)]


def test_every_setting_stands_in_the_file() -> None:
    assert [name for name in commented() if not name.startswith("development.")] == all_names()


@pytest.mark.parametrize("name", all_names())
def test_the_file_tells_the_default(name: str) -> None:
    setting, text = setting_named(name), commented()[name]
    assert setting is not None
    if setting.same_as or setting.worked_out:
        assert text == ""
        assert f"# Default: {setting.same_as or setting.worked_out}." in SETTINGS.read_text(encoding="utf-8")
    elif setting.default is not None:
        assert json.loads(text) == setting.default


def test_the_file_sets_only_what_has_no_default() -> None:
    assert tomllib.loads(SETTINGS.read_text(encoding="utf-8")) == {
        "default": {section: {} for section in SECTIONS}
        | {"queues": {"support": {}}, "numbers": {"support": {"destination": "queue:support"}}},
        "development": {"security": {"open_inbound": True}},
    }


@pytest.mark.parametrize("name", all_names())
def test_every_default_is_allowed_and_every_setting_explained(name: str) -> None:
    setting = setting_named(name)
    assert setting is not None
    assert setting.meaning.endswith(".")
    assert setting.kind.allowed
    if setting.default is not None:
        setting.kind.read(setting.default)


def test_other_names_lead_to_settings() -> None:
    for other, name in OTHER_NAMES.items():
        assert setting_named(other) is None
        assert setting_named(name) is not None


def test_defaults_by_attribute() -> None:
    settings = load(environ={}, directory=SETTINGS.parent)
    assert settings.general.domain == settings.general.registrar_domain == "call-center.local"
    assert settings.sip.host == settings.sip.advertised_host == settings.media.host == "127.0.0.1"
    assert settings.queues["support"].capacity == 100
    assert settings.queues["support"].strategy == "round_robin"
    assert settings.numbers["support"].destination == "queue:support"
    assert settings.security.digest_algorithms == ("MD5",)
    assert settings.log.rotation == 100_000_000
    assert settings.environment == "development"
    assert settings.security.open_inbound is True


def test_settings_are_frozen() -> None:
    settings = load(environ={}, directory=SETTINGS.parent)
    with pytest.raises(AttributeError):
        settings.general.domain = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.queues["x"] = settings.queues["support"]  # type: ignore[index]
