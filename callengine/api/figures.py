"""`/api/v1/figures`: the figures of an interval, on the control socket."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from callengine.api.peers import require_local
from callengine.callcenter.administration import FigureDesk
from callengine.errors import BadRequest

_GIVEN = ("since", "until", "queue", "agent", "within")


def make_figures(desk: FigureDesk) -> Blueprint:
    """The routes of figures."""
    routes = Blueprint("figures", __name__, url_prefix="/api/v1/figures")

    @routes.get("")
    def show() -> Response:
        require_local(request.environ)
        unknown = sorted(request.args.keys() - _GIVEN)
        if unknown:
            raise BadRequest(f"unknown: {', '.join(unknown)}; allowed: {', '.join(_GIVEN)}")
        return jsonify(
            desk.show(
                since=_seconds("since"),
                until=_seconds("until"),
                queue=request.args.get("queue"),
                agent=request.args.get("agent"),
                within=_seconds("within"),
            )
        )

    return routes


def _seconds(name: str) -> float | None:
    given = request.args.get(name)
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e12:
        raise BadRequest(f"{name} must be a number of seconds, 0 or more")
    return seconds
