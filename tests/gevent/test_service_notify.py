"""What the service manager is told, over a real datagram socket."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import gevent
import pytest
from gevent.monkey import get_original

from callengine.service_notify import ServiceNotifier

sleep_natively = get_original("time", "sleep")


class Manager:
    """The manager's end: hears datagrams."""

    def __init__(self, address: str) -> None:
        self.variable = address.replace("\0", "@")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)

    def next(self, timeout: float = 5.0) -> list[str]:
        self._socket.settimeout(timeout)
        return self._socket.recv(4096).decode().split("\n")

    def pending(self) -> list[list[str]]:
        """What has come until now."""
        self._socket.setblocking(False)
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    address = str(tmp_path / "notify") if request.param == "path" else f"\0callengine-test-{tmp_path}"
    manager = Manager(address)
    yield manager
    manager.close()


@pytest.fixture
def make(manager: Manager) -> Iterator[Callable[..., ServiceNotifier]]:
    made = []

    def make(variables: Mapping[str, str] | None = None, *, pid: int = 7) -> ServiceNotifier:
        notifier = ServiceNotifier({"NOTIFY_SOCKET": manager.variable, **(variables or {})}, pid=pid)
        made.append(notifier)
        return notifier

    yield make
    for notifier in made:
        notifier.end()


Make = Callable[..., ServiceNotifier]


def test_ready_is_said_once_nothing_is_against_it(manager: Manager, make: Make) -> None:
    reasons = ["media: it is down"]
    make().watch(lambda: reasons, lambda: "3 calls")
    assert manager.next() == ["STATUS=not ready: media: it is down"]
    gevent.sleep(0.3)
    assert manager.pending() == [], "the same reason is told once"
    reasons.clear()
    assert manager.next() == ["READY=1", "STATUS=3 calls"]


def test_the_watchdog_is_fed_while_the_hub_turns_and_not_while_it_is_held(
    manager: Manager, make: Make
) -> None:
    make({"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "7"}).watch(list, lambda: "well")
    beats = 0
    while beats < 3:
        beats += manager.next() == ["WATCHDOG=1"]
    manager.pending()
    sleep_natively(0.6)
    assert ["WATCHDOG=1"] not in manager.pending()
    while manager.next() != ["WATCHDOG=1"]:
        pass


@pytest.mark.parametrize(
    "variables",
    [{}, {"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "8"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "0"}],
)
def test_a_watchdog_that_is_not_ours_is_not_fed(
    manager: Manager, make: Make, variables: dict[str, str]
) -> None:
    make(variables).watch(list, lambda: "well")
    assert manager.next()[0] == "READY=1"
    gevent.sleep(0.2)
    assert ["WATCHDOG=1"] not in manager.pending()


def test_the_end_says_how_long_it_may_take_and_keeps_its_status(manager: Manager, make: Make) -> None:
    notifier = make({"WATCHDOG_USEC": "100000"})
    notifier.watch(list, lambda: "well")
    assert manager.next()[0] == "READY=1"
    notifier.stopping(2.5)
    while (said := manager.next())[0] != "STOPPING=1":
        pass
    assert said == ["STOPPING=1", "STATUS=ends", "EXTEND_TIMEOUT_USEC=2500000"]
    gevent.sleep(0.3)
    later = manager.pending()
    assert ["WATCHDOG=1"] in later, "a service that drains lives"
    assert ["STATUS=well"] not in later


def test_a_reload_is_framed_even_if_it_fails(manager: Manager, make: Make) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    with suppress(ValueError), make().reloading():
        said = manager.next()
        raise ValueError("wrong")
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert said[0] == "RELOADING=1"
    assert before <= int(said[1].removeprefix("MONOTONIC_USEC=")) <= after
    assert manager.next() == ["READY=1"]


def test_a_line_cannot_bring_another(manager: Manager, make: Make) -> None:
    make().watch(list, lambda: "a\nMAINPID=1")
    assert manager.next() == ["READY=1", "STATUS=a MAINPID=1"]


@pytest.mark.parametrize("variable", ["", "relative", "vsock:2:1", "/no/such/socket", "@nobody-listens-here"])
def test_without_a_manager_nothing_happens(variable: str) -> None:
    notifier = ServiceNotifier({"NOTIFY_SOCKET": variable, "WATCHDOG_USEC": "1000"})
    notifier.watch(list, lambda: "well")
    with notifier.reloading():
        gevent.sleep(0.05)
    notifier.stopping()
    notifier.end()
