"""The unit files of systemd/, obeyed by the supervisor of the tests: start, restart, stop, a held hub."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.phone import Phone
from tests.e2e.records import read_records
from tests.e2e.rtp_peer import RtpPeers, is_unbroken, longest_gap
from tests.e2e.service import ROOT, Service, is_alive, until
from tests.e2e.sipp import Caller, Sipp
from tests.e2e.supervisor import Supervisor
from tests.e2e.unit_file import read_unit

LONGEST_GAP = 0.06
LONGEST_GAP_MEDIA = 3.0
"""After a fault of the media process: about a second, on a machine that does nothing else."""
_PROGRAM = "/opt/callengine/current/venv/bin/callengine"


class Host:
    """A directory in place of /, with both units; `changes` are texts in them and what they become."""

    def __init__(self, root: Path, changes: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.service = Service(root, agents=["alice"])
        settings = root / "etc/callengine/settings.toml"
        settings.parent.mkdir(parents=True)
        places = {f"/{place}/callengine": f"{root}/{place}/callengine" for place in ("etc", "run", "var/lib")}
        text = (ROOT / "systemd/settings.toml").read_text(encoding="utf-8").replace("FILL IN", "127.0.0.1")
        for before, after in places.items():
            text = text.replace(before, after)
        settings.write_text(text, encoding="utf-8")
        self.service.database = root / "var/lib/callengine/call_center.db"
        environment = self.service.environment
        for name in ("GENERAL__CONTROL_SOCKET", "GENERAL__DRAIN_SECONDS", "DATABASE__URL", "LOG__FILE"):
            del environment[f"CALLENGINE_{name}"]
        replacements = {
            _PROGRAM: f"{sys.executable} -m callengine",
            "/opt/callengine/config": str(ROOT / "config"),
            **places,
            **(changes or {}),
        }
        self.media, self.main = (
            Supervisor(
                read_unit(ROOT / "systemd" / name, instance="main", replacements=replacements),
                root=root,
                environment=environment,
            )
            for name in ("callengine-media@.service", "callengine.service")
        )
        environment |= {"CALLENGINE_ENV": "production", "CALLENGINE_SETTINGS": str(settings)}

    def start(self) -> None:
        """As `systemctl start callengine`, which wants the media unit first."""
        wanted = self.main.unit.one("Wants", section="Unit").split()
        assert self.media.unit.name in wanted
        assert self.media.unit.name in self.main.unit.one("After", section="Unit").split()
        self.media.start()
        self.main.start()

    def log(self) -> str:
        """What the main process has printed."""
        return (self.root / "callengine.service.out").read_text(encoding="utf-8")


@pytest.fixture
def root() -> Iterator[Path]:
    """A short path, since there will be sockets below it."""
    with tempfile.TemporaryDirectory(prefix="callengine-") as directory:
        yield Path(directory)


@pytest.fixture
def host(root: Path) -> Iterator[Host]:
    host = Host(root)
    yield host
    host.main.stop()
    host.media.stop()


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.effect("media.start")
def test_a_restart_leaves_the_media_unit_and_its_socket(host: Host) -> None:
    host.start()
    media, socket = host.media.pid, host.root / "run/callengine/media.sock"
    inode = socket.stat().st_ino
    assert host.service.present()["media_pid"] == media
    host.service.command("agents", "add", "alice", "--password", "e2e-secret", "--queue", "support")
    before = host.main.pid
    with (
        Phone("alice", "--play", "tone:1100", "--hang-up-after", "9", server=host.service.server) as alice,
        RtpPeers([450]) as callers,
    ):
        alice.wait_for("registered")
        rows = [Caller("5551", callers.peers[0].port)]
        sipp = Sipp(host.root / "sipp", server=host.service.server, callers=rows)
        alice.wait_for("call_connected")
        peer = callers.peers[0]
        assert until(lambda: bool(peer.arrivals), 5)
        stopped_at = time.time()
        host.main.restart()
        restarted_at = time.time()
        assert host.service.present()["active_calls"] == 1
        assert sipp.wait().exit_code == 0
        assert is_unbroken(peer.arrivals)
        heard = [arrival.time for arrival in peer.between(stopped_at - 0.5, restarted_at)]
        assert longest_gap(heard) <= LONGEST_GAP
    (record,) = read_records(host.service)
    assert (record.disposition, record.hung_up_by) == ("answered", "agent"), host.log()
    assert host.main.pid != before
    assert (host.media.pid, socket.stat().st_ino) == (media, inode)
    assert host.service.present()["media_pid"] == media
    assert host.main.history == ["ready", "stopping", "exited", "ready"]
    told = host.service.rows("SELECT type FROM event_log WHERE type LIKE 'service_%' ORDER BY number")
    assert [row["type"] for row in told] == ["service_handed_over", "service_taken_over"]
    assert "1 calls of the process before go on" in host.log()
    assert "WARNING" not in host.log()
    host.main.stop()
    assert host.media.is_active
    assert socket.exists()
    host.media.stop()
    assert not is_alive(media)
    assert host.media.history == ["ready", "stopping", "exited"]


@pytest.mark.long
def test_a_call_that_comes_during_a_restart_succeeds_when_it_is_repeated(host: Host) -> None:
    host.start()
    with RtpPeers([450]) as callers:
        host.main.stop()
        rows = [Caller("5551", callers.peers[0].port)]
        sipp = Sipp(
            host.root / "sipp", server=host.service.server, callers=rows, scenario="caller_hangs_up.xml"
        )
        time.sleep(0.3)
        host.main.start()
        result = sipp.wait()
        assert result.exit_code == 0, result.output
        assert result.count("Retransmissions") > 0
        answered = result.time_of(1, "SIP/2.0 200", sent=False)
        assert answered - result.time_of(1, "INVITE", sent=True) < 10
    (record,) = read_records(host.service)
    assert record.disposition == "abandoned"


@pytest.mark.alone
@pytest.mark.quiet
@pytest.mark.effect("media.start")
def test_a_killed_service_is_started_again_and_the_call_goes_on(host: Host) -> None:
    host.start()
    media, before = host.media.pid, host.main.pid
    host.service.command("agents", "add", "alice", "--password", "e2e-secret", "--queue", "support")
    with (
        Phone("alice", "--play", "tone:1100", "--hang-up-after", "6", server=host.service.server) as alice,
        RtpPeers([450]) as callers,
    ):
        alice.wait_for("registered")
        peer = callers.peers[0]
        sipp = Sipp(host.root / "sipp", server=host.service.server, callers=[Caller("5551", peer.port)])
        alice.wait_for("call_connected")
        assert until(lambda: bool(peer.arrivals), 5)
        time.sleep(0.5)
        os.kill(before, signal.SIGKILL)
        killed_at = time.time()
        assert host.main.await_history("ready", 2)
        heard = [arrival.time for arrival in peer.between(killed_at - 0.5, time.time())]
        assert longest_gap(heard) <= LONGEST_GAP
        assert host.service.present()["active_calls"] == 1
        assert sipp.wait().exit_code == 0
    assert host.media.pid == media
    assert host.main.history == ["ready", "killed", "restarted", "ready"]


@pytest.mark.parametrize("fault", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.long)])
def test_a_media_process_that_dies_or_freezes_is_started_again_by_its_unit(
    host: Host, fault: signal.Signals, result_lines: list[str]
) -> None:
    host.start()
    before = host.media.pid
    host.service.command("agents", "add", "alice", "--password", "e2e-secret", "--queue", "support")
    with (
        Phone("alice", "--play", "tone:1100", "--hang-up-after", "8", server=host.service.server) as alice,
        RtpPeers([450], patience=6.0) as callers,
    ):
        alice.wait_for("registered")
        peer = callers.peers[0]
        sipp = Sipp(host.root / "sipp", server=host.service.server, callers=[Caller("5551", peer.port)])
        alice.wait_for("call_connected")
        assert until(lambda: len(peer.arrivals) > 25, 5)
        struck_at = time.time()
        os.kill(before, fault)
        assert host.media.await_history("ready", 2)
        assert until(lambda: host.service.media_pid() == host.media.pid, 15)
        assert sipp.wait().exit_code == 0
    gap = longest_gap([arrival.time for arrival in peer.between(struck_at - 0.5, struck_at + 6)])
    result_lines.append(f"media unit, {fault.name}: {gap:.2f} s without audio")
    assert 0.06 < gap < LONGEST_GAP_MEDIA
    assert host.media.pid != before
    assert host.media.history == ["ready", "killed", "restarted", "ready"]
    assert "waiting for another" in host.log()
    assert host.main.history == ["ready"]


def test_a_reload_is_told(host: Host) -> None:
    host.start()
    with (host.root / "etc/callengine/settings.toml").open("a") as settings:
        settings.write('\n[production.numbers.closed]\ndestination = "hangup:480"\n')
    host.main.reload()
    assert host.main.await_history("ready", 2)
    assert "numbers.closed is new" in host.log()
    assert host.main.history == ["ready", "reloading", "ready"]


@pytest.mark.long
def test_a_held_hub_is_killed_and_started_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLD_SECONDS", "60")
    blockable = f"{sys.executable} -m tests.e2e.blockable"
    changes = {"WatchdogSec=20": "WatchdogSec=3", f"{sys.executable} -m callengine serve": blockable}
    host = Host(root, changes)
    try:
        host.start()
        time.sleep(5)
        assert host.main.history == ["ready"], "a hub that turns feeds the watchdog"
        os.kill(host.main.pid, signal.SIGUSR1)
        assert host.main.await_history("ready", 2)
        assert host.main.history == ["ready", "watchdog", "killed", "restarted", "ready"]
    finally:
        host.main.stop()
        host.media.stop()


def test_one_that_does_not_end_in_time_is_killed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLD_SECONDS", "60")
    blockable = f"{sys.executable} -m tests.e2e.blockable"
    changes = {"TimeoutStopSec=60": "TimeoutStopSec=1", f"{sys.executable} -m callengine serve": blockable}
    host = Host(root, changes)
    try:
        host.start()
        pid = host.main.pid
        os.kill(pid, signal.SIGUSR1)
        time.sleep(0.2)
        host.main.stop()
        assert not is_alive(pid)
        assert host.main.history == ["ready", "killed"]
    finally:
        host.main.stop()
        host.media.stop()
