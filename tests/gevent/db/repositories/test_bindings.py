from dataclasses import replace

import pytest
from sqlalchemy import Engine

from callengine.db.committer import Committer
from callengine.db.models import Agent, Call, Queue
from callengine.db.repositories import bindings, legs
from callengine.db.repositories.bindings import BindingRecord, GoneBinding
from callengine.db.transaction import Transaction
from callengine.errors import AgentNotFound, DatabaseError, GuardFailed
from callengine.events.types import EventType
from tests.fakes import rows
from tests.fakes.clock import FakeClock

NOW = rows.NOW
PHONE = BindingRecord(
    address_of_record="sip:alice@call-center.local",
    contact="sip:alice@192.0.2.1:5060",
    q=0.5,
    instance='"<urn:uuid:1>"',
    user_agent=b"Tel\xe9phone".decode(errors="surrogateescape"),
    call_id="register-1",
    cseq=2**31 - 1,
    transport="udp",
    host="198.51.100.7",
    port=40000,
    registered_at=NOW,
    expires_at=NOW + 60,
)
OTHER = replace(PHONE, contact="sip:alice@192.0.2.2", q=None, instance=None, expires_at=NOW + 600)


@pytest.fixture(autouse=True)
def _stored(engine: Engine) -> None:
    with engine.begin() as connection:
        rows.store(connection, Agent, rows.agent(), rows.agent(id=2, name="bob"))


def without_keys(records: list[BindingRecord]) -> list[BindingRecord]:
    return [replace(record, id=None, agent_id=None) for record in records]


def test_added_contacts_come_back_with_their_ids(committer: Committer, engine: Engine) -> None:
    stored = committer.commit(lambda tx: bindings.apply(tx, "alice", added=[PHONE, OTHER]))
    assert without_keys(stored) == [PHONE, OTHER]
    assert {record.agent_id for record in stored} == {1}
    assert len({record.id for record in stored}) == 2
    with engine.connect() as connection:
        assert bindings.bindings_of(connection, "alice", NOW) == stored
        assert bindings.live_bindings(connection, 1, NOW) == stored
        assert bindings.bindings_of(connection, "bob", NOW) == []
        assert bindings.bindings_of(connection, "nobody", NOW) == []


def test_one_change_adds_refreshes_and_removes(committer: Committer) -> None:
    first = committer.commit(lambda tx: bindings.apply(tx, "alice", added=[PHONE, OTHER]))
    moved = replace(
        PHONE, cseq=3, call_id="register-2", port=40001, expires_at=NOW + 120, registered_at=NOW + 9
    )
    third = replace(PHONE, contact="sip:alice@192.0.2.3", registered_at=NOW + 9)
    after = committer.commit(
        lambda tx: bindings.apply(tx, "alice", added=[third], refreshed=[moved], removed=[OTHER.contact])
    )
    assert without_keys(after) == [replace(moved, registered_at=NOW), third]
    assert after[0].id == first[0].id


def test_expired_contacts_are_not_seen_and_may_be_added_again(committer: Committer, clock: FakeClock) -> None:
    committer.commit(lambda tx: bindings.apply(tx, "alice", added=[PHONE, OTHER]))
    clock.advance(60)
    assert without_keys(committer.commit(lambda tx: bindings.apply(tx, "alice"))) == [OTHER]
    again = replace(PHONE, expires_at=NOW + 120, registered_at=NOW + 60)
    after = committer.commit(lambda tx: bindings.apply(tx, "alice", added=[again]))
    assert without_keys(after) == [OTHER, again]


def test_the_same_contact_may_be_two_agents(committer: Committer) -> None:
    committer.commit(lambda tx: bindings.apply(tx, "alice", added=[PHONE]))
    committer.commit(lambda tx: bindings.apply(tx, "bob", added=[PHONE]))
    after = committer.commit(lambda tx: bindings.apply(tx, "bob", removed=[PHONE.contact]))
    assert after == []
    assert len(committer.commit(lambda tx: bindings.apply(tx, "alice"))) == 1


def test_a_refresh_of_a_contact_that_is_gone_changes_nothing(committer: Committer) -> None:
    committer.commit(lambda tx: bindings.apply(tx, "alice", added=[OTHER]))
    with pytest.raises(GuardFailed, match=r"192\.0\.2\.1"):
        committer.commit(lambda tx: bindings.apply(tx, "alice", refreshed=[PHONE], removed=[OTHER.contact]))
    assert len(committer.commit(lambda tx: bindings.apply(tx, "alice"))) == 1


def test_an_unknown_agent_has_no_contacts(committer: Committer) -> None:
    with pytest.raises(AgentNotFound, match="nobody"):
        committer.commit(lambda tx: bindings.apply(tx, "nobody", added=[PHONE]))


def test_a_check_refuses_a_port_that_is_none(committer: Committer) -> None:
    with pytest.raises(DatabaseError, match="ck_bindings_port"):
        committer.commit(lambda tx: bindings.apply(tx, "alice", added=[replace(PHONE, port=-1)]))


def test_what_has_expired_is_removed_and_told(committer: Committer, clock: FakeClock) -> None:
    committer.commit(lambda tx: bindings.apply(tx, "alice", added=[PHONE, OTHER]))
    committer.commit(lambda tx: bindings.apply(tx, "bob", added=[PHONE]))
    assert committer.commit(bindings.remove_expired) == []
    clock.advance(60)
    gone = committer.commit(bindings.remove_expired)
    assert sorted(gone, key=lambda one: one.agent) == [
        GoneBinding(1, "alice", PHONE.contact, remaining=1),
        GoneBinding(2, "bob", PHONE.contact, remaining=0),
    ]
    assert committer.commit(bindings.remove_expired) == []


def test_a_leg_outlives_the_binding_that_it_was_made_for(committer: Committer, engine: Engine) -> None:
    [stored] = committer.commit(lambda tx: bindings.apply(tx, "alice", added=[PHONE]))
    with engine.begin() as connection:
        rows.store(connection, Queue, rows.queue())
        rows.store(connection, Call, rows.call())

    def store_leg(tx: Transaction) -> None:
        legs.insert_legs(tx, [rows.leg(binding_id=stored.id)])
        tx.add_event(EventType.LEG_CLOSED, call_id="c" * 32)

    committer.commit(lambda tx: bindings.apply(tx, "alice", removed=[stored.contact]))
    committer.commit(store_leg)
    with engine.connect() as connection:
        [leg] = legs.of_call(connection, "c" * 32)
    assert leg["binding_id"] is None
