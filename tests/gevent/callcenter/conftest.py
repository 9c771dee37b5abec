"""A whole call center in this process, with the local media engine, and phones that call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import pytest

from callengine import greenlets, store
from callengine.api import control
from callengine.app import CallCenter
from callengine.clock import Clock
from callengine.config import Settings, load
from callengine.db.engine import make_engine, reading
from callengine.db.repositories.agents import add_agent
from callengine.errors import CallCenterError
from callengine.media.engine import EventSink, MediaEngine
from callengine.media.local import LocalEngine
from callengine.media.port_pool import PortPool
from callengine.sip.auth import ha1
from tests.e2e.ports import free_port
from tests.fakes.databases import Databases
from tests.fakes.phone import Phone, Script, answer

REALM = "127.0.0.1"


class Desk:
    """The call center and everybody around it."""

    def __init__(self, directory: Path, *, database: str, **variables: str) -> None:
        """`database` is the URL of one with all tables and no agents."""
        own = {
            "GENERAL__DOMAIN": REALM,
            "GENERAL__CONTROL_SOCKET": str(directory / "control.sock"),
            "GENERAL__BYE_TIMEOUT_SECONDS": "0.5",
            "SIP__PORT": str(free_port()),
            "API__PORT": str(free_port()),
            "DATABASE__URL": database,
            "SECURITY__OPEN_INBOUND": "true",
            "MEDIA__RESERVE": "false",
        }
        prefixed = {f"CALLENGINE_{key}": value for key, value in {**own, **variables}.items()}
        self.environ = {**prefixed, "CALLENGINE_ENV": "testing"}
        self.settings: Settings = load(self.environ)
        self.phones: list[Phone] = []
        self.center: CallCenter | None = None
        url = self.settings.database.url
        self._reader = make_engine(url, enable_wal_mode=None, enable_foreign_keys=False)

    def open(self, clock: Clock | None = None) -> None:
        """Start the call center."""
        self.center = CallCenter(self.settings, make_media=local_engine, clock=clock)
        self.center.start()

    def answers(self) -> bool:
        """Whether a service of these settings takes calls."""
        try:
            return bool(control.ask(Path(self.settings.general.control_socket), "/ready")["ready"])
        except CallCenterError:
            return False

    def add_agents(self, *names: str, queue: str = "support") -> None:
        """Agents with the password "secret"."""
        with store.offline(self.settings) as committer:
            for name in names:
                secrets = {each: ha1(name, REALM, "secret", each) for each in ("MD5", "SHA-256")}
                committer.commit(partial(add_agent, name=name, ha1=secrets, realm=REALM, queues=[queue]))

    def phone(self, name: str = "caller", *, script: Script = answer) -> Phone:
        """A phone that is not registered."""
        phone = Phone(("127.0.0.1", self.settings.sip.port), name=name, script=script)
        self.phones.append(phone)
        return phone

    def agent(self, name: str, *, script: Script = answer) -> Phone:
        """A phone of the agent, registered."""
        phone = self.phone(name, script=script)
        phone.register()
        return phone

    def rows(self, statement: str) -> list[Any]:
        """What the database holds."""
        try:
            with reading(self._reader) as connection:
                return list(connection.exec_driver_sql(statement).mappings())
        finally:
            self._let_go()

    def change(self, *statements: str) -> None:
        """Change rows behind the service and the guard over states, whatever refers to them."""
        if self._reader.dialect.name == "postgresql":
            statements = ("SET LOCAL session_replication_role = replica", *statements)
        opened = self._reader.raw_connection()
        try:
            for statement in statements:
                opened.cursor().execute(statement)
            opened.commit()
        finally:
            opened.close()
            self._let_go()

    def _let_go(self) -> None:
        """Of a file; to connect to a server anew each time would take longer than what is asked."""
        if self._reader.dialect.name == "sqlite":
            self._reader.dispose()

    def one(self, statement: str) -> Any:
        """The only row."""
        (row,) = self.rows(statement)
        return row

    def until(self, statement: str, expected: object, *, seconds: float = 30) -> None:
        """Wait until the only value of the only row is `expected`."""
        what = f"{statement}: {expected}"
        wait_until(lambda: next(iter(self.one(statement).values())) == expected, what, seconds)

    def agent_is_free_for_another(self, phone: Phone) -> bool:
        """Whether one more call reaches this phone, and ends well."""
        count = len(phone.calls)
        caller = self.phone().call("support")
        return bool(phone.wait_for_call(count + 1).confirmed.wait(5)) and caller.hang_up()

    def close(self) -> None:
        """Hang everything up; the phones stay until the end, so that they can confirm it."""
        if self.center is not None:
            self.center.stop()
        for phone in self.phones:
            phone.close()
        self._reader.dispose()


def wait_until(condition: Callable[[], bool], what: str = "it", seconds: float = 30) -> None:
    """Wait until the condition holds; on a busy machine a service takes seconds to start."""
    with gevent.Timeout(seconds, AssertionError(f"{what} did not become true")):
        while not condition():
            gevent.sleep(0.01)


def local_engine(on_event: EventSink) -> MediaEngine:
    return LocalEngine(host="127.0.0.1", ports=PortPool(20000, 20999), on_event=on_event)


@pytest.fixture
def make_desk(tmp_path: Path, databases: Databases) -> Iterator[Callable[..., Desk]]:
    """Makes call centers; none may leave a greenlet behind."""
    desks: list[Desk] = []

    def make(*agents: str, open_now: bool = True, **variables: str) -> Desk:
        desk = Desk(tmp_path, database=databases.new(), **variables)
        desks.append(desk)
        desk.add_agents(*agents)
        if open_now:
            desk.open()
        return desk

    yield make
    for desk in desks:
        desk.close()
    wait_until(lambda: not greenlets.running(), f"no greenlet left of {greenlets.running()}")
