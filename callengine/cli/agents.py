"""`callengine agents`: who may register and take calls."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

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
    """Who works here, in the running service or on the database."""


@command.command
@click.argument("name")
@click.option("--password", required=True, help="What the agent's phone registers with.")
@click.option(
    "--queue", "queues", multiple=True, help="A queue that it serves, or QUEUE:TIER; may be repeated."
)
@click.option("--max-calls", default=1, show_default=True, help="How many calls it may have at once.")
@json_option
def add(name: str, password: str, queues: tuple[str, ...], max_calls: int, as_json: bool) -> None:
    """Add one agent."""
    settings = load()
    _add_all(settings, [_new_agent(settings, name, password, queues, {}, max_calls)])
    address = f"sip:{name}@{settings.general.domain}"
    _say({"added": [name]}, f"Agent {name} was added; its phone registers as {address}.", as_json)


@command.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@json_option
def import_(file: TextIO, as_json: bool) -> None:
    """Add all agents of a CSV file with the columns name,password,queues,skills.

    Queues and skills are separated by blanks; a queue is QUEUE or QUEUE:TIER, with a tier from 1 to 100, a
    skill is NAME or NAME:LEVEL, with a level from 1 to 10. One wrong line, and nothing is changed.
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
            _state(agent),
            clock_time(agent["state_since"]),
            f"{agent['load']}/{agent['max_concurrent_calls']}",
            " ".join(map(_place, agent["places"])),
            " ".join(f"{name}:{level}" for name, level in agent["skills"].items()),
            " ".join(phone["contact"] for phone in agent["phones"]),
        )
        for agent in agents
    ]
    click.echo(table(("NAME", "STATE", "SINCE", "CALLS", "QUEUES", "SKILLS", "PHONES"), rows))


@command.command
@click.argument("name")
@click.option("--reason", default="paused", show_default=True, help="Why, for lists and reports.")
@click.option("--after-call", is_flag=True, help="When its present call, or what else it does, is over.")
@json_option
def pause(name: str, reason: str, after_call: bool, as_json: bool) -> None:
    """Offer an agent no calls until it is resumed."""
    with office() as administration:
        administration.agents.pause(name, reason=reason, after_call=after_call, by=who())
    when = " as soon as it has no call" if after_call else ""
    document = {"paused": name, "reason": reason, "after_call": after_call}
    _say(document, f"Agent {name} is paused ({reason}){when}.", as_json)


@command.command
@click.argument("name")
@json_option
def resume(name: str, as_json: bool) -> None:
    """End the pause of an agent, or take back one that was ordered."""
    with office() as administration:
        administration.agents.resume(name, by=who())
    _say({"resumed": name}, f"Agent {name} is not paused any more.", as_json)


@command.command
@click.argument("name")
@click.argument("queue")
@click.option("--tier", type=int, help="1 serves from the start, higher ones as callers wait longer.")
@click.option("--position", type=int, help="Its place in the fixed order of the strategy top_down.")
@json_option
def assign(name: str, queue: str, tier: int | None, position: int | None, as_json: bool) -> None:
    """Let an agent serve a queue, or change its place in it; what is not said stays as it is."""
    with office() as administration:
        administration.agents.assign(name, queue, tier=tier, position=position, by=who())
    document = {"assigned": name, "queue": queue, "tier": tier, "position": position}
    _say(document, f"Agent {name} serves the queue {queue}.", as_json)


@command.command
@click.argument("name")
@click.argument("queue")
@json_option
def unassign(name: str, queue: str, as_json: bool) -> None:
    """Let an agent serve a queue no longer; a call that it has goes on."""
    with office() as administration:
        administration.agents.unassign(name, queue, by=who())
    _say({"unassigned": name, "queue": queue}, f"Agent {name} does not serve the queue {queue}.", as_json)


@command.command
@click.argument("name")
@click.argument("skill")
@click.argument("level", type=int)
@json_option
def skill(name: str, skill: str, level: int, as_json: bool) -> None:
    """Give an agent a level in a skill, from 1 to 10; 0 takes the skill away."""
    with office() as administration:
        administration.agents.set_skill(name, skill, level, by=who())
    done = f"has the skill {skill} at level {level}" if level else f"does not have the skill {skill} any more"
    _say({"changed": name, "skill": skill, "level": level}, f"Agent {name} {done}.", as_json)


@command.command("sign-on")
@click.argument("name")
@json_option
def sign_on(name: str, as_json: bool) -> None:
    """Let an agent work whose phone is registered."""
    with office() as administration:
        administration.agents.sign_on(name, by=who())
    _say({"signed_on": name}, f"Agent {name} is signed on.", as_json)


@command.command("sign-off")
@click.argument("name")
@json_option
def sign_off(name: str, as_json: bool) -> None:
    """Offer an agent no calls until it signs on; one with a call is offline when that is over."""
    with office() as administration:
        administration.agents.sign_off(name, by=who())
    _say({"signed_off": name}, f"Agent {name} is signed off.", as_json)


@command.command("wrap-up")
@click.argument("name")
@click.option("--end", is_flag=True, help="End it now.")
@click.option("--extend", type=float, metavar="SECONDS", help="Let it last so much longer.")
@click.option("--code", help="What the conversation was about.")
@json_option
def wrap_up(name: str, end: bool, extend: float | None, code: str | None, as_json: bool) -> None:
    """End or extend an agent's wrap-up, or give the conversation its code.

    A code alone may be given from the conversation's begin until the next one begins.
    """
    if [end or code is not None, extend is not None].count(True) != 1:
        raise click.UsageError("say --end, --end --code CODE, --code CODE alone, or --extend SECONDS alone")
    with office() as administration:
        if extend is not None:
            administration.agents.extend_wrap_up(name, seconds=extend, by=who())
        elif end:
            administration.agents.end_wrap_up(name, code=code, by=who())
        elif code is not None:
            administration.agents.set_wrap_up_code(name, code=code, by=who())
    done = f"extended by {extend:g} s" if extend is not None else "ended" if end else f"coded {code}"
    document = {"wrap_up": name, "ended": end, "extended_by": extend, "code": code}
    _say(document, f"The wrap-up of agent {name} is {done}.", as_json)


@command.command("set")
@click.argument("name")
@click.option("--max-calls", type=int, required=True, help="How many calls it may have at once.")
@json_option
def set_(name: str, max_calls: int, as_json: bool) -> None:
    """Change what an agent may do."""
    with office() as administration:
        administration.agents.set_max_calls(name, max_calls, by=who())
    _say({"changed": name, "max_calls": max_calls}, f"Agent {name} may have {max_calls} calls.", as_json)


@command.command
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Remove an agent: it can register no more; the records of its calls stay."""
    with office() as administration:
        administration.agents.remove(name, by=who())
    _say({"removed": name}, f"Agent {name} was removed.", as_json)


def _state(agent: dict[str, Any]) -> str:
    """The agent's state in a list, with its reason, and what is to come."""
    notes = [agent["pause_reason"]] if agent["pause_reason"] else []
    if agent["pause_next_reason"]:
        notes.append(f"then {agent['pause_next_reason']}")
    if agent["load"] and not agent["signed_on"]:
        notes.append("then off")
    return f"{agent['state']} ({', '.join(notes)})" if notes else str(agent["state"])


def _place(place: dict[str, Any]) -> str:
    """A queue that the agent serves, with the tier if that is not the first."""
    return str(place["queue"]) + (f":{place['tier']}" if place["tier"] > 1 else "")


def _say(document: object, text: str, as_json: bool) -> None:
    click.echo(json.dumps(document) if as_json else text)


def _add_all(settings: Settings, agents: list[NewAgent]) -> None:
    """Add all or none."""
    with office(settings) as administration:
        administration.agents.add(agents, by=who())


def _new_agent(
    settings: Settings,
    name: str,
    password: str,
    queues: tuple[str, ...],
    skills: dict[str, int],
    max_calls: int = 1,
) -> NewAgent:
    """The agent, with hashes in place of the password, which never leaves this process."""
    from callengine.callcenter import staff  # with the database, so not for the others

    staff.check_name(name)
    staff.check_max_calls(max_calls)
    if not password:
        raise CallCenterError(f"agent {name} has no password")
    realm = settings.general.registrar_domain
    secrets = {each: ha1(name, realm, password, each) for each in ("MD5", "SHA-256")}
    return staff.NewAgent(name, secrets, realm, queues, skills, max_calls)


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
