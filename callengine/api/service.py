"""`/api/v1/status` and `/api/v1/drain`: the present of the service, and its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request

from callengine.api.bodies import number, object_body
from callengine.api.peers import require_operator

_LONGEST = 86400.0

Drain = Callable[[float | None, str], Mapping[str, Any]]
"""Begins to drain within so many seconds (None: as the settings say), for somebody; tells what goes on."""


def make_service(status: Callable[[], Mapping[str, Any]], drain: Drain) -> Blueprint:
    """The routes of the service as a whole."""
    routes = Blueprint("service", __name__, url_prefix="/api/v1")

    @routes.get("/status")
    def show() -> Response:
        return jsonify(status())

    @routes.post("/drain")
    def end() -> Response:
        by = require_operator(request.environ)
        return jsonify(drain(number(object_body(), "seconds", least=0.0, most=_LONGEST), by))

    return routes
