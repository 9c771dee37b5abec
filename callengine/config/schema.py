"""Every setting, in one place: its name, type, default, what is allowed, its unit and its meaning.

`Settings` is what the rest of callengine sees: frozen, typed, complete. The loader fills it, `config show`,
docs/configuration.md and the test of config/settings.toml are made from the same declarations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_type_hints

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
)


@dataclass(frozen=True)
class Setting:
    """The declaration of one setting.

    `default` is written as a settings file would have it. Instead of one, `same_as` names the setting whose
    value it takes, or `worked_out` says in words how the loader finds it.
    """

    kind: Kind
    meaning: str
    default: object = None
    unit: str = ""
    same_as: str = ""
    worked_out: str = ""


_DOMAIN = Text("a domain name or IP address", r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*", 255)
_USER = Text("a user name of letters, digits and + * # _ . -", r"[A-Za-z0-9+*#_.\-]+", 64)
_PATH = Text("a path")
_SOCKET = Text("a path", r"[^\x00-\x1f\x7f]+")
_PORT = Whole(1, 65535)
_SECONDS = Number(0.001, 86400)
SIZE = Size()
"""How sizes are written, such as 100 MB."""
_STRATEGY = Choice(("round_robin", "longest_idle"))

QUEUE_NAME = _USER
"""What a queue may be called."""

NUMBER = _USER
"""What may be dialled: the user part of a SIP URI."""


@dataclass(frozen=True, kw_only=True)
class General:
    """Who we are, and how calls end."""

    domain: Annotated[
        str, Setting(_DOMAIN, "The domain of the SIP addresses we make and serve.", "call-center.local")
    ]
    local_ip: Annotated[
        str,
        Setting(
            Address(), "The address of this machine on which everything SIP and RTP happens.", "127.0.0.1"
        ),
    ]
    registrar_domain: Annotated[
        str, Setting(_DOMAIN, "The realm of the agents' passwords.", same_as="general.domain")
    ]
    call_center_service: Annotated[
        str,
        Setting(_USER, "The user part by which agents see a caller who withholds the own number.", "support"),
    ]
    bye_timeout_seconds: Annotated[
        float,
        Setting(
            _SECONDS, "How long a BYE may stay without a final answer before it is sent again.", 15, "seconds"
        ),
    ]
    bye_retry_attempts: Annotated[
        int,
        Setting(
            Whole(0, 100),
            "How often an unanswered BYE is sent again before the leg is closed unconfirmed.",
            3,
        ),
    ]
    bye_race_delay_ms: Annotated[
        int,
        Setting(
            Whole(0, 10000),
            "The wait between one side's BYE and ours to the other, lest BYEs cross.",
            100,
            "milliseconds",
        ),
    ]
    max_call_duration_minutes: Annotated[
        float, Setting(Number(0.001, 10080), "A call that lasts longer is ended.", 120, "minutes")
    ]
    lease_seconds: Annotated[
        float,
        Setting(
            Number(0.2, 3600),
            "What database, dialogs and media disagree about for so long is repaired.",
            10,
            "seconds",
        ),
    ]
    drain_seconds: Annotated[
        float,
        Setting(
            Number(0, 86400),
            "How long calls may go on when the service is told to end; who is left is hung up.",
            30,
            "seconds",
        ),
    ]
    control_socket: Annotated[
        str,
        Setting(
            _SOCKET,
            "The Unix socket by which the command line reaches the running service.",
            worked_out="callengine.sock in $RUNTIME_DIRECTORY, else beside the SQLite file, else here",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Sip:
    """Where SIP is spoken."""

    host: Annotated[
        str, Setting(Address(), "The address on which SIP is received.", same_as="general.local_ip")
    ]
    port: Annotated[
        int, Setting(_PORT, "The port for SIP, UDP and TCP; general.port is another name for it.", 5060)
    ]
    enable_tcp: Annotated[bool, Setting(Switch(), "Whether SIP is spoken over TCP too, beside UDP.", True)]
    max_connections: Annotated[
        int,
        Setting(
            Whole(1, 100000),
            "How many TCP connections are accepted at the same time; one more is closed at once.",
            2000,
        ),
    ]
    idle_timeout_seconds: Annotated[
        float,
        Setting(
            _SECONDS,
            "A TCP connection without a call, on which nothing has come for so long, is closed.",
            300,
            "seconds",
        ),
    ]
    message_timeout_seconds: Annotated[
        float,
        Setting(
            _SECONDS,
            "A TCP connection on which a message was begun and is not complete after so long is closed.",
            10,
            "seconds",
        ),
    ]
    pool_size: Annotated[
        int,
        Setting(
            Whole(1, 100000),
            "How many new INVITEs and REGISTERs are taken up at the same time; the next is answered 503.",
            200,
        ),
    ]
    advertised_host: Annotated[
        str,
        Setting(
            Address(), "The address that phones are told to use, in Via, Contact and SDP.", same_as="sip.host"
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Media:
    """Where the audio passes."""

    host: Annotated[str, Setting(Address(), "The address on which RTP is received.", same_as="sip.host")]
    port_first: Annotated[int, Setting(Whole(1024, 65534), "The first UDP port for RTP.", 16384)]
    port_last: Annotated[int, Setting(Whole(1025, 65535), "The last UDP port for RTP.", 32767)]
    timeout_seconds: Annotated[
        float,
        Setting(
            _SECONDS,
            "A connected phone that has sent audio and then none for so long is hung up.",
            60,
            "seconds",
        ),
    ]
    socket: Annotated[
        str,
        Setting(
            _SOCKET,
            "The Unix socket by which the service controls its media process.",
            worked_out="media.sock beside general.control_socket",
        ),
    ]
    start: Annotated[
        bool,
        Setting(
            Switch(),
            "The service starts its media process and ends it; off: that is a service of its own.",
            True,
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Api:
    """Where HTTP is spoken: /health, /ready and /metrics."""

    host: Annotated[str, Setting(Address(), "The address of the HTTP listener.", "127.0.0.1")]
    port: Annotated[int, Setting(_PORT, "The TCP port of the HTTP listener.", 8080)]


@dataclass(frozen=True, kw_only=True)
class Database:
    """Where everything is stored."""

    url: Annotated[str, Setting(DatabaseUrl(), "The database.", "sqlite:///call_center.db")]
    max_connections: Annotated[
        int, Setting(Whole(1, 1000), "PostgreSQL only: the most connections at the same time.", 10)
    ]
    connection_timeout_seconds: Annotated[
        float,
        Setting(
            _SECONDS,
            "How long to wait for a free connection before giving up.",
            30,
            "seconds",
        ),
    ]
    pool_idle_timeout_seconds: Annotated[
        float,
        Setting(
            _SECONDS,
            "PostgreSQL only: a connection idle for longer is replaced when it is wanted.",
            300,
            "seconds",
        ),
    ]
    enable_wal_mode: Annotated[
        bool,
        Setting(Switch(), "SQLite only: write-ahead log, so that reading never waits for writing.", True),
    ]
    synchronous: Annotated[
        Literal["normal", "full"],
        Setting(
            Choice(("normal", "full")),
            "SQLite only: what a power cut may cost: the last second, or, with full, nothing.",
            "normal",
        ),
    ]
    enable_foreign_keys: Annotated[
        bool, Setting(Switch(), "SQLite only: have the database hold references between tables.", True)
    ]


@dataclass(frozen=True, kw_only=True)
class Routing:
    """How callers and agents are brought together."""

    default_strategy: Annotated[
        str, Setting(_STRATEGY, "The order of agents in queues that name no own.", "round_robin")
    ]
    max_queue_depth: Annotated[
        int,
        Setting(
            Whole(1, 1000000), "The most waiting callers over all queues; above it a call is refused.", 500
        ),
    ]
    queue_monitor_interval_ms: Annotated[
        int,
        Setting(
            Whole(10, 3600000),
            "The period of the sweep that backs the event-driven dispatch.",
            1000,
            "milliseconds",
        ),
    ]
    agent_assignment_timeout_seconds: Annotated[
        float,
        Setting(
            _SECONDS, "The longest time that one offer may take from its choice to the talk.", 45, "seconds"
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Security:
    """Who may come in."""

    open_inbound: Annotated[
        bool,
        Setting(
            Switch(),
            "Whether anyone may call without credentials; refused unless SIP listens on loopback alone.",
            False,
        ),
    ]
    digest_algorithms: Annotated[
        tuple[str, ...],
        Setting(
            Choices(("MD5", "SHA-256")),
            "The digest algorithms that phones are offered, one challenge each, in this order.",
            ["MD5"],
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Log:
    """What is written down while it runs."""

    level: Annotated[
        str, Setting(Choice(("DEBUG", "INFO", "WARNING", "ERROR")), "The least level that is logged.", "INFO")
    ]
    format: Annotated[
        str, Setting(Choice(("text", "json")), "Lines for people, or a JSON document a line.", "text")
    ]
    file: Annotated[str, Setting(_PATH, "The file to log to; empty: standard error.", "")]
    rotation: Annotated[
        int,
        Setting(
            SIZE, "A log file that has grown to this size is set aside; five of those are kept.", "100 MB"
        ),
    ]
    hub_blocked_ms: Annotated[
        int,
        Setting(
            Whole(10, 60000),
            "The stack of whatever keeps all greenlets waiting for longer is logged.",
            100,
            "milliseconds",
        ),
    ]
    statistics_interval_seconds: Annotated[
        float,
        Setting(Number(0, 86400), "The period of the line with the present figures; 0: none.", 30, "seconds"),
    ]


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One queue, in the table `queues` under its name."""

    strategy: Annotated[
        str,
        Setting(_STRATEGY, "The order in which free agents are chosen.", same_as="routing.default_strategy"),
    ]
    capacity: Annotated[
        int, Setting(Whole(1, 1000000), "The most callers that wait or ring at the same time.", 100)
    ]
    max_wait_time_seconds: Annotated[
        float, Setting(_SECONDS, "A caller who has waited longer is sent away.", 300, "seconds")
    ]
    ring_timeout_seconds: Annotated[
        float,
        Setting(
            _SECONDS,
            "How long a phone rings before the next is tried; at most agent_assignment_timeout_seconds.",
            20,
            "seconds",
        ),
    ]
    wrap_up_seconds: Annotated[
        float, Setting(Number(0, 86400), "How long an agent is left alone after a call.", 0, "seconds")
    ]


@dataclass(frozen=True, kw_only=True)
class Destination:
    """One number that can be dialled, in the table `numbers` under its name."""

    destination: Annotated[
        str,
        Setting(
            Text(
                "queue:NAME or hangup:CODE with a code from 400 to 699",
                r"queue:[A-Za-z0-9+*#_.\-]{1,64}|hangup:[456][0-9]{2}",
            ),
            "Where a call to this number goes.",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, complete and checked.

    `environment` is the one that was chosen; `sources` tells for each setting's full name where it was set.
    """

    general: General
    sip: Sip
    media: Media
    api: Api
    database: Database
    routing: Routing
    security: Security
    log: Log
    queues: Mapping[str, Queue]
    numbers: Mapping[str, Destination]
    environment: str = field(compare=False)
    sources: Mapping[str, str] = field(compare=False, repr=False)


ENVIRONMENTS = ("development", "testing", "production")

SECTIONS: Mapping[str, type] = {
    "general": General,
    "sip": Sip,
    "media": Media,
    "api": Api,
    "database": Database,
    "routing": Routing,
    "security": Security,
    "log": Log,
}
"""The sections with fixed keys."""

TABLES: Mapping[str, type] = {"queues": Queue, "numbers": Destination}
"""The sections that hold a table under each name that the operator gives."""

OTHER_NAMES: Mapping[str, str] = {"general.port": "sip.port"}
"""Names that mean another setting."""


def declared(section: type) -> dict[str, Setting]:
    """The settings of one section's class, by key, in order."""
    hints = get_type_hints(section, include_extras=True)
    return {key: _setting(hint) for key, hint in hints.items()}


def _setting(hint: Any) -> Setting:
    (setting,) = hint.__metadata__
    assert isinstance(setting, Setting)
    return setting


def setting_named(name: str) -> Setting | None:
    """The declaration of `section.key`, or of `table.NAME.key`; None if there is no such setting."""
    first, *between, key = name.split(".")
    section = (TABLES if between else SECTIONS).get(first)
    return None if section is None else declared(section).get(key)
