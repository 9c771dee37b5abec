"""`/api/v1/agents`: who works here, on the control socket."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from callengine.api.bodies import list_body, object_body, text
from callengine.api.peers import require_local, require_operator
from callengine.callcenter.administration import Administration
from callengine.callcenter.staff import NewAgent
from callengine.errors import BadRequest


def make_agents(administration: Administration) -> Blueprint:
    """The routes of agents."""
    routes = Blueprint("agents", __name__, url_prefix="/api/v1/agents")

    @routes.get("")
    def show() -> Response:
        require_local(request.environ)
        return jsonify(administration.agents())

    @routes.post("")
    def add() -> Response:
        by = require_operator(request.environ)
        newcomers = [_newcomer(each) for each in list_body()]
        administration.add_agents(newcomers, by=by)
        return jsonify(added=len(newcomers))

    @routes.delete("/<name>")
    def remove(name: str) -> Response:
        administration.remove_agent(name, by=require_operator(request.environ))
        return jsonify(removed=name)

    @routes.post("/<name>/pause")
    def pause(name: str) -> Response:
        by = require_operator(request.environ)
        administration.pause_agent(name, reason=text(object_body(), "reason"), by=by)
        return jsonify(paused=name)

    @routes.post("/<name>/resume")
    def resume(name: str) -> Response:
        administration.resume_agent(name, by=require_operator(request.environ))
        return jsonify(resumed=name)

    return routes


def _newcomer(given: Any) -> NewAgent:
    try:
        return NewAgent(
            name=str(given["name"]),
            ha1={each: str(given["ha1"][each]) for each in ("MD5", "SHA-256")},
            realm=str(given["realm"]),
            queues=tuple(map(str, given["queues"])),
            skills={str(name): int(level) for name, level in given["skills"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadRequest("an agent has name, ha1 (MD5 and SHA-256), realm, queues and skills") from None
