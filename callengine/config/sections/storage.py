"""Where everything is stored, and what is written down while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from callengine.config.declaration import PATH, SECONDS, SIZE, Setting
from callengine.config.kinds import Choice, DatabaseUrl, Number, Switch, Whole


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
            SECONDS,
            "How long to wait for a free connection before giving up.",
            30,
            "seconds",
        ),
    ]
    pool_idle_timeout_seconds: Annotated[
        float,
        Setting(
            SECONDS,
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
class Log:
    """What is written down while it runs."""

    level: Annotated[
        str, Setting(Choice(("DEBUG", "INFO", "WARNING", "ERROR")), "The least level that is logged.", "INFO")
    ]
    format: Annotated[
        str, Setting(Choice(("text", "json")), "Lines for people, or a JSON document a line.", "text")
    ]
    file: Annotated[str, Setting(PATH, "The file to log to; empty: standard error.", "")]
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
