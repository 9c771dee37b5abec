"""What settings must agree on among themselves, each rule by itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

from callengine.callcenter.routing.strategies import Strategies
from callengine.config.schema import Settings
from callengine.config.ways import dead_ways, near

DEFAULT = "default"
"""The source of a value that nobody set."""

_LONGEST_SOCKET = 107  # unix(7): sun_path holds 108 bytes with the closing NUL


class Breach(NamedTuple):
    """One rule broken: by the setting `name`, which rests on the settings `beside`."""

    name: str
    beside: tuple[str, ...]
    reason: str


def breaches(settings: Settings) -> Iterator[Breach]:
    """Everything in which the settings contradict each other."""
    for rule in _RULES:
        yield from rule(settings)


def _ports(settings: Settings) -> Iterator[Breach]:
    if settings.media.port_last <= settings.media.port_first:
        yield Breach(
            "media.port_last",
            ("media.port_first",),
            f"must be above media.port_first, which is {settings.media.port_first}",
        )


def _open_inbound(settings: Settings) -> Iterator[Breach]:
    if settings.security.open_inbound and not IPv4Address(settings.sip.host).is_loopback:
        yield Breach(
            "security.open_inbound",
            ("sip.host",),
            f"allowed only while SIP listens on loopback alone; sip.host is {settings.sip.host}",
        )


def _advertised_host(settings: Settings) -> Iterator[Breach]:
    if settings.sip.advertised_host == "0.0.0.0":
        yield Breach(
            "sip.advertised_host",
            ("sip.host",),
            "must be an address that phones can reach, not the one that means every address",
        )


def _sockets(settings: Settings) -> Iterator[Breach]:
    for name, path in (
        ("general.control_socket", settings.general.control_socket),
        ("media.socket", settings.media.socket),
    ):
        if len(os.fsencode(path)) > _LONGEST_SOCKET:
            yield Breach(name, ("database.url",), f"a Unix socket's path has at most {_LONGEST_SOCKET} bytes")


def _database(settings: Settings) -> Iterator[Breach]:
    unused: tuple[str, ...] = ("enable_wal_mode", "synchronous", "enable_foreign_keys")
    kind = "PostgreSQL"
    if settings.database.url.startswith("sqlite:"):
        kind, unused = "SQLite", ("max_connections", "pool_idle_timeout_seconds")
    for key in unused:
        if settings.sources[f"database.{key}"] != DEFAULT:
            yield Breach(f"database.{key}", ("database.url",), f"{kind} has no use for it; leave it out")


def _ring_timeouts(settings: Settings) -> Iterator[Breach]:
    most = settings.routing.agent_assignment_timeout_seconds
    for name, queue in settings.queues.items():
        if queue.ring_timeout_seconds > most:
            yield Breach(
                f"queues.{name}.ring_timeout_seconds",
                ("routing.agent_assignment_timeout_seconds",),
                f"must not be above routing.agent_assignment_timeout_seconds, which is {most:g}",
            )


def _wrap_up_codes(settings: Settings) -> Iterator[Breach]:
    for name, queue in settings.queues.items():
        if queue.wrap_up_code_required and not queue.wrap_up_seconds:
            yield Breach(
                f"queues.{name}.wrap_up_code_required",
                (f"queues.{name}.wrap_up_seconds",),
                f"allowed only with a wrap-up; queues.{name}.wrap_up_seconds is 0",
            )


def _strategies(settings: Settings) -> Iterator[Breach]:
    """A strategy that another package brings must be one that can be used."""
    usual = settings.routing.default_strategy
    named = {"routing.default_strategy": usual}
    for name, queue in settings.queues.items():
        if queue.strategy != usual:
            named[f"queues.{name}.strategy"] = queue.strategy
    for name, strategy in named.items():
        for problem in Strategies().learn([strategy]):
            yield Breach(name, (), problem)


def _skills(settings: Settings) -> Iterator[Breach]:
    if settings.routing.enable_skills_routing:
        return
    for name, queue in settings.queues.items():
        if queue.skills:
            yield Breach(
                f"queues.{name}.skills",
                ("routing.enable_skills_routing",),
                "not allowed while routing.enable_skills_routing is off",
            )


def _ways(settings: Settings) -> Iterator[Breach]:
    for dead in dead_ways(settings.queues):
        yield Breach(f"queues.{dead.name}.{dead.key}", (), dead.reason)


def _hours(settings: Settings) -> Iterator[Breach]:
    for name, queue in settings.queues.items():
        if queue.hours and queue.hours not in settings.hours:
            hint = near(queue.hours, settings.hours)
            yield Breach(f"queues.{name}.hours", (), f"there is no table hours.{queue.hours}{hint}")


def _callers(settings: Settings) -> Iterator[Breach]:
    for name, callers in settings.callers.items():
        for number in callers.numbers:
            if (not number.rstrip("*") and number != "*") or "*" in number[:-1]:
                yield Breach(f"callers.{name}.numbers", (), f"{number}: a * stands at the end alone")


def lost_numbers(settings: Settings, queues: Iterable[str]) -> Iterator[tuple[str, Breach]]:
    """The numbers that lead to a queue which is not among all `queues`, those of the database included."""
    known = dict.fromkeys(queues)
    for number, entry in settings.numbers.items():
        kind, _, queue = entry.destination.partition(":")
        if kind == "queue" and queue not in known:
            hint = near(queue, known)
            yield number, Breach(f"numbers.{number}.destination", (), f"there is no queue {queue}{hint}")


def _pauses(settings: Settings) -> Iterator[Breach]:
    """What a feature number pauses for; without a third part that is the word `feature`."""
    allowed = settings.agents.pause_reasons
    for number, entry in settings.numbers.items():
        kind, _, rest = entry.destination.partition(":")
        feature, _, reason = rest.partition(":")
        if (kind, feature) == ("feature", "pause") and allowed and (reason or "feature") not in allowed:
            yield Breach(
                f"numbers.{number}.destination",
                ("agents.pause_reasons",),
                f"pauses for {reason or 'feature'}, which agents.pause_reasons does not have; "
                f"allowed: {', '.join(f'feature:pause:{each}' for each in allowed)}",
            )


_RULES: tuple[Callable[[Settings], Iterator[Breach]], ...] = (
    _ports,
    _open_inbound,
    _advertised_host,
    _sockets,
    _database,
    _ring_timeouts,
    _wrap_up_codes,
    _strategies,
    _skills,
    _ways,
    _hours,
    _callers,
    _pauses,
)
