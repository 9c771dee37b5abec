from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from callengine import greenlets
from callengine.media.client import MediaClient
from callengine.media.engine import MediaEvent
from callengine.media.local import LocalEngine
from callengine.media.port_pool import PortPool
from tests.fakes.media_process import RunningMedia
from tests.fakes.rtp_phone import HOST, RtpPhone

PORT_FIRST, PORT_LAST = 28000, 28199


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Every test leaves as many descriptors as it found, and no greenlet of ours."""
    gevent.get_hub().threadpool  # noqa: B018 - its descriptors are opened on first use
    before = len(os.listdir("/proc/self/fd"))
    yield
    give_up = time.monotonic() + 3
    while time.monotonic() < give_up and (greenlets.running() or len(os.listdir("/proc/self/fd")) > before):
        gevent.sleep(0.01)
    assert not greenlets.running()
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.fixture
def events() -> list[MediaEvent]:
    return []


@pytest.fixture
def engines() -> Iterator[Callable[..., LocalEngine]]:
    """Makes engines, and shuts them down after the test."""
    made: list[LocalEngine] = []

    def make(**properties: object) -> LocalEngine:
        made.append(LocalEngine(**{"host": HOST, **properties}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for engine in made:
        engine.shut_down()


@pytest.fixture
def engine(engines: Callable[..., LocalEngine], events: list[MediaEvent]) -> LocalEngine:
    return engines(ports=PortPool(PORT_FIRST, PORT_LAST), on_event=events.append)


@pytest.fixture
def phones() -> Iterator[Callable[..., RtpPhone]]:
    """Makes phones, and puts them away after the test."""
    made: list[RtpPhone] = []

    def make(**properties: object) -> RtpPhone:
        made.append(RtpPhone(**properties))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for phone in made:
        phone.close()


@pytest.fixture
def socket_path(tmp_path: Path) -> str:
    return os.fspath(tmp_path / "media.sock")


@pytest.fixture
def start_media(socket_path: str) -> Iterator[Callable[..., RunningMedia]]:
    """Starts media processes on `socket_path`, and ends them after the test."""
    started: list[RunningMedia] = []

    def start(**options: object) -> RunningMedia:
        started.append(RunningMedia(socket_path, **options))
        return started[-1]

    yield start
    for media in started:
        media.close()


@pytest.fixture
def connect(socket_path: str, events: list[MediaEvent]) -> Iterator[Callable[..., MediaClient]]:
    """Makes clients of the process on `socket_path`, and disconnects them after the test."""
    made: list[MediaClient] = []

    def make(*, owner: str = "node", incarnation: int = 1, deadline: float = 2.0) -> MediaClient:
        client = MediaClient(
            socket_path, owner=owner, incarnation=incarnation, deadline=deadline, on_event=events.append
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.disconnect()
