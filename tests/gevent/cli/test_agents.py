"""`callengine agents`: adding them one by one and from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from callengine.cli import group
from callengine.db.engine import make_engine, reading
from callengine.db.repositories.agents import AgentRecord, credentials, read_agents
from callengine.sip.auth import ha1
from tests.fakes.databases import Databases


@pytest.fixture
def url(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with all tables, which the settings name."""
    url = databases.new()
    monkeypatch.setenv("CALLENGINE_DATABASE__URL", url)
    monkeypatch.setenv("CALLENGINE_ENV", "testing")
    return url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["agents", *arguments])


def stored(url: str) -> dict[str, AgentRecord]:
    """The agents in the database, by name."""
    with reading(make_engine(url)) as connection:
        return {agent.name: agent for agent in read_agents(connection)}


def test_one_agent_is_added_with_its_queue_and_digests(url: str) -> None:
    result = run("add", "alice", "--password", "p", "--queue", "support")
    assert result.exit_code == 0, result.output
    assert "sip:alice@call-center.local" in result.output
    assert [place.queue for place in stored(url)["alice"].queues] == ["support"]
    with reading(make_engine(url)) as connection:
        secrets = credentials(connection, "alice")
    assert secrets == {each: ha1("alice", "call-center.local", "p", each) for each in ("MD5", "SHA-256")}


def test_an_agent_may_have_several_calls(url: str) -> None:
    assert run("add", "alice", "--password", "p", "--max-calls", "3").exit_code == 0
    assert stored(url)["alice"].max_concurrent_calls == 3
    result = run("set", "alice", "--max-calls", "2")
    assert (result.exit_code, result.output) == (0, "Agent alice may have 2 calls.\n")
    assert stored(url)["alice"].max_concurrent_calls == 2
    for wrong in (
        ["set", "alice", "--max-calls", "0"],
        ["add", "bob", "--password", "p", "--max-calls", "101"],
    ):
        result = run(*wrong)
        assert result.exit_code == 1
        assert "calls at once; allowed: 1 to 100" in result.output
    assert list(stored(url)) == ["alice"]


def test_a_pause_can_be_ordered_for_the_next_sign_on(url: str) -> None:
    run("add", "alice", "--password", "p")
    result = run("pause", "alice", "--reason", "lunch", "--after-call")
    assert (result.exit_code, result.output) == (
        0,
        "Agent alice is paused (lunch) as soon as it has no call.\n",
    )
    assert stored(url)["alice"].pause_next_reason == "lunch"
    assert "offline (then lunch)" in run("list").output
    assert run("resume", "alice").exit_code == 0
    assert stored(url)["alice"].pause_next_reason is None


@pytest.mark.usefixtures("url")
def test_signing_on_and_off_by_hand() -> None:
    run("add", "alice", "--password", "p")
    result = run("sign-on", "alice")
    assert result.exit_code == 1
    assert "alice has no phone that could ring" in result.output
    assert run("sign-off", "alice").output == "Agent alice is signed off.\n"


@pytest.mark.parametrize(
    ("options", "exit_code", "said"),
    [
        (["--end"], 1, "alice is offline and has no wrap-up"),
        (["--end", "--code", "sale"], 1, "alice is offline and has no wrap-up"),
        (["--extend", "5"], 1, "alice is offline and has no wrap-up"),
        (["--extend", "-5"], 1, "-5 more seconds"),
        (["--code", "sale"], 1, "alice has had no conversation"),
        ([], 2, "say --end"),
        (["--end", "--extend", "5"], 2, "say --end"),
        (["--code", "sale", "--extend", "5"], 2, "say --end"),
        (["--extend", "long"], 2, "not a valid float"),
    ],
)
def test_a_wrap_up_that_is_none_is_refused(url: str, options: list[str], exit_code: int, said: str) -> None:
    run("add", "alice", "--password", "p")
    result = run("wrap-up", "alice", *options)
    assert result.exit_code == exit_code
    assert said in result.output
    assert "Traceback" not in result.output
    assert stored(url)["alice"].state == "offline"


def test_a_file_of_agents_is_imported(url: str, tmp_path: Path) -> None:
    file = tmp_path / "agents.csv"
    file.write_text(
        "name,password,queues,skills\nann,p,support:2,french:5 chess\n\nbob,q,,\ncarol,r,support,\n"
    )
    result = run("import", str(file))
    assert result.exit_code == 0, result.output
    agents = stored(url)
    assert agents["ann"].skills == {"french": 5, "chess": 1}
    assert agents["bob"].queues == ()
    assert [place.tier for name in ("ann", "carol") for place in agents[name].queues] == [2, 1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("nom,password,queues,skills\n", "name,password,queues,skills"),
        ("name,password,queues,skills\nann,p,support\n", "line 2: 3 columns"),
        ("name,password,queues,skills\nann,p,,\nb ob,p,,\n", "line 3: the name 'b ob'"),
        ("name,password,queues,skills\nann,,,\n", "no password"),
        ("name,password,queues,skills\nann,p,,french:11\n", "french:11"),
        ("name,password,queues,skills\nann,p,nowhere,\n", "nowhere"),
        ("name,password,queues,skills\nann,p,support:0,\n", "the tier 0; allowed: 1 to 100"),
        ("name,password,queues,skills\nann,p,support:x,\n", "allowed: QUEUE or QUEUE:TIER"),
        ("name,password,queues,skills\nann,p,support:2,\n", "nobody in tier 1"),
        ("name,password,queues,skills\nann,p,,fr>3\n", "the skill 'fr>3'"),
        ("name,password,queues,skills\nann,p,,\nann,p,,\n", "ann"),
    ],
)
def test_a_file_with_one_wrong_line_changes_nothing(url: str, tmp_path: Path, lines: str, said: str) -> None:
    file = tmp_path / "agents.csv"
    file.write_text(lines)
    result = run("import", str(file))
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output
    assert stored(url) == {}


def test_a_name_is_added_once(url: str) -> None:
    assert run("add", "alice", "--password", "p").exit_code == 0
    result = run("add", "alice", "--password", "p")
    assert result.exit_code == 1
    assert "alice" in result.output
    assert len(stored(url)) == 1


def test_an_unknown_queue_is_named(url: str) -> None:
    result = run("add", "alice", "--password", "p", "--queue", "nowhere")
    assert result.exit_code == 1
    assert "nowhere" in result.output
    assert stored(url) == {}


def test_wrong_use_is_told_with_exit_code_2(url: str) -> None:
    assert run("add", "alice").exit_code == 2
    assert run("promote", "alice").exit_code == 2
    assert stored(url) == {}


def test_queues_tiers_and_positions(url: str) -> None:
    for name in ("alice", "bob"):
        run("add", name, "--password", "p")
    assert run("assign", "alice", "support").output == "Agent alice serves the queue support.\n"
    assert run("assign", "bob", "support", "--tier", "2", "--position", "7").exit_code == 0
    places = {
        name: [(each.queue, each.tier, each.position) for each in agent.queues]
        for name, agent in stored(url).items()
    }
    assert places == {"alice": [("support", 1, 0)], "bob": [("support", 2, 7)]}
    assert "support:2" in run("list").output
    result = run("unassign", "alice", "support")
    assert (result.exit_code, "nobody in tier 1" in result.output) == (1, True)
    assert run("unassign", "bob", "support").output == "Agent bob does not serve the queue support.\n"
    assert (
        run("unassign", "alice", "support", "--json").output
        == '{"unassigned": "alice", "queue": "support"}\n'
    )
    assert [agent.queues for agent in stored(url).values()] == [(), ()]


def test_skills_one_by_one(url: str) -> None:
    run("add", "alice", "--password", "p")
    assert run("skill", "alice", "french", "3").output == "Agent alice has the skill french at level 3.\n"
    assert run("skill", "alice", "french", "10").exit_code == 0
    assert run("skill", "alice", "gold", "1").exit_code == 0
    assert stored(url)["alice"].skills == {"french": 10, "gold": 1}
    assert run("skill", "alice", "gold", "0").output == "Agent alice does not have the skill gold any more.\n"
    assert stored(url)["alice"].skills == {"french": 10}


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["assign", "alice", "nights"], 1, "there is no queue 'nights'"),
        (["assign", "carol", "support"], 1, "there is no agent 'carol'"),
        (["assign", "alice", "support", "--tier", "0"], 1, "the tier 0; allowed: 1 to 100"),
        (["assign", "alice", "support", "--position", "-1"], 1, "the position -1; allowed: 0 to 1000000"),
        (["assign", "alice", "support", "--tier", "x"], 2, "not a valid integer"),
        (["unassign", "alice", "support"], 1, "alice does not serve the queue support"),
        (["skill", "alice", "french", "11"], 1, "the level 11; allowed: 1 to 10"),
        (["skill", "alice", "french", "0"], 1, "alice does not have the skill french"),
        (["skill", "alice", "fre nch", "1"], 1, "the skill 'fre nch'; allowed: 1 to 64 characters"),
        (["skill", "alice", "french"], 2, "Missing argument 'LEVEL'"),
    ],
)
def test_an_assignment_that_is_impossible_is_refused(
    url: str, arguments: list[str], exit_code: int, said: str
) -> None:
    run("add", "alice", "--password", "p")
    result = run(*arguments)
    assert result.exit_code == exit_code
    assert said in result.output
    assert (stored(url)["alice"].queues, stored(url)["alice"].skills) == ((), {})
