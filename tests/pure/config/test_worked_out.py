"""Defaults that depend on the machine."""

from pathlib import Path

import pytest

from callengine.config.worked_out import sqlite_file, worked_out


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///call_center.db", "call_center.db"),
        ("sqlite:////var/lib/c.db", "/var/lib/c.db"),
        ("sqlite:c.db", "c.db"),
        ("sqlite:/var/c.db", "/var/c.db"),
        ("sqlite:///c.db?mode=ro", "c.db"),
        ("sqlite://", ""),
        ("sqlite:///:memory:", ""),
        ("postgresql://h/d", ""),
    ],
)
def test_the_file_of_a_url(url: str, file: str) -> None:
    assert sqlite_file(url) == file


@pytest.mark.parametrize("url", ["sqlite:///call_center.db", "sqlite://", "postgresql://h/d"])
def test_without_a_directory_the_socket_is_here(url: str) -> None:
    found = worked_out("general.control_socket", lambda name: url, {})  # noqa: ARG005
    assert found == str(Path.cwd() / "callengine.sock")
