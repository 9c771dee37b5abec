import pytest
from sqlalchemy import Engine, select

from callengine.db.base import Base, table_of
from callengine.db.models import Agent, Call, Leg, Queue
from tests.fakes import rows

WIRE = [
    "plain",
    "",
    "Zoë \N{GRINNING FACE}",
    b"Zo\xeb".decode(errors="surrogateescape"),
    "a\0b",
    bytes(range(256)).decode(errors="surrogateescape"),
]


@pytest.mark.parametrize("text", WIRE)
def test_text_from_the_wire_comes_back_unchanged(engine: Engine, text: str) -> None:
    with engine.begin() as connection:
        rows.store(connection, Agent, rows.agent())
        rows.store(connection, Queue, rows.queue())
        rows.store(connection, Call, rows.call(caller_name=text))
        leg = rows.leg(remote_uri=text, route_set=[text, "<sip:proxy;lr>"])
        rows.store(connection, Leg, leg)
    with engine.connect() as connection:
        assert connection.scalar(select(Call.caller_name)) == text
        assert connection.execute(select(Leg.remote_uri, Leg.route_set)).one() == (
            text,
            [text, "<sip:proxy;lr>"],
        )
        assert connection.scalar(select(Leg.id).where(Leg.remote_uri == text)) == leg["id"]


def test_absent_values_are_null(engine: Engine) -> None:
    with engine.begin() as connection:
        rows.store(connection, Queue, rows.queue())
        rows.store(connection, Call, rows.call(caller_name=None))
        rows.store(connection, Leg, rows.leg(via_set=None))
    with engine.connect() as connection:
        assert connection.scalar(select(Leg.id).where(table_of(Leg).c.via_set.is_(None)))
        assert connection.execute(select(Call.caller_name)).one() == (None,)


def test_every_constraint_has_a_name() -> None:
    for table in Base.metadata.tables.values():
        for constraint in table.constraints:
            assert constraint.name
        for index in table.indexes:
            assert index.name
