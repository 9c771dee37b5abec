"""Writes the pages of docs/ that are made from the code: settings, tests, errors, leases, states and so on.

python scripts/make_docs.py           write them
python scripts/make_docs.py --check   exit 1, naming each page that is not as it would be written
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from callengine import errors
from callengine.callcenter import agent_states
from callengine.config.declaration import Setting
from callengine.config.schema import ENVIRONMENTS, OTHER_NAMES, SECTIONS, TABLES, declared
from callengine.errors import CallCenterError
from callengine.sip import transaction_states
from callengine.sip.transaction_states import State, Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a script has its own folder there

from scripts.database_page import database  # noqa: E402
from scripts.events_page import events  # noqa: E402
from scripts.leases_page import lease_tables  # noqa: E402

NOTICE = "<!-- Made from the code by scripts/make_docs.py; do not edit. -->"

CONFIGURATION = f"""\
# Settings
{NOTICE}

`callengine config show` prints every setting with its value and where it was set; `callengine config check`
tells whether the service would start. Every unknown setting and every value that is not allowed is refused at
start, all at once.

## Where they come from

The layers, each over the one before:

1. `settings.toml` in the directory that the variable `CALLENGINE_CONFIG` names, else `config/settings.toml`
   in the current directory if it is there, else the one that came with callengine;
2. `.secrets.toml` beside it, for what must not be in version control;
3. the file that the variable `CALLENGINE_SETTINGS` names;
4. variables `CALLENGINE_<SECTION>__<KEY>`, such as `CALLENGINE_SIP__PORT=5070`.

In each file the table of the environment lies over `[default]`. The environment is one of
{", ".join(f"`{name}`" for name in ENVIRONMENTS)}, chosen by the variable `CALLENGINE_ENV`
(`{ENVIRONMENTS[0]}` when unset).

Through all layers **tables merge by key and lists replace**: a layer that names one setting changes that one.
A variable's text is taken as it stands where the setting is a text (`+15551234` keeps its plus), and is read
as TOML elsewhere: `CALLENGINE_SECURITY__DIGEST_ALGORITHMS='["SHA-256", "MD5"]'`. Queues and numbers are
tables by name: `[default.queues.vip]`, `CALLENGINE_QUEUES__VIP__CAPACITY=5`.
"""

STATES = f"""\
# States
{NOTICE}

The state machines of callengine, drawn from the tables that run them. What is not drawn changes nothing.
"""

MODULES = f"""\
# Modules
{NOTICE}

What each module is for: the first line of its docstring. `docs/architecture.md` tells how they go together.
"""


ERRORS = f"""\
# Errors
{NOTICE}

Every error that callengine raises of its own is a `CallCenterError`. Which SIP status an INVITE or REGISTER
refused with it is answered, and which HTTP status the API answers, stands here;
`tests/gevent/service/test_errors_answered.py` sends and asks for each.

| Error | Is a | Caller hears (SIP) | API answers (HTTP) | Meaning | What the engine does by itself |
|---|---|---|---|---|---|
"""

EFFECTS = f"""\
# What shows each setting's effect
{NOTICE}

Each setting with the tests that set it and see from outside what it does. `docs/testing.md` tells how a row
is added.

| Setting | Tests |
|---|---|
"""


def configuration() -> str:
    """The page of all settings."""
    parts = [CONFIGURATION]
    for section, kind in SECTIONS.items():
        parts.append(_settings(f"`{section}`", kind, f"{section}."))
    for section, kind in TABLES.items():
        parts.append(_settings(f"`{section}.NAME`", kind, f"{section}.NAME."))
    parts.append("## Other names\n\n| Name | Means |\n|---|---|")
    parts.extend(f"| `{other}` | `{name}` |" for other, name in OTHER_NAMES.items())
    return "\n".join(parts) + "\n"


def _settings(title: str, kind: type, prefix: str) -> str:
    rows = [
        f"| `{prefix}{key}` | {_default(one)} | {_cell(one.kind.allowed)} | {_cell(one.meaning)} |"
        for key, one in declared(kind).items()
    ]
    head = "| Setting | Default | Allowed | Meaning |\n|---|---|---|---|"
    return "\n".join([f"## {title}\n\n{kind.__doc__}\n", head, *rows, ""])


def _default(setting: Setting) -> str:
    if setting.same_as:
        return f"as `{setting.same_as}`"
    if setting.worked_out:
        return _cell(setting.worked_out)
    if setting.default is None:
        return "must be given"
    shown = str(setting.default).lower() if isinstance(setting.default, bool) else str(setting.default)
    return f"`{shown or '(empty)'}` {setting.unit}".strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def states() -> str:
    """The page of all state machines."""
    parts = [STATES, _agents(), f"## SIP transactions\n\n{_theory(transaction_states.__doc__)}\n"]
    parts.extend(_transactions(table) for table in transaction_states.TABLES)
    return "\n".join(parts)


def _agents() -> str:
    edges = (
        (state, happening, following)
        for state, row in agent_states.TRANSITIONS.items()
        for happening, following in row.items()
    )
    first = next(iter(agent_states.TRANSITIONS))
    return "\n".join(["## Agents\n", _theory(agent_states.__doc__), "", *_drawing(first, edges)])


def _transactions(table: Table) -> str:
    edges = (
        (state, happening, following)
        for state, row in table.rows.items()
        for happening, (following, _) in row.items()
    )
    drawing = _drawing(table.first_state, edges, State.TERMINATED)
    return "\n".join([f"### `{table.name}`\n", *drawing, _actions(table), ""])


def _actions(table: Table) -> str:
    first = ", ".join(table.first_actions)
    rows = [
        f"| {state} | {happening} | {following} | {', '.join(actions)} |"
        for state, row in table.rows.items()
        for happening, (following, actions) in row.items()
    ]
    head = f"First: {first}.\n\n| State | Input | Next state | Actions |\n|---|---|---|---|"
    return "\n".join([head, *rows])


def _theory(docstring: str | None) -> str:
    """A module's docstring without its first line and headings."""
    text = (docstring or "").partition("\n\n")[2]
    return text.replace("Theory of operation\n===================\n", "").strip()


def _drawing(first: str, edges: Iterable[tuple[str, str, str]], last: str = "") -> list[str]:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *_arrows(edges)]
    lines += [f"    {last} --> [*]"] if last else []
    return [*lines, "```", ""]


def _arrows(edges: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """One arrow for each pair of states; those that lead back to the same state are left to the table."""
    labels: Mapping[tuple[str, str], list[str]] = defaultdict(list)
    for state, happening, following in edges:
        if state != following:
            labels[state, following].append(happening)
    for (state, following), happenings in labels.items():
        yield f"    {state} --> {following}: {', '.join(happenings)}"


def modules() -> str:
    """The page of all modules."""
    folders = sorted({path.parent for path in (ROOT / "callengine").rglob("*.py")})
    return "\n".join([MODULES, *map(_modules_in, folders)])


def _modules_in(folder: Path) -> str:
    purposes = {path.name: _purpose(path) for path in sorted(folder.glob("*.py"))}
    rows = [f"| `{name}` | {_cell(purpose)} |" for name, purpose in purposes.items() if purpose]
    head = f"## `{folder.relative_to(ROOT)}`\n\n| Module | Is for |\n|---|---|"
    return "\n".join([head, *rows, ""])


def _purpose(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
    return (docstring or "").partition("\n")[0]


def error_tree() -> str:
    """The page of all errors."""
    return ERRORS + "".join(map(_error_row, _with_subclasses(CallCenterError)))


def _with_subclasses(error: type[CallCenterError]) -> Iterator[type[CallCenterError]]:
    yield error
    for each in error.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _with_subclasses(each)


def _error_row(error: type[CallCenterError]) -> str:
    base = error.__bases__[0].__name__
    meaning = _cell((error.__doc__ or "").partition("\n")[0])
    answers = f"{error.sip_status} | {error.http_status}"
    return f"| `{error.__name__}` | `{base}` | {answers} | {meaning} | {error.by_itself} |\n"


def effect_table() -> str:
    """The page that names the tests of each setting's effect."""
    from tests.effects import effects, settings

    found = effects()
    rows = (
        f"| `{setting}` | {'<br>'.join(f'`{test}`' for test in found.get(setting, []))} |\n"
        for setting in settings()
    )
    return EFFECTS + "".join(rows)


PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "database.md": lambda: database(NOTICE),
    "effects.md": effect_table,
    "errors.md": error_tree,
    "events.md": lambda: events(NOTICE),
    "leases.md": lambda: lease_tables(NOTICE),
    "modules.md": modules,
    "states.md": states,
}


def main() -> int:
    """Write the pages, or compare them."""
    check, stale = "--check" in sys.argv[1:], 0
    for name, make in PAGES.items():
        path, text = ROOT / "docs" / name, make()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            print(f"docs/{name} is stale: run python scripts/make_docs.py", file=sys.stderr)
            stale = 1
        else:
            path.write_text(text, encoding="utf-8")
            print(f"docs/{name}")
    return stale


if __name__ == "__main__":
    sys.exit(main())
