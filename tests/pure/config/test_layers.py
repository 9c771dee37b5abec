"""Layers: files and variables as trees, and the one rule by which they merge."""

from pathlib import Path

import pytest

from callengine.config.layers import Given, Tree, from_file, from_variables, merge, tree_of


def values(tree: Tree) -> dict[str, object]:
    """The tree with bare values."""
    return {key: inner.value if isinstance(inner, Given) else values(inner) for key, inner in tree.items()}


def file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_tables_merge_by_key_and_lists_replace() -> None:
    tree = tree_of({"sip": {"port": 1, "host": "a"}, "security": {"digest_algorithms": ["MD5"]}}, "below")
    merge(tree, tree_of({"sip": {"port": 2}, "security": {"digest_algorithms": ["SHA-256"]}}, "above"))
    assert values(tree) == {"sip": {"port": 2, "host": "a"}, "security": {"digest_algorithms": ["SHA-256"]}}
    assert tree["sip"]["port"].source == "above"
    assert tree["sip"]["host"].source == "below"


def test_merging_changes_no_layer_but_the_lowest() -> None:
    below: Tree = {}
    first, second = tree_of({"a": {"x": 1}}, "first"), tree_of({"a": {"x": 2}}, "second")
    merge(below, first)
    merge(below, second)
    assert values(first) == {"a": {"x": 1}}


def test_a_table_over_a_value_and_a_value_over_a_table() -> None:
    tree = tree_of({"a": 1, "b": {"x": 1}}, "below")
    merge(tree, tree_of({"a": {"y": 2}, "b": 3}, "above"))
    assert values(tree) == {"a": {"y": 2}, "b": 3}


def test_the_other_name_of_the_port() -> None:
    tree = tree_of({"general": {"port": 5070, "domain": "d"}}, "x")
    assert values(tree) == {"general": {"domain": "d"}, "sip": {"port": 5070}}


def test_a_file_gives_default_and_environment(tmp_path: Path) -> None:
    path = file(
        tmp_path / "s.toml",
        '[default.general]\ndomain = "a"\n[production.general]\ndomain = "b"\n'
        '[testing.general]\ndomain = "c"\n'
        '[default.queues.VIP]\ncapacity = 5\n[default.numbers."+1555"]\ndestination = "queue:VIP"\n',
    )
    problems: list[str] = []
    below, above = from_file(path, "production", problems)
    assert values(below) == {
        "general": {"domain": "a"},
        "queues": {"VIP": {"capacity": 5}},
        "numbers": {"+1555": {"destination": "queue:VIP"}},
    }
    assert values(above) == {"general": {"domain": "b"}}
    assert above["general"]["domain"].source == f"{path} [production]"
    assert problems == []


@pytest.mark.parametrize(
    "text",
    ["[default", "x = ", '[default.general]\ndomain = "a"\ndomain = "b"\n', "[default.general]\nx = \udcff"],
)
def test_a_file_that_is_no_toml_is_one_problem(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    problems: list[str] = []
    assert list(from_file(path, "production", problems)) == []
    assert len(problems) == 1
    assert str(path) in problems[0]
    assert "\n" not in problems[0]


def test_a_file_is_shown_as_one_would_type_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(tmp_path / "s.toml", "[default.sip]\nport = 1\n")
    for here, shown in ((tmp_path, "s.toml"), (Path("/"), str(path)), (Path("/usr"), str(path))):
        monkeypatch.chdir(here)
        (layer,) = from_file(path, "production", [])
        assert layer["sip"]["port"].source == f"{shown} [default]"


def test_a_file_with_another_table(tmp_path: Path) -> None:
    problems: list[str] = []
    path = file(tmp_path / "s.toml", '[prodution.general]\ndomain = "x"\n')
    assert list(from_file(path, "production", problems)) == []
    assert problems == [
        f"{path} [prodution]: must be one of the tables default, development, testing, production"
    ]


def variables(environ: dict[str, str], below: Tree | None = None) -> dict[str, object]:
    tree: Tree = below or {}
    for layer in from_variables(environ, tree):
        merge(tree, layer)
    return values(tree)


def test_variables_for_text_are_taken_as_they_stand() -> None:
    assert variables(
        {
            "CALLENGINE_GENERAL__CALL_CENTER_SERVICE": "+15551234",
            "CALLENGINE_GENERAL__DOMAIN": "0123",
            "CALLENGINE_LOG__FILE": "1e5",
            "CALLENGINE_LOG__LEVEL": "true",
        }
    ) == {
        "general": {"call_center_service": "+15551234", "domain": "0123"},
        "log": {"file": "1e5", "level": "true"},
    }


def test_other_variables_are_typed() -> None:
    assert variables(
        {
            "CALLENGINE_SIP__PORT": "5070",
            "CALLENGINE_GENERAL__BYE_TIMEOUT_SECONDS": "0.5",
            "CALLENGINE_DATABASE__ENABLE_WAL_MODE": "False",
            "CALLENGINE_SECURITY__DIGEST_ALGORITHMS": '["SHA-256", "MD5"]',
        }
    ) == {
        "sip": {"port": 5070},
        "general": {"bye_timeout_seconds": 0.5},
        "database": {"enable_wal_mode": False},
        "security": {"digest_algorithms": ["SHA-256", "MD5"]},
    }


def test_variables_find_a_name_in_its_own_case() -> None:
    below = tree_of({"queues": {"VIP": {"capacity": 1}}}, "x")
    assert variables({"CALLENGINE_QUEUES__VIP__CAPACITY": "2"}, below) == {"queues": {"VIP": {"capacity": 2}}}
    assert variables({"CALLENGINE_QUEUES__VIP__CAPACITY": "2"}) == {"queues": {"vip": {"capacity": 2}}}


def test_a_whole_table_comes_before_its_values() -> None:
    assert variables(
        {
            "CALLENGINE_QUEUES__VIP__CAPACITY": "2",
            "CALLENGINE_QUEUES__VIP": "{capacity = 1, wrap_up_seconds = 3}",
            "CALLENGINE_NUMBERS__+1555__DESTINATION": "queue:vip",
        }
    ) == {
        "queues": {"vip": {"capacity": 2, "wrap_up_seconds": 3}},
        "numbers": {"+1555": {"destination": "queue:vip"}},
    }


def test_the_two_that_are_no_settings_and_foreign_variables() -> None:
    assert (
        variables({"CALLENGINE_ENV": "x", "CALLENGINE_SETTINGS": "y", "HOME": "z", "CALLENGINE": "w"}) == {}
    )


def test_a_dynaconf_marker_is_not_obeyed() -> None:
    assert variables({"CALLENGINE_SIP__PORT": "@int 5"}) == {"sip": {"port": "@int 5"}}
