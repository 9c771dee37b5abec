"""`callengine agents`: who may register and take calls."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

import click

from callengine.cli._office import office, who
from callengine.cli._options import json_option
from callengine.cli._tables import clock_time, table
from callengine.config import Settings, load
from callengine.errors import CallCenterError
from callengine.sip.auth import ha1

if TYPE_CHECKING:
    from callengine.callcenter.staff import NewAgent

COLUMNS = ["name", "password", "queues", "skills"]


@click.group
def command() -> None:
    """Add, list, pause, resume and remove agents, in the running service or on the database."""


@command.command
@click.argument("name")
@click.option("--password", required=True, help="What the agent's phone registers with.")
@click.option("--queue", "queues", multiple=True, help="A queue that the agent serves; may be repeated.")
@json_option
def add(name: str, password: str, queues: tuple[str, ...], as_json: bool) -> None:
    """Add one agent."""
    settings = load()
    _add_all(settings, [_new_agent(settings, name, password, queues, {})])
    address = f"sip:{name}@{settings.general.domain}"
    _say({"added": [name]}, f"Agent {name} was added; its phone registers as {address}.", as_json)


@command.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@json_option
def import_(file: TextIO, as_json: bool) -> None:
    """Add all agents of a CSV file with the columns name,password,queues,skills.

    Queues and skills are separated by blanks; a skill is NAME or NAME:LEVEL, with a level from 1 to 10. One
    wrong line, and nothing is changed.
    """
    settings = load()
    agents = list(_read(file, settings))
    _add_all(settings, agents)
    _say({"added": [agent.name for agent in agents]}, f"{len(agents)} agents were added.", as_json)


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show all agents with state, queues and phones."""
    with office() as administration:
        agents = administration.agents.list_all()
    if as_json:
        click.echo(json.dumps(agents, indent=2))
        return
    rows = [
        (
            agent["name"],
            agent["state"] + (f" ({agent['pause_reason']})" if agent["pause_reason"] else ""),
            clock_time(agent["state_since"]),
            agent["load"],
            " ".join(agent["queues"]),
            " ".join(f"{name}:{level}" for name, level in agent["skills"].items()),
            " ".join(phone["contact"] for phone in agent["phones"]),
        )
        for agent in agents
    ]
    click.echo(table(("NAME", "STATE", "SINCE", "CALLS", "QUEUES", "SKILLS", "PHONES"), rows))


@command.command
@click.argument("name")
@click.option("--reason", default="paused", show_default=True, help="Why, for lists and reports.")
@json_option
def pause(name: str, reason: str, as_json: bool) -> None:
    """Offer an agent no calls until it is resumed."""
    with office() as administration:
        administration.agents.pause(name, reason=reason, by=who())
    _say({"paused": name, "reason": reason}, f"Agent {name} is paused ({reason}).", as_json)


@command.command
@click.argument("name")
@json_option
def resume(name: str, as_json: bool) -> None:
    """End the pause of an agent."""
    with office() as administration:
        administration.agents.resume(name, by=who())
    _say({"resumed": name}, f"Agent {name} is available.", as_json)


@command.command
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Remove an agent: it can register no more; the records of its calls stay."""
    with office() as administration:
        administration.agents.remove(name, by=who())
    _say({"removed": name}, f"Agent {name} was removed.", as_json)


def _say(document: object, text: str, as_json: bool) -> None:
    click.echo(json.dumps(document) if as_json else text)


def _add_all(settings: Settings, agents: list[NewAgent]) -> None:
    """Add all or none."""
    with office(settings) as administration:
        administration.agents.add(agents, by=who())


def _new_agent(
    settings: Settings, name: str, password: str, queues: tuple[str, ...], skills: dict[str, int]
) -> NewAgent:
    """The agent, with hashes in place of the password, which never leaves this process."""
    from callengine.callcenter.staff import NewAgent, check_name  # with the database, so not for the others

    check_name(name)
    if not password:
        raise CallCenterError(f"agent {name} has no password")
    realm = settings.general.registrar_domain
    secrets = {each: ha1(name, realm, password, each) for each in ("MD5", "SHA-256")}
    return NewAgent(name, secrets, realm, queues, skills)


def _read(file: TextIO, settings: Settings) -> Iterator[NewAgent]:
    rows = csv.reader(file)
    header = next(rows, [])
    if header != COLUMNS:
        raise CallCenterError(f"line 1: the columns are {','.join(header)}; allowed: {','.join(COLUMNS)}")
    for row in rows:
        if not row:
            continue
        try:
            yield _agent(row, settings)
        except CallCenterError as error:
            raise CallCenterError(f"line {rows.line_num}: {error}") from None


def _agent(row: list[str], settings: Settings) -> NewAgent:
    if len(row) != len(COLUMNS):
        raise CallCenterError(f"{len(row)} columns; wanted: {len(COLUMNS)}")
    name, password, queues, skills = row
    return _new_agent(settings, name, password, tuple(queues.split()), dict(map(_skill, skills.split())))


def _skill(text: str) -> tuple[str, int]:
    name, colon, level = text.partition(":")
    if not name or (colon and not (level.isascii() and level.isdigit() and 1 <= int(level[:3]) <= 10)):
        raise CallCenterError(f"skill {text!r}; allowed: NAME or NAME:LEVEL with a level from 1 to 10")
    return name, int(level) if colon else 1
