"""The floor: the least that a B2BUA of gevent greenlets can cost, for the same SIPp load.

It sends and receives the same messages for each call as callengine does: it answers the customer, calls the
next agent in turn, ACKs the agent's answer, and when the agent hangs up it hangs up the customer. It does
nothing else, so nobody could use it: nothing is checked, repeated, timed, logged, stored or ever waited for
in a queue; agents are called without a look at whether they are free; the session description is a constant,
and there is no audio. What callengine costs above it is the price of all that.

    python -m bench.floor PORT AGENT_PORT AGENTS      prints "ready" when it can be called; ends by SIGTERM
"""

from __future__ import annotations

import itertools
import random
import re
import sys
from dataclasses import dataclass, field
from typing import Any

import gevent
from gevent import socket
from gevent.event import AsyncResult

Address = tuple[str, int]
Headers = dict[str, list[str]]
"""Values by lower-case name, in order."""

_HOST = "127.0.0.1"
_SDP = (
    f"v=0\r\no=- 1 1 IN IP4 {_HOST}\r\ns=-\r\nc=IN IP4 {_HOST}\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0 101\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)
_IN_BRACKETS = re.compile("<([^>]*)>")


@dataclass
class _Call:
    invite: Headers
    source: Address
    answered: AsyncResult[Headers] = field(default_factory=AsyncResult)
    hung_up: AsyncResult[None] = field(default_factory=AsyncResult)


class Floor:
    """Serves until it is ended."""

    def __init__(self, port: int, agent_port: int, agents: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((_HOST, port))
        self._contact = f"sip:{_HOST}:{port}"
        self._agent_address = (_HOST, agent_port)
        self._names = itertools.cycle([f"a{number}" for number in range(agents)])
        self._calls: dict[str, _Call] = {}
        """By the Call-ID of either leg."""

    def serve(self) -> None:
        while True:
            wire, source = self._socket.recvfrom(65_535)
            line, headers = _parse(wire)
            call = self._calls.get(headers["call-id"][0])
            if line.startswith("INVITE") and call is None:
                gevent.spawn(self._tell, _Call(headers, source))
            elif line.startswith("SIP/2.0 200") and headers["cseq"][0].endswith("INVITE") and call:
                call.answered.set(headers)
            elif line.startswith("BYE"):
                self._answer(headers, source, "200 OK")
                if call:
                    call.hung_up.set(None)

    def _tell(self, call: _Call) -> None:
        invite, call_id, tag, ours = call.invite, call.invite["call-id"][0], _token(), _token()
        self._calls[call_id] = self._calls[ours] = call
        self._answer(invite, call.source, "100 Trying")
        self._answer(invite, call.source, "200 OK", tag, _SDP)
        agent = f"sip:{next(self._names)}@{_HOST}:{self._agent_address[1]}"
        us = f"<{self._contact}>;tag={_token()}"
        self._request("INVITE", agent, us, f"<{agent}>", ours, self._agent_address, _SDP)
        answer = call.answered.get()
        assert answer is not None
        self._request("ACK", _contact_of(answer), us, answer["to"][0], ours, self._agent_address)
        call.hung_up.get()
        us, them = f"{invite['to'][0]};tag={tag}", invite["from"][0]
        self._request("BYE", _contact_of(invite), us, them, call_id, call.source)
        del self._calls[call_id], self._calls[ours]

    def _answer(self, request: Headers, to: Address, status: str, tag: str = "", body: str = "") -> None:
        lines = [
            f"SIP/2.0 {status}",
            *(f"Via: {via}" for via in request["via"]),
            f"From: {request['from'][0]}",
            f"To: {request['to'][0]}{';tag=' if tag else ''}{tag}",
            f"Call-ID: {request['call-id'][0]}",
            f"CSeq: {request['cseq'][0]}",
        ]
        self._send(lines, to, body)

    def _request(
        self, method: str, uri: str, us: str, them: str, call_id: str, to: Address, body: str = ""
    ) -> None:
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._contact[4:]};branch=z9hG4bK{_token()};rport",
            "Max-Forwards: 70",
            f"From: {us}",
            f"To: {them}",
            f"Call-ID: {call_id}",
            f"CSeq: 1 {method}",
        ]
        self._send(lines, to, body)

    def _send(self, lines: list[str], to: Address, body: str) -> None:
        lines.append(f"Contact: <{self._contact}>")
        if body:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(body)}", "", body]
        self._socket.sendto("\r\n".join(lines).encode(), to)


def _parse(wire: bytes) -> tuple[str, Headers]:
    first, *lines = wire.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers: dict[str, list[Any]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return first, headers


def _token() -> str:
    return f"{random.getrandbits(64):016x}"


def _contact_of(message: Headers) -> str:
    found = _IN_BRACKETS.search(message["contact"][0])
    assert found is not None
    return found[1]


if __name__ == "__main__":
    floor = Floor(*map(int, sys.argv[1:]))
    print("ready", flush=True)
    floor.serve()
