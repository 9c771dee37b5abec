"""Who we are, and where this node speaks SIP, passes audio and answers HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from callengine.config.declaration import DOMAIN, PORT, SECONDS, SOCKET, USER, Setting
from callengine.config.kinds import Address, Number, Switch, Whole


@dataclass(frozen=True, kw_only=True)
class General:
    """Who we are, and how calls end."""

    domain: Annotated[
        str, Setting(DOMAIN, "The domain of the SIP addresses we make and serve.", "call-center.local")
    ]
    local_ip: Annotated[
        str,
        Setting(
            Address(), "The address of this machine on which everything SIP and RTP happens.", "127.0.0.1"
        ),
    ]
    registrar_domain: Annotated[
        str, Setting(DOMAIN, "The realm of the agents' passwords.", same_as="general.domain")
    ]
    call_center_service: Annotated[
        str,
        Setting(USER, "The user part by which agents see a caller who withholds the own number.", "support"),
    ]
    bye_timeout_seconds: Annotated[
        float,
        Setting(
            SECONDS, "How long a BYE may stay without a final answer before it is sent again.", 15, "seconds"
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
    agent_heartbeat_interval: Annotated[
        float,
        Setting(
            Number(0, 86400),
            "The period in which each registered phone is asked whether it is there (OPTIONS); 0: never.",
            30,
            "seconds",
        ),
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
            SOCKET,
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
        int, Setting(PORT, "The port for SIP, UDP and TCP; general.port is another name for it.", 5060)
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
            SECONDS,
            "A TCP connection without a call, on which nothing has come for so long, is closed.",
            300,
            "seconds",
        ),
    ]
    message_timeout_seconds: Annotated[
        float,
        Setting(
            SECONDS,
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
            SECONDS,
            "A connected phone that has sent audio and then none for so long is hung up.",
            60,
            "seconds",
        ),
    ]
    socket: Annotated[
        str,
        Setting(
            SOCKET,
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
    reserve: Annotated[
        bool,
        Setting(
            Switch(),
            "Another one waits to take the place of one that dies (40 MB); off: it is started only then.",
            True,
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Api:
    """Where HTTP is spoken: /health, /ready and /metrics."""

    host: Annotated[str, Setting(Address(), "The address of the HTTP listener.", "127.0.0.1")]
    port: Annotated[int, Setting(PORT, "The TCP port of the HTTP listener.", 8080)]
