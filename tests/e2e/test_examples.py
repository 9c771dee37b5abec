"""The examples, run as their reader would run them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.phone import Phone
from tests.e2e.service import PASSWORD, ROOT, Service, run_command, until

EXAMPLES = ROOT / "examples"


def start(example: str, *arguments: str, service: Service, output: Path) -> subprocess.Popen[bytes]:
    """Run an example with the settings of a service, in its directory."""
    with output.open("wb") as said:
        return subprocess.Popen(
            [sys.executable, str(EXAMPLES / example), *arguments],
            cwd=service.directory,
            env=service.environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )


def end(process: subprocess.Popen[bytes]) -> int:
    """Ctrl-C, and its exit code."""
    process.send_signal(signal.SIGINT)
    return process.wait(20)


def test_a_server_in_three_lines_an_agent_and_a_call(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    service.prepare()
    server = start("server.py", service=service, output=tmp_path / "server.out")
    assert until(service.answers, 20), (tmp_path / "server.out").read_text()
    said = tmp_path / "agent.out"
    agent = start("agent.py", "alice", PASSWORD, service.server, service=service, output=said)
    assert until(lambda: "registered" in said.read_text(), 10), said.read_text()
    target = f"sip:support@{service.server}"
    with Phone("caller", "--call", target, server=service.server, password=None) as caller:
        caller.wait_for("call_connected")
        assert until(lambda: "call_terminated" in said.read_text(), 15), said.read_text()
        assert caller.wait_for("call_terminated")["hung_up_by"] == "remote"
    assert (end(agent), end(server)) == (0, 0)
    assert service.rows("SELECT disposition, hung_up_by FROM calls") == [
        {"disposition": "answered", "hung_up_by": "agent"}
    ]


def test_events_and_figures_in_a_program(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    service.prepare()
    said = tmp_path / "watch.out"
    watch = start("watch.py", "8", service=service, output=said)
    assert until(service.answers, 20), said.read_text()
    with Phone("alice", server=service.server) as alice:
        alice.wait_for("registered")
        assert watch.wait(30) == 0
    assert "agent_registered - alice" in said.read_text()
    assert "\n0 calls in all\n" in said.read_text()


def test_a_reader_that_comes_back(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    service.prepare()
    numbers: list[int] = []
    for turn in ("first", "second"):
        said = tmp_path / f"{turn}.out"
        reader = start("follow.py", "4", service=service, output=said)
        assert until(service.answers, 20), said.read_text()
        with Phone("alice", server=service.server) as alice:
            alice.wait_for("registered")
            assert reader.wait(30) == 0
        lines = [line.split() for line in said.read_text().splitlines() if line[:1].isdigit()]
        assert ["agent_registered", "alice"] in [words[1:] for words in lines if words[0].isdigit()]
        numbers += [int(words[0]) for words in lines if len(words) == 3 and words[0].isdigit()]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", ["one_host/settings.toml", "enterprise.toml", "multi_queue.toml"])
def test_the_settings_are_good(name: str) -> None:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("CALLENGINE_")}
    settings = {
        "CALLENGINE_ENV": "production",
        "CALLENGINE_SETTINGS": str(EXAMPLES / name),
    }
    done = run_command("config", "check", directory=ROOT, environment=inherited | settings)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_own_strategy_is_installed_and_found(tmp_path: Path) -> None:
    """By pip, as its README says, but into a directory of the test."""
    site = tmp_path / "site"
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--target",
        str(site),
    ]
    subprocess.run([sys.executable, *install, str(EXAMPLES / "own_strategy")], check=True, timeout=120)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("CALLENGINE_")}
    settings = {
        "CALLENGINE_ENV": "testing",
        "CALLENGINE_QUEUES__SUPPORT__STRATEGY": "experienced_first",
        "PYTHONPATH": str(site),
    }
    done = subprocess.run(
        [sys.executable, "-m", "callengine", "config", "show"],
        cwd=ROOT,
        env=inherited | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 'queues.support.strategy = "experienced_first"' in done.stdout


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("enterprise.toml", ["vip", "premium", "premium-support"]),
        pytest.param(
            "multi_queue.toml",
            ["general", "sales", "support", "vip", "premium"],
            marks=pytest.mark.long,
        ),
    ],
)
def test_callers_wait_in_the_queues_of_an_example(tmp_path: Path, name: str, numbers: list[str]) -> None:
    """On this machine: only addresses and names are other than the example has them."""
    example = {
        "GENERAL__REGISTRAR_DOMAIN": "127.0.0.1",
        "GENERAL__LOCAL_IP": "127.0.0.1",
    }
    service = Service(tmp_path / "service", agents=(), settings=example)
    service.environment |= {
        "CALLENGINE_ENV": "production",
        "CALLENGINE_SETTINGS": str(EXAMPLES / name),
    }
    with service:
        for number in numbers:
            target = f"sip:{number}@{service.server}"
            with Phone("caller", "--call", target, server=service.server, password=None) as caller:
                caller.wait_for("call_connected")
    waited = service.rows(
        "SELECT c.dialled, q.name FROM calls c JOIN queues q ON q.id = c.queue_id ORDER BY c.arrived_at"
    )
    queues = [{"premium-support": "general"}.get(number, number) for number in numbers]
    assert waited == [{"dialled": number, "name": queue} for number, queue in zip(numbers, queues)]
