"""`/api/v1/queues`: the queues and who waits in them, on the control socket."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from callengine.api.bodies import object_body, text
from callengine.api.peers import require_local, require_operator
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

    @routes.post("/<name>")
    def add(name: str) -> Response:
        require_operator(request.environ)
        desk.add(name, _texts())
        return jsonify(name=name)

    @routes.patch("/<name>")
    def change(name: str) -> Response:
        require_operator(request.environ)
        desk.change(name, _texts())
        return jsonify(name=name)

    @routes.delete("/<name>")
    def remove(name: str) -> Response:
        require_operator(request.environ)
        desk.remove(name)
        return jsonify(name=name)

    return routes


def _texts() -> dict[str, str]:
    given = object_body()
    return {name: text(given, name) for name in given}
