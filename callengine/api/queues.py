"""`/api/v1/queues`: the queues and who waits in them, on the control socket."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from callengine.api.peers import require_local
from callengine.callcenter.administration import QueueDesk


def make_queues(desk: QueueDesk) -> Blueprint:
    """The routes of queues."""
    routes = Blueprint("queues", __name__, url_prefix="/api/v1/queues")

    @routes.get("")
    def show_all() -> Response:
        require_local(request.environ)
        return jsonify(desk.list_all())

    @routes.get("/<name>")
    def show(name: str) -> Response:
        require_local(request.environ)
        return jsonify(desk.show(name))

    return routes
