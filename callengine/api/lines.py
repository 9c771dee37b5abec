"""`/api/v1/calls/ID/move` and so on: what is done with callers who wait, on the control socket."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from callengine.api.bodies import object_body, text
from callengine.api.peers import require_operator
from callengine.callcenter.administration import LineDesk
from callengine.errors import BadRequest

MOST_URGENT = 1_000_000


def make_lines(desk: LineDesk) -> Blueprint:
    """The routes of callers who wait."""
    routes = Blueprint("lines", __name__, url_prefix="/api/v1/calls")

    @routes.post("/<prefix>/move")
    def move(prefix: str) -> Response:
        by = require_operator(request.environ)
        return jsonify(id=desk.move(prefix, text(object_body(), "queue"), by=by))

    @routes.post("/<prefix>/prioritize")
    def prioritize(prefix: str) -> Response:
        by = require_operator(request.environ)
        priority = object_body().get("priority")
        if not isinstance(priority, int) or isinstance(priority, bool) or abs(priority) > MOST_URGENT:
            raise BadRequest(f"priority must be a whole number from -{MOST_URGENT} to {MOST_URGENT}")
        return jsonify(id=desk.prioritize(prefix, priority, by=by))

    @routes.post("/<prefix>/withdraw")
    def withdraw(prefix: str) -> Response:
        by = require_operator(request.environ)
        return jsonify(id=desk.withdraw(prefix, by=by))

    return routes
