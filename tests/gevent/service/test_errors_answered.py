"""What docs/errors.md promises of each error: the SIP status that leaves, and the HTTP status of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from callengine import errors
from callengine.api.server import Door, make_app
from callengine.callcenter.administration import Administration
from callengine.clock import SystemClock
from callengine.config import load
from callengine.db.committer import Committer
from callengine.errors import CallCenterError, SettingsError
from callengine.queue_book import QueueBook
from callengine.sip.endpoint import Endpoint
from callengine.sip.server_transaction import ServerTransaction
from tests.e2e.raw_sip import RawSip, status_of

CLASSES = [
    thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, CallCenterError)
]


def made(error: type[CallCenterError]) -> CallCenterError:
    """One of that kind."""
    return SettingsError(["why"]) if error is SettingsError else error("why")


def raising(error: type[CallCenterError]) -> Callable[..., None]:
    """A handler that fails with it."""

    def fail(_transaction: ServerTransaction | None = None) -> None:
        raise made(error)

    return fail


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint(host="127.0.0.1", port=0, user_agent="test")
    endpoint.start()
    yield endpoint
    endpoint.stop()


@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
@pytest.mark.parametrize("error", CLASSES)
def test_the_sip_status_leaves(endpoint: Endpoint, error: type[CallCenterError], method: str) -> None:
    endpoint.on(method, raising(error))
    with RawSip("{}:{}".format(*endpoint.local_address)) as raw:
        request = raw.request(method, "alice")
        answer = raw.final_response(request)
        assert status_of(answer) == error.sip_status
        if method == "INVITE":
            raw.acknowledge(request, answer or "")


@pytest.mark.parametrize("error", CLASSES)
def test_the_http_status_is_answered(error: type[CallCenterError], committer: Committer) -> None:
    def fail() -> dict[str, object]:
        raise made(error)

    administration = Administration(
        engine=committer.engine,
        committer=committer,
        clock=SystemClock(),
        realm="x",
        node="main",
        book=QueueBook(load(environ={})),
    )
    door = Door(administration=administration, status=fail, drain=lambda *_: {}, unready=list, metrics=bytes)
    app = make_app(door)
    answer = app.test_client().get("/api/v1/status")
    assert answer.status_code == error.http_status
    assert answer.json == {"error": error.__name__, "message": "why"}
