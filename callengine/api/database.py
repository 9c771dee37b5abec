"""`/api/v1/database`: what is done to the database while the service runs, on the control socket."""

from __future__ import annotations

import math

from flask import Blueprint, Response, jsonify, request

from callengine.api.bodies import number, object_body
from callengine.api.peers import require_local, require_operator
from callengine.callcenter.administration import DatabaseDesk
from callengine.errors import BadRequest

_LATEST = 1e11


def make_database(desk: DatabaseDesk) -> Blueprint:
    """The routes of the database."""
    routes = Blueprint("database", __name__, url_prefix="/api/v1/database")

    @routes.get("/old_calls")
    def count() -> Response:
        require_local(request.environ)
        return jsonify(calls=desk.count_old_calls(before=_time(request.args.get("before"))))

    @routes.post("/prune")
    def prune() -> Response:
        by = require_operator(request.environ)
        before = number(object_body(), "before", least=0.0, most=_LATEST)
        if before is None:
            raise BadRequest("before must be a time in seconds since the epoch")
        return jsonify(desk.prune(before=before, by=by))

    return routes


def _time(given: str | None) -> float:
    try:
        time = float(given or "")
    except ValueError:
        time = math.nan
    if not 0.0 <= time <= _LATEST:
        raise BadRequest("before must be a time in seconds since the epoch")
    return time
