"""`callengine agents`: who may register and take calls."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TextIO

import click

from callengine import store
from callengine.api.control import refuse_while_running
from callengine.config import Settings, load
from callengine.db.repositories.agents import add_agent
from callengine.db.transaction import Transaction
from callengine.errors import CallCenterError
from callengine.sip.auth import ha1

COLUMNS = ["name", "password", "queues", "skills"]
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+")
_LONGEST_NAME = 64


@dataclass(frozen=True)
class NewAgent:
    """An agent that is to be added; its password never leaves this process."""

    name: str
    password: str = field(repr=False)
    queues: tuple[str, ...] = ()
    skills: Mapping[str, int] = field(default_factory=dict)


@click.group
def command() -> None:
    """Add agents to the database, while no service runs on it."""


@command.command
@click.argument("name")
@click.option("--password", required=True, help="What the agent's phone registers with.")
@click.option("--queue", "queues", multiple=True, help="A queue that the agent serves; may be repeated.")
def add(name: str, password: str, queues: tuple[str, ...]) -> None:
    """Add one agent."""
    settings = load()
    _add_all(settings, [_checked(NewAgent(name, password, queues))])
    click.echo(f"Agent {name} was added; its phone registers as sip:{name}@{settings.general.domain}.")


@command.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
def import_(file: TextIO) -> None:
    """Add all agents of a CSV file with the columns name,password,queues,skills.

    Queues and skills are separated by blanks; a skill is NAME or NAME:LEVEL, with a level from 1 to 10. One
    wrong line, and nothing is changed.
    """
    agents = list(_read(file))
    _add_all(load(), agents)
    click.echo(f"{len(agents)} agents were added.")


def _add_all(settings: Settings, agents: list[NewAgent]) -> None:
    """Add all or none."""
    refuse_while_running(Path(settings.general.control_socket), "agents are added")
    realm = settings.general.registrar_domain
    with store.offline(settings) as committer:
        committer.commit(partial(_store, agents, realm))


def _store(agents: list[NewAgent], realm: str, tx: Transaction) -> None:
    for agent in agents:
        secrets = {each: ha1(agent.name, realm, agent.password, each) for each in ("MD5", "SHA-256")}
        add_agent(tx, agent.name, ha1=secrets, realm=realm, queues=agent.queues, skills=agent.skills)


def _read(file: TextIO) -> Iterator[NewAgent]:
    rows = csv.reader(file)
    header = next(rows, [])
    if header != COLUMNS:
        raise CallCenterError(f"line 1: the columns are {','.join(header)}; allowed: {','.join(COLUMNS)}")
    for row in rows:
        if not row:
            continue
        try:
            yield _agent(row)
        except CallCenterError as error:
            raise CallCenterError(f"line {rows.line_num}: {error}") from None


def _agent(row: list[str]) -> NewAgent:
    if len(row) != len(COLUMNS):
        raise CallCenterError(f"{len(row)} columns; wanted: {len(COLUMNS)}")
    name, password, queues, skills = row
    return _checked(NewAgent(name, password, tuple(queues.split()), dict(map(_skill, skills.split()))))


def _skill(text: str) -> tuple[str, int]:
    name, colon, level = text.partition(":")
    if not name or (colon and not (level.isascii() and level.isdigit() and 1 <= int(level[:3]) <= 10)):
        raise CallCenterError(f"skill {text!r}; allowed: NAME or NAME:LEVEL with a level from 1 to 10")
    return name, int(level) if colon else 1


def _checked(agent: NewAgent) -> NewAgent:
    if not agent.name or len(agent.name) > _LONGEST_NAME or not _ALLOWED.issuperset(agent.name):
        raise CallCenterError(
            f"the name {agent.name!r}; allowed: 1 to {_LONGEST_NAME} letters, digits, - _ . and +"
        )
    if not agent.password:
        raise CallCenterError(f"agent {agent.name} has no password")
    return agent
