"""What all models share: the declarative base, the names of constraints, and the types of columns.

Text that came over the wire may hold bytes that are no UTF-8 (kept by `surrogateescape`, as the SIP parser
does) or a NUL; neither database takes those. `WireText` and `JsonText` store them all the same and give them
back unchanged.
"""

import json
from collections.abc import Callable, Iterable
from typing import Annotated, Any, cast

from sqlalchemy import BigInteger, CheckConstraint, Double, Integer, MetaData, String, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator

_PRIVATE_USE = 0x10FE00
"""Start of the private-use characters that stand for a NUL and for the bytes 0x80 to 0xFF."""

_TO_STORED = {0: _PRIVATE_USE} | {0xDC00 + byte: _PRIVATE_USE + byte for byte in range(0x80, 0x100)}
_FROM_STORED = {stored: character for character, stored in _TO_STORED.items()}

_to_json = json.JSONEncoder(separators=(",", ":")).encode


class WireText(TypeDecorator[str]):
    """Text as it came over the wire: undecodable bytes and NULs survive the way through the database."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:  # noqa: ARG002
        return _escape

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002
        return _restore


class JsonText(TypeDecorator[Any]):
    """Any JSON value, stored as compact ASCII text; None is stored as NULL."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str | None]:  # noqa: ARG002
        return lambda value: None if value is None else _to_json(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002
        return lambda stored: None if stored is None else json.loads(stored)


def _escape(value: str | None) -> str | None:
    if value is None or (value.isascii() and "\0" not in value):
        return value
    return value.translate(_TO_STORED)


def _restore(stored: Any) -> Any:
    if stored is None or stored.isascii():
        return stored
    return stored.translate(_FROM_STORED)


KEY_TYPE = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only for a key that is exactly INTEGER."""

Key = Annotated[int, mapped_column(KEY_TYPE, primary_key=True)]
HexKey = Annotated[str, mapped_column(String(32), primary_key=True)]
HexReference = Annotated[str, mapped_column(String(32))]
Wire = Annotated[str, mapped_column(WireText)]
Json = Annotated[Any, mapped_column(JsonText)]
Small = Annotated[int, mapped_column(Integer)]


class Base(DeclarativeBase):
    """Every durable noun; its constraints are named, so that a migration can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: KEY_TYPE, float: Double(), str: Text()}


def table_of(model: type[Base]) -> Table:
    """The table of a model, for Core statements where a call passes."""
    return cast(Table, model.__table__)


def one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    """A CHECK that `column` holds one of `words` (NULL passes where the column allows it)."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def at_least(column: str, least: int) -> CheckConstraint:
    """A CHECK that `column` is not below `least`."""
    return CheckConstraint(f"{column} >= {least}", name=column)


def more_than(column: str, bound: int) -> CheckConstraint:
    """A CHECK that `column` is above `bound`."""
    return CheckConstraint(f"{column} > {bound}", name=column)


def between(column: str, least: int, most: int) -> CheckConstraint:
    """A CHECK that `column` lies between `least` and `most`, both included."""
    return CheckConstraint(f"{column} BETWEEN {least} AND {most}", name=column)


def port(column: str) -> CheckConstraint:
    """A CHECK that `column` holds a port number (0 in a session description refuses the stream)."""
    return between(column, 0, 65535)
