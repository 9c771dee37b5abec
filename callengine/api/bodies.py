"""What a request to the API brings along, checked."""

from __future__ import annotations

from typing import Any

from flask import request

from callengine.errors import BadRequest


def list_body() -> list[Any]:
    """The JSON list that the request brings; raises `BadRequest`."""
    given = _body()
    if not isinstance(given, list):
        raise BadRequest("the body must be JSON: a list")
    return given


def object_body() -> dict[str, Any]:
    """The JSON object that the request brings; raises `BadRequest`."""
    given = _body()
    if not isinstance(given, dict):
        raise BadRequest("the body must be JSON: an object")
    return given


def _body() -> Any:
    """The JSON that the request brings; None for what is none, or is nested too deep to be read."""
    try:
        return request.get_json(silent=True)
    except RecursionError:
        return None


def text(given: dict[str, Any], name: str) -> str:
    """A text of the document; raises `BadRequest`."""
    value = given.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"{name} must be a text")
    return value


def number(given: dict[str, Any], name: str, *, least: float, most: float) -> float | None:
    """A number of the document, None if it is not there; raises `BadRequest` for one out of bounds."""
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequest(f"{name} must be a number from {least:g} to {most:g}")
    return float(value)


def whole(given: dict[str, Any], name: str, *, least: int, most: int) -> int:
    """A whole number of the document; raises `BadRequest`."""
    value = given.get(name)
    if type(value) is not int or not least <= value <= most:
        raise BadRequest(f"{name} must be a whole number from {least} to {most}")
    return value


def switch(given: dict[str, Any], name: str) -> bool:
    """A true or false of the document, false if it is not there; raises `BadRequest`."""
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false")
    return value
