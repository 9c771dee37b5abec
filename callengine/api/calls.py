"""`/api/v1/calls`: the calls of now and of before, on the control socket."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from callengine.api.peers import require_local, require_operator
from callengine.callcenter.administration import CallDesk
from callengine.errors import BadRequest

MOST = 10_000
"""Calls that are listed at once."""


def make_calls(desk: CallDesk) -> Blueprint:
    """The routes of calls."""
    routes = Blueprint("calls", __name__, url_prefix="/api/v1/calls")

    @routes.get("")
    def show_all() -> Response:
        require_local(request.environ)
        return jsonify(desk.list_some(latest=_latest(request.args.get("latest"))))

    @routes.get("/<prefix>")
    def show(prefix: str) -> Response:
        require_local(request.environ)
        return jsonify(desk.show(prefix))

    @routes.get("/<prefix>/why")
    def why(prefix: str) -> Response:
        require_local(request.environ)
        return jsonify(desk.why(prefix))

    @routes.post("/<prefix>/hangup")
    def hang_up(prefix: str) -> Response:
        by = require_operator(request.environ)
        return jsonify(id=desk.hang_up(prefix, by=by))

    return routes


def _latest(given: str | None) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 6 and 1 <= int(given) <= MOST):
        raise BadRequest(f"latest must be a number from 1 to {MOST}")
    return int(given)
