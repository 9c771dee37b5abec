"""The HTTP door: health, readiness, metrics and the present state, on TCP and on the control socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, jsonify
from gevent.pywsgi import WSGIServer
from loguru import logger
from werkzeug.exceptions import HTTPException

from callengine.api.agents import make_agents
from callengine.api.calls import make_calls
from callengine.api.database import make_database
from callengine.api.figures import make_figures
from callengine.api.lines import make_lines
from callengine.api.peers import PeerHandler
from callengine.api.queues import make_queues
from callengine.api.service import Drain, make_service
from callengine.callcenter.administration import Administration
from callengine.errors import CallCenterError
from callengine.metrics import CONTENT_TYPE


@dataclass(frozen=True)
class Door:
    """What the API may ask of the service."""

    administration: Administration
    status: Callable[[], Mapping[str, Any]]
    drain: Drain
    unready: Callable[[], list[str]]
    """Why the service cannot take calls at this moment; empty when it can."""
    metrics: Callable[[], bytes]


def make_app(door: Door) -> Flask:
    """The WSGI application; every answer but the metrics is JSON, errors included."""
    app = Flask("callengine")

    @app.get("/health")
    def health() -> Response:
        return jsonify(status="alive")

    @app.get("/ready")
    def ready() -> tuple[Response, int]:
        reasons = door.unready()
        return jsonify(ready=not reasons, reasons=reasons), 503 if reasons else 200

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(door.metrics(), content_type=CONTENT_TYPE)

    for routes in (
        make_service(door.status, door.drain),
        make_agents(door.administration.agents),
        make_queues(door.administration.queues),
        make_calls(door.administration.calls),
        make_lines(door.administration.lines),
        make_figures(door.administration.figures),
        make_database(door.administration.database),
    ):
        app.register_blueprint(routes)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CallCenterError, _own_error)
    app.register_error_handler(Exception, _unexpected)
    return app


def serve(listener: Any, app: Flask) -> WSGIServer:
    """Begin to serve the application on a bound socket; stop it with `.stop()`."""
    server: WSGIServer = WSGIServer(listener, app, log=None, error_log=_ErrorLog(), handler_class=PeerHandler)  # type: ignore[call-overload]
    server.start()
    return server


class _ErrorLog:
    """Takes what the HTTP server has to complain about: bad requests, mostly."""

    def write(self, text: str) -> None:
        if text.strip():
            logger.debug("http: {}", text.strip())


def _http_error(error: HTTPException) -> tuple[Response, int]:
    code = error.code or 500
    return jsonify(error=error.name, message=error.description), code


def _own_error(error: CallCenterError) -> tuple[Response, int]:
    return jsonify(error=type(error).__name__, message=str(error)), error.http_status


def _unexpected(error: Exception) -> tuple[Response, int]:
    logger.opt(exception=error).error("a request to the API failed")
    return jsonify(error="InternalError", message="the request failed; the log says why"), 500
