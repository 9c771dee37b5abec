"""`/api/v1/agents`: who works here, on the control socket."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from callengine.api.bodies import list_body, number, object_body, switch, text, whole
from callengine.api.peers import require_local, require_operator
from callengine.callcenter.administration import AgentDesk
from callengine.callcenter.after_call import LONGEST_SECONDS
from callengine.callcenter.assignments import HIGHEST_POSITION
from callengine.callcenter.routing.tiers import HIGHEST_TIER
from callengine.callcenter.staff import MOST_CALLS, NewAgent
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

    @routes.patch("/<name>")
    def change(name: str) -> Response:
        by = require_operator(request.environ)
        desk.set_max_calls(name, whole(object_body(), "max_calls", least=1, most=MOST_CALLS), by=by)
        return jsonify(changed=name)

    _add_orders(routes, desk)
    _add_wrap_up(routes, desk)
    _add_assignments(routes, desk)
    return routes


def _add_orders(routes: Blueprint, desk: AgentDesk) -> None:
    """Whether an agent is to be offered calls."""

    @routes.post("/<name>/pause")
    def pause(name: str) -> Response:
        by = require_operator(request.environ)
        given = object_body()
        desk.pause(name, reason=text(given, "reason"), after_call=switch(given, "after_call"), by=by)
        return jsonify(paused=name)

    @routes.post("/<name>/sign_on")
    def sign_on(name: str) -> Response:
        desk.sign_on(name, by=require_operator(request.environ))
        return jsonify(signed_on=name)

    @routes.post("/<name>/sign_off")
    def sign_off(name: str) -> Response:
        desk.sign_off(name, by=require_operator(request.environ))
        return jsonify(signed_off=name)

    @routes.post("/<name>/resume")
    def resume(name: str) -> Response:
        desk.resume(name, by=require_operator(request.environ))
        return jsonify(resumed=name)


def _add_assignments(routes: Blueprint, desk: AgentDesk) -> None:
    """Which queues an agent serves, and what it knows."""

    @routes.put("/<name>/queues/<queue>")
    def assign(name: str, queue: str) -> Response:
        by = require_operator(request.environ)
        given = object_body()
        place = {
            key: None if given.get(key) is None else whole(given, key, least=least, most=most)
            for key, least, most in (("tier", 1, HIGHEST_TIER), ("position", 0, HIGHEST_POSITION))
        }
        desk.assign(name, queue, **place, by=by)
        return jsonify(assigned=name, queue=queue)

    @routes.delete("/<name>/queues/<queue>")
    def unassign(name: str, queue: str) -> Response:
        desk.unassign(name, queue, by=require_operator(request.environ))
        return jsonify(unassigned=name, queue=queue)

    @routes.put("/<name>/skills/<skill>")
    def set_skill(name: str, skill: str) -> Response:
        by = require_operator(request.environ)
        level = whole(object_body(), "level", least=0, most=_HIGHEST)
        desk.set_skill(name, skill, level, by=by)
        return jsonify(changed=name, skill=skill, level=level)


def _add_wrap_up(routes: Blueprint, desk: AgentDesk) -> None:
    """What can be done to an agent's wrap-up."""

    @routes.post("/<name>/wrap_up/end")
    def end_wrap_up(name: str) -> Response:
        by = require_operator(request.environ)
        given = object_body()
        code = None if given.get("code") is None else text(given, "code")
        desk.end_wrap_up(name, code=code, by=by)
        return jsonify(ended=name)

    @routes.post("/<name>/wrap_up/extend")
    def extend_wrap_up(name: str) -> Response:
        by = require_operator(request.environ)
        seconds = number(object_body(), "seconds", least=0, most=LONGEST_SECONDS)
        if seconds is None:
            raise BadRequest("seconds must be given")
        desk.extend_wrap_up(name, seconds=seconds, by=by)
        return jsonify(extended=name)

    @routes.post("/<name>/wrap_up/code")
    def set_code(name: str) -> Response:
        by = require_operator(request.environ)
        desk.set_wrap_up_code(name, code=text(object_body(), "code"), by=by)
        return jsonify(coded=name)


def _newcomer(given: Any) -> NewAgent:
    try:
        return NewAgent(
            name=str(given["name"]),
            ha1={each: _secret(given["ha1"][each], digits) for each, digits in _DIGITS.items()},
            realm=str(given["realm"]),
            queues=tuple(_plain(queue) for queue in given["queues"]),
            skills={_plain(name): _up_to(level, _HIGHEST) for name, level in given["skills"].items()},
            max_calls=_up_to(given.get("max_calls", 1), MOST_CALLS),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadRequest(
            "an agent has name, ha1 (MD5 and SHA-256, in hexadecimal), realm, queues, skills of levels 1 to"
            f" {_HIGHEST}, and max_calls from 1 to {MOST_CALLS} (1)"
        ) from None


def _secret(given: str, digits: int) -> str:
    if len(given) != digits or not _HEXADECIMAL.issuperset(given):
        raise ValueError
    return given


def _plain(given: str) -> str:
    if not given.isprintable() or len(given) > _LONGEST:
        raise ValueError
    return given


def _up_to(given: object, most: int) -> int:
    if type(given) is not int or not 1 <= given <= most:
        raise ValueError
    return given
