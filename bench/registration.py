"""Signs agents on: REGISTER with digest, one after the other."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence

from callengine.sip.auth import Challenge, answer

_ANSWER_SECONDS = 5.0


class NotRegistered(Exception):
    """The registrar did not take an agent."""


def register_all(names: Sequence[str], *, password: str, server: tuple[str, int], phone_port: int) -> None:
    """Register each name at `server` with a contact on 127.0.0.1:`phone_port`; raises NotRegistered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(_ANSWER_SECONDS)
        line.connect(server)
        for name in names:
            try:
                _register(line, name, password, phone_port)
            except OSError as error:
                raise NotRegistered(f"{name} could not be registered: {error}") from None


def _register(line: socket.socket, name: str, password: str, phone_port: int) -> None:
    call_id = secrets.token_hex(8)
    status, challenge = _ask(line, _request(line, name, call_id, 1, phone_port))
    if status == 401:
        authorization = answer(
            Challenge.parse(challenge),
            username=name,
            password=password,
            method="REGISTER",
            uri=_registrar(line),
            cnonce=secrets.token_hex(4),
        )
        status, _ = _ask(line, _request(line, name, call_id, 2, phone_port, authorization))
    if status != 200:
        raise NotRegistered(f"{name} was not registered: the registrar answered {status}")


def _registrar(line: socket.socket) -> str:
    return "sip:{}:{}".format(*line.getpeername())


def _request(
    line: socket.socket, name: str, call_id: str, cseq: int, phone_port: int, authorization: str = ""
) -> bytes:
    host, port = line.getsockname()
    lines = [
        f"REGISTER {_registrar(line)} SIP/2.0",
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(8)}",
        f"From: <sip:{name}@{line.getpeername()[0]}>;tag={call_id}",
        f"To: <sip:{name}@{line.getpeername()[0]}>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
        f"Contact: <sip:{name}@127.0.0.1:{phone_port}>",
        "Expires: 3600",
        "Max-Forwards: 70",
        *([f"Authorization: {authorization}"] if authorization else []),
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _ask(line: socket.socket, request: bytes) -> tuple[int, str]:
    """The status of the final answer, and its first challenge."""
    line.send(request)
    while True:
        head, *fields = line.recv(65_535).decode("utf-8").split("\r\n")
        status = int(head.split(" ")[1])
        if status >= 200:
            named = (field.partition(":") for field in fields)
            challenges = (value for name, _, value in named if name.lower() == "www-authenticate")
            return status, next(challenges, "").strip()
