"""Kinds of values: what each reads, what it refuses, how it shows."""

import pytest

from callengine.config.kinds import (
    Address,
    Choice,
    Choices,
    DatabaseUrl,
    Kind,
    Number,
    Size,
    Switch,
    Text,
    Whole,
    Words,
    mask_password,
)

WORDS = ("MD5", "SHA-256")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Text("anything"), "+15551234", "+15551234"),
        (Text("digits", r"[0-9]+"), "0123", "0123"),
        (Address(), "192.0.2.1", "192.0.2.1"),
        (Whole(1, 10), 10, 10),
        (Number(0, 10), 5, 5.0),
        (Number(0, 10), 0.5, 0.5),
        (Switch(), False, False),
        (Choice(("a", "b")), "b", "b"),
        (Choices(WORDS), ["SHA-256", "MD5"], ("SHA-256", "MD5")),
        (Words("words"), [], ()),
        (Words("words"), ["lunch", "long break"], ("lunch", "long break")),
        (Size(), "100 MB", 100_000_000),
        (Size(), "1kB", 1000),
        (DatabaseUrl(), "sqlite:x.db", "sqlite:x.db"),
        (DatabaseUrl(), "sqlite://", "sqlite://"),
        (DatabaseUrl(), "postgresql://u@h/db", "postgresql://u@h/db"),
    ],
)
def test_reads(kind: Kind, value: object, expected: object) -> None:
    assert kind.read(value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Text("anything"), 5),
        (Text("anything"), "a\nb"),
        (Text("anything", longest=3), "abcd"),
        (Text("digits", r"[0-9]+"), "12\n"),
        (Address(), "localhost"),
        (Address(), "::1"),
        (Address(), "192.0.2.256"),
        (Address(), 1),
        (Whole(1, 10), 11),
        (Whole(1, 10), 0),
        (Whole(1, 10), 5.0),
        (Whole(0, 10), True),
        (Whole(0, 10), "5"),
        (Number(0, 10), float("nan")),
        (Number(0, 10), float("inf")),
        (Number(0, 10), False),
        (Number(0, 10), "5"),
        (Switch(), 1),
        (Switch(), "yes"),
        (Choice(("a", "b")), "c"),
        (Choice(("a", "b")), 1),
        (Choices(WORDS), []),
        (Choices(WORDS), "MD5"),
        (Choices(WORDS), ["MD5", "MD5"]),
        (Choices(WORDS), ["SHA-512"]),
        (Choices(WORDS), [["MD5"]]),
        (Words("words"), "lunch"),
        (Words("words"), ["lunch", "lunch"]),
        (Words("words"), [" "]),
        (Words("words"), ["two\nlines"]),
        (Words("words"), [5]),
        (Words("words", longest=3), ["four"]),
        (Size(), "0 MB"),
        (Size(), "100"),
        (Size(), 100),
        (DatabaseUrl(), "mysql://h/db"),
        (DatabaseUrl(), "sqlite:"),
    ],
)
def test_refuses(kind: Kind, value: object) -> None:
    assert kind.allowed
    with pytest.raises(ValueError):  # noqa: PT011 (no message: the loader writes it)
        kind.read(value)


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (Number(0, 10), 5.0, 5),
        (Number(0, 10), 0.5, 0.5),
        (Size(), 100_000_000, "100 MB"),
        (Size(), 1500_000, "1500 kB"),
        (Choices(WORDS), ("MD5",), ["MD5"]),
        (Words("words"), ("lunch",), ["lunch"]),
        (Text("anything"), "x", "x"),
    ],
)
def test_shows_as_a_file_would_have_it(kind: Kind, value: object, shown: object) -> None:
    assert kind.show(value) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@h:5432/db", "postgresql://ann:***@h:5432/db"),
        ("postgresql://ann:s@cr@h/db", "postgresql://ann:***@h/db"),
        ("postgresql://ann@h/db?password=secret&x=1", "postgresql://ann@h/db?password=***&x=1"),
        ("postgresql://h/db", "postgresql://h/db"),
        ("sqlite:///a@b:c.db", "sqlite:///a@b:c.db"),
    ],
)
def test_passwords_in_urls_are_masked(url: str, shown: str) -> None:
    assert mask_password(url) == shown
    assert DatabaseUrl().show(url) == shown
