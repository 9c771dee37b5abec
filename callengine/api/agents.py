"""`/api/v1/agents`: who works here, on the control socket."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from callengine.api.bodies import list_body, object_body, text
from callengine.api.peers import require_local, require_operator
from callengine.callcenter.administration import AgentDesk
from callengine.callcenter.staff import NewAgent
from callengine.errors import BadRequest

_DIGITS = {"MD5": 32, "SHA-256": 64}
"""How many digits each digest has."""
_HEXADECIMAL = frozenset("0123456789abcdef")
_LONGEST = 255
_HIGHEST = 10


def make_agents(desk: AgentDesk) -> Blueprint:
    """The routes of agents."""
    routes = Blueprint("agents", __name__, url_prefix="/api/v1/agents")

    @routes.get("")
    def show() -> Response:
        require_local(request.environ)
        return jsonify(desk.list_all())

    @routes.post("")
    def add() -> Response:
        by = require_operator(request.environ)
        newcomers = [_newcomer(each) for each in list_body()]
        desk.add(newcomers, by=by)
        return jsonify(added=len(newcomers))

    @routes.delete("/<name>")
    def remove(name: str) -> Response:
        desk.remove(name, by=require_operator(request.environ))
        return jsonify(removed=name)

    @routes.post("/<name>/pause")
    def pause(name: str) -> Response:
        by = require_operator(request.environ)
        desk.pause(name, reason=text(object_body(), "reason"), by=by)
        return jsonify(paused=name)

    @routes.post("/<name>/resume")
    def resume(name: str) -> Response:
        desk.resume(name, by=require_operator(request.environ))
        return jsonify(resumed=name)

    return routes


def _newcomer(given: Any) -> NewAgent:
    try:
        return NewAgent(
            name=str(given["name"]),
            ha1={each: _secret(given["ha1"][each], digits) for each, digits in _DIGITS.items()},
            realm=str(given["realm"]),
            queues=tuple(_plain(queue) for queue in given["queues"]),
            skills={_plain(name): _level(level) for name, level in given["skills"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadRequest(
            "an agent has name, ha1 (MD5 and SHA-256, in hexadecimal), realm, queues, and skills of levels"
            f" 1 to {_HIGHEST}"
        ) from None


def _secret(given: str, digits: int) -> str:
    if len(given) != digits or not _HEXADECIMAL.issuperset(given):
        raise ValueError
    return given


def _plain(given: str) -> str:
    if not given.isprintable() or len(given) > _LONGEST:
        raise ValueError
    return given


def _level(given: object) -> int:
    if type(given) is not int or not 1 <= given <= _HIGHEST:
        raise ValueError
    return given
