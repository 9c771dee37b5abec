"""Loading: the layers in their order, and everything wrong refused at once."""

from pathlib import Path
from typing import Any

import pytest

from callengine.config import Settings, load
from callengine.config.describe import described
from callengine.config.loader import control_socket, settings_directory
from callengine.errors import SettingsError

BASE = """
[default.general]
domain = "base.example"
local_ip = "192.0.2.1"
bye_timeout_seconds = 11
[default.queues.support]
capacity = 7
[default.numbers.support]
destination = "queue:support"
"""


def directory(tmp_path: Path, text: str = BASE, secrets: str = "") -> Path:
    (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
    if secrets:
        (tmp_path / ".secrets.toml").write_text(secrets, encoding="utf-8")
    return tmp_path


def changed(before: Settings, after: Settings) -> dict[str, object]:
    """The settings that differ, by name, with their new value; sockets follow the database's place."""
    old = {shown.name: shown.value for shown in described(before)}
    return {shown.name: shown.value for shown in described(after) if old.get(shown.name) != shown.value}


def problems(environ: dict[str, str], where: Path | None = None, **overrides: Any) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(environ=environ, directory=where or settings_directory(), overrides=overrides)
    return caught.value.problems


def test_each_layer_changes_its_own_and_nothing_else(tmp_path: Path) -> None:
    production = """
[production.general]
domain = "production.example"
local_ip = "192.0.2.2"
bye_timeout_seconds = 12
[production.queues.support]
capacity = 8
"""
    named = tmp_path / "named.toml"
    named.write_text(production.replace("production", "testing").replace("= 8", "= 9"), encoding="utf-8")
    variables = {
        "CALLENGINE_GENERAL__DOMAIN": "variable.example",
        "CALLENGINE_GENERAL__LOCAL_IP": "192.0.2.4",
        "CALLENGINE_GENERAL__BYE_TIMEOUT_SECONDS": "14",
        "CALLENGINE_QUEUES__SUPPORT__CAPACITY": "10",
    }
    where = directory(tmp_path, BASE + production)
    base = load(environ={"CALLENGINE_ENV": "development"}, directory=where)
    assert base.general.domain == "base.example"
    assert base.queues["support"].capacity == 7

    def expected(domain: str, ip: str, timeout: int, capacity: int) -> dict[str, object]:
        names = ("general.local_ip", "sip.host", "sip.advertised_host", "media.host")
        return {
            "general.domain": domain,
            "general.registrar_domain": domain,
            **dict.fromkeys(names, ip),
            "general.bye_timeout_seconds": timeout,
            "queues.support.capacity": capacity,
        }

    production_settings = load(environ={"CALLENGINE_ENV": "production"}, directory=where)
    assert changed(base, production_settings) == expected("production.example", "192.0.2.2", 12, 8)

    file = {"CALLENGINE_ENV": "testing", "CALLENGINE_SETTINGS": str(named)}
    assert changed(base, load(environ=file, directory=where)) == expected(
        "testing.example", "192.0.2.2", 12, 9
    )

    for below in ({"CALLENGINE_ENV": "development"}, {"CALLENGINE_ENV": "production"}, file):
        over = load(environ=below | variables, directory=where)
        assert changed(base, over) == expected("variable.example", "192.0.2.4", 14, 10)
        assert over.sources["queues.support.capacity"] == "variable CALLENGINE_QUEUES__SUPPORT__CAPACITY"


def test_the_order_of_the_files(tmp_path: Path) -> None:
    where = directory(
        tmp_path, BASE, '[default.general]\ndomain = "secret.example"\ncall_center_service = "s"\n'
    )
    assert load(environ={}, directory=where).general.domain == "secret.example"
    named = tmp_path / "n.toml"
    named.write_text('[default.general]\ndomain = "named.example"\n', encoding="utf-8")
    settings = load(environ={"CALLENGINE_SETTINGS": str(named)}, directory=where)
    assert settings.general.domain == "named.example"
    assert settings.general.call_center_service == "s"
    assert settings.general.bye_timeout_seconds == 11


def test_a_layer_adds_a_queue_and_changes_one_value_of_another(tmp_path: Path) -> None:
    text = (
        BASE
        + "[production.queues.vip]\nwrap_up_seconds = 5\n[production.queues.support]\nwrap_up_seconds = 6\n"
    )
    settings = load(environ={"CALLENGINE_ENV": "production"}, directory=directory(tmp_path, text))
    assert {name: (queue.capacity, queue.wrap_up_seconds) for name, queue in settings.queues.items()} == {
        "support": (7, 6),
        "vip": (100, 5),
    }


def test_lists_replace(tmp_path: Path) -> None:
    text = BASE + '[default.security]\ndigest_algorithms = ["MD5"]\n[production.security]\n'
    where = directory(tmp_path, text + 'digest_algorithms = ["SHA-256", "MD5"]\n')
    production = {"CALLENGINE_ENV": "production"}
    assert load(environ=production, directory=where).security.digest_algorithms == ("SHA-256", "MD5")
    variable = {"CALLENGINE_SECURITY__DIGEST_ALGORITHMS": '["SHA-256"]'}
    assert load(environ=production | variable, directory=where).security.digest_algorithms == ("SHA-256",)


def test_text_stays_text() -> None:
    environ = {
        "CALLENGINE_GENERAL__CALL_CENTER_SERVICE": "+15551234",
        "CALLENGINE_NUMBERS__0123__DESTINATION": "hangup:404",
        "CALLENGINE_NUMBERS__+1555__DESTINATION": "queue:support",
    }
    settings = load(environ=environ, directory=settings_directory())
    assert settings.general.call_center_service == "+15551234"
    assert set(settings.numbers) == {"support", "0123", "+1555"}


def test_the_program_may_override() -> None:
    settings = load(environ={}, directory=settings_directory(), overrides={"sip": {"port": 5090}})
    assert settings.sip.port == 5090
    assert settings.sources["sip.port"] == "the program"


def test_general_port_is_another_name(tmp_path: Path) -> None:
    where = directory(tmp_path, BASE + "[default.sip]\nport = 5061\n")
    assert load(environ={"CALLENGINE_GENERAL__PORT": "5062"}, directory=where).sip.port == 5062


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = (
        BASE
        + '[production.general]\ndomian = "x"\n[production.sip]\nport = "x"\n[production.quues.a]\nb = 1\n'
    )
    where = directory(tmp_path, text)
    found = problems(
        {
            "CALLENGINE_ENV": "production",
            "CALLENGINE_LOG__FORMAT": "xml",
            "CALLENGINE_DATABASE_URL": "sqlite:x",
        },
        where,
    )
    file = f"{where}/settings.toml [production]"
    assert sorted(found) == [
        'database_url = "sqlite:x": there is no such setting; did you mean CALLENGINE_DATABASE__URL?'
        " (set in variable CALLENGINE_DATABASE_URL)",
        f'general.domian = "x": there is no such setting; did you mean general.domain? (set in {file})',
        'log.format = "xml": must be one of text, json (set in variable CALLENGINE_LOG__FORMAT)',
        f"quues.a.b = 1: there is no such setting (set in {file})",
        f'sip.port = "x": must be a whole number from 1 to 65535 (set in {file})',
    ]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"ENV": "staging"}, "CALLENGINE_ENV = 'staging': must be one of development, testing, production"),
        ({"SETTINGS": "/nowhere/x.toml"}, "/nowhere/x.toml: cannot be read: "),
        ({"SETTINGS": "x.yaml"}, "CALLENGINE_SETTINGS = 'x.yaml': must name a file that ends in .toml"),
        ({"SIP": "5"}, "sip = 5: must be a table (set in variable CALLENGINE_SIP)"),
        ({"QUEUES__SUPPORT": "5"}, "queues.support = 5: must be a table "),
        ({"SIP__PORT": "{a = 1}"}, "sip.port = {}: must be a whole number "),
        ({"SIP__PORT": "true"}, "sip.port = true: must be a whole number from 1 to 65535 "),
        ({"SECURITY__DIGEST_ALGORITHMS": "MD5"}, 'security.digest_algorithms = "MD5": must be a list '),
        (
            {"SECURITY__DIGEST_ALGORITHMS": "[]"},
            "security.digest_algorithms = []: must be a list of one or more ",
        ),
        ({"QUEUES__A B__CAPACITY": "1"}, "queues.'a b': the name must be "),
        ({"NUMBERS__X": "{}"}, "numbers.x.destination is missing: must be queue:NAME, agent:NAME, "),
        (
            {"NUMBERS__X__DESTINATION": "hangup:200"},
            'numbers.x.destination = "hangup:200": must be queue:NAME, ',
        ),
        ({"QUEUES__SUPPORT__CAPACTY": "5"}, "did you mean CALLENGINE_QUEUES__SUPPORT__CAPACITY?"),
        ({"SIP__PASSWORD": "hunter2"}, "sip.password = ***: there is no such setting"),
    ],
)
def test_refusals(variables: dict[str, str], told: str) -> None:
    (problem,) = problems({f"CALLENGINE_{name}": value for name, value in variables.items()})
    assert told in problem


def test_a_wrong_value_is_told_once_and_breaks_no_other_rule() -> None:
    found = problems({"CALLENGINE_GENERAL__LOCAL_IP": "not an address"})
    assert len(found) == 1
    assert found[0].startswith('general.local_ip = "not an address": must be an IPv4 address')


def test_the_control_socket_lies_in_the_runtime_directory(tmp_path: Path) -> None:
    environ = {"CALLENGINE_DATABASE__URL": f"sqlite:///{tmp_path}/a.db"}
    beside = load(environ=environ, directory=settings_directory())
    assert beside.general.control_socket == f"{tmp_path}/callengine.sock"
    assert beside.media.socket == f"{tmp_path}/media.sock"
    run = load(
        environ=environ | {"RUNTIME_DIRECTORY": "/run/callengine:/run/x"}, directory=settings_directory()
    )
    assert run.general.control_socket == "/run/callengine/callengine.sock"
    own = load(
        environ=environ | {"CALLENGINE_GENERAL__CONTROL_SOCKET": "/srv/c.sock"},
        directory=settings_directory(),
    )
    assert own.media.socket == "/srv/media.sock"


def test_the_control_socket_is_found_beside_wrong_settings(tmp_path: Path) -> None:
    where = directory(tmp_path, BASE + '[default.sip]\nport = "x"\nprot = 1\n')
    environ = {"CALLENGINE_CONFIG": str(where), "CALLENGINE_GENERAL__CONTROL_SOCKET": "/run/c.sock"}
    with pytest.raises(SettingsError):
        load(environ)
    assert control_socket(environ) == "/run/c.sock"


def test_a_control_socket_that_cannot_be_known_is_refused(tmp_path: Path) -> None:
    broken = directory(tmp_path, BASE + "[default.sip\n")
    with pytest.raises(SettingsError, match=r"settings\.toml"):
        control_socket({"CALLENGINE_CONFIG": str(broken)})
    with pytest.raises(SettingsError, match="control_socket"):
        control_socket({"CALLENGINE_GENERAL__CONTROL_SOCKET": ""})


def test_where_settings_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = Path(__file__).parents[3] / "config"
    monkeypatch.chdir(tmp_path)
    assert settings_directory() == checkout
    (tmp_path / "config").mkdir()
    directory(tmp_path / "config")
    assert settings_directory() == tmp_path / "config"
    assert load(environ={}).sources["general.domain"] == "config/settings.toml [default]"


def test_the_directory_of_the_defaults_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, named = tmp_path / "here", tmp_path / "named"
    for directory, port in ((here / "config", 5071), (named, 5072)):
        directory.mkdir(parents=True)
        (directory / "settings.toml").write_text(f"[default.sip]\nport = {port}\n")
    monkeypatch.chdir(here)
    assert load({}).sip.port == 5071
    assert load({"CALLENGINE_CONFIG": str(named)}).sip.port == 5072


def test_a_named_directory_without_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"CALLENGINE_CONFIG.*no settings\.toml"):
        load({"CALLENGINE_CONFIG": str(tmp_path)})
