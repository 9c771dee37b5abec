"""Rows that the tables accept, with just what must be there; each test sets what it is about."""

from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, insert, update

from callengine.db.base import Base
from callengine.db.models import (
    Agent,
    Binding,
    Call,
    Leg,
    LoggedEvent,
    LogHead,
    Membership,
    Offer,
    Queue,
    QueueEntry,
)
from callengine.db.models.tenant import DEFAULT_TENANT_ID
from callengine.db.repositories.queues import QueueRules

NOW = 1_700_000_000.0


def agent(**values: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "tenant_id": DEFAULT_TENANT_ID,
        "name": "alice",
        "ha1_md5": "5" * 32,
        "ha1_sha256": "2" * 64,
        "realm": "call-center.local",
        "state": "offline",
        "state_since": NOW,
        "created_at": NOW,
    } | values


def queue(**values: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "tenant_id": DEFAULT_TENANT_ID,
        "name": "support",
        "source": "database",
        "strategy": "round_robin",
        "capacity": 100,
        "max_wait_time_seconds": 300.0,
        "ring_timeout_seconds": 20.0,
        "wrap_up_seconds": 0.0,
        "created_at": NOW,
    } | values


def rules(**values: Any) -> QueueRules:
    """What a queue is set to, where the test does not say it."""
    defaults: dict[str, Any] = {
        "strategy": "round_robin",
        "weight": 1,
        "priority_base": 50,
        "tier_wait_seconds": 0.0,
        "skills": (),
        "prefer_last_agent_seconds": 0.0,
        "capacity": 100,
        "max_wait_time_seconds": 300.0,
        "ring_timeout_seconds": 20.0,
        "wrap_up_seconds": 0.0,
        "wrap_up_codes": (),
        "wrap_up_code_required": False,
        "answer": "immediately",
        "expires_after_seconds": 3600.0,
        "overflow_queue": "",
        "final_destination": "",
        "full_code": 486,
        "join_when_empty": True,
        "leave_when_empty": False,
        "empty_when": "signed_off",
        "hours": "",
        "music": "",
        "service_level_seconds": 20.0,
        "short_abandon_seconds": 0.0,
        "keep_place_seconds": 0.0,
    }
    return QueueRules(**(defaults | values))


def membership(**values: Any) -> dict[str, Any]:
    return {"queue_id": 1, "agent_id": 1} | values


def binding(**values: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "agent_id": 1,
        "address_of_record": "sip:alice@call-center.local",
        "contact": "sip:alice@127.0.0.1:5070",
        "call_id": "register-1",
        "cseq": 1,
        "transport": "udp",
        "host": "127.0.0.1",
        "port": 5070,
        "registered_at": NOW,
        "expires_at": NOW + 3600,
    } | values


def call(**values: Any) -> dict[str, Any]:
    return {
        "id": "c" * 32,
        "tenant_id": DEFAULT_TENANT_ID,
        "node": "here",
        "incarnation": "1",
        "state": "queued",
        "dialled": "support",
        "queue_id": 1,
        "arrived_at": NOW,
    } | values


def entry(**values: Any) -> dict[str, Any]:
    return {
        "id": "e" * 32,
        "call_id": "c" * 32,
        "queue_id": 1,
        "node": "here",
        "incarnation": "1",
        "state": "waiting",
        "first_arrived_at": NOW,
        "joined_at": NOW,
    } | values


def offer(**values: Any) -> dict[str, Any]:
    return {
        "id": "0" * 32,
        "entry_id": "e" * 32,
        "call_id": "c" * 32,
        "agent_id": 1,
        "state": "ringing",
        "offered_at": NOW,
        "deadline_at": NOW + 20,
    } | values


def leg(**values: Any) -> dict[str, Any]:
    return {
        "id": "1" * 32,
        "call_id": "c" * 32,
        "role": "caller",
        "direction": "incoming",
        "state": "connected",
        "node": "here",
        "incarnation": "1",
        "transport": "udp",
        "host": "127.0.0.1",
        "port": 5080,
        "sip_call_id": "call-1",
        "local_tag": "ours",
        "local_uri": "<sip:support@call-center.local>",
        "remote_uri": "<sip:caller@example.com>",
        "route_set": [],
        "invite_cseq": 1,
        "local_cseq": 100,
        "sdp_session_id": 1,
        "sdp_version": 1,
        "created_at": NOW,
    } | values


def store(connection: Connection, model: type[Base], *rows: dict[str, Any]) -> None:
    """Insert rows, with an event that tells of them as every change of a state must have one."""
    connection.execute(insert(model), list(rows))
    head = update(LogHead).values(last=LogHead.last + 1).returning(LogHead.last)
    number = connection.execute(head).scalar_one()
    event = {"number": number, "at": NOW, "type": "stored_by_a_test", "payload": {}}
    connection.execute(insert(LoggedEvent), [event])


def store_call(connection: Connection) -> None:
    """One of everything: an agent in a queue, and a call offered to it."""
    store(connection, Agent, agent())
    store(connection, Queue, queue())
    store(connection, Membership, membership())
    store(connection, Binding, binding())
    store(connection, Call, call())
    store(connection, QueueEntry, entry())
    store(connection, Offer, offer())
    store(connection, Leg, leg())


def new_id() -> str:
    """An id like the application makes them."""
    return uuid4().hex
