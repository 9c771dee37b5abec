"""SIP by hand: messages written out and sent as they are, for what no well-behaved phone would send."""

from __future__ import annotations

import socket
import time
import uuid
from hashlib import md5
from types import TracebackType

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP {formats}\r\n"
)


class RawSip:
    """One UDP socket that speaks with one server; use it in a `with` block."""

    def __init__(self, server: str) -> None:
        """`server` is `HOST:PORT`."""
        host, port = server.rsplit(":", 1)
        self.server = (host, int(port))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]

    def __enter__(self) -> RawSip:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def request(self, method: str, user: str, *, body: str = "", headers: str = "", cseq: int = 1) -> str:
        """A request as text; each has a Call-ID and branch of its own. `headers` end with CRLF."""
        host, port = self.server
        target = f"sip:{user}@{host}:{port}" if user else f"sip:{host}:{port}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} {target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{uuid.uuid4().hex}\r\n"
            f"From: <sip:tester@127.0.0.1>;tag={uuid.uuid4().hex[:8]}\r\n"
            f"To: <{target}>\r\nCall-ID: {uuid.uuid4().hex}\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:tester@127.0.0.1:{self.port}>\r\nMax-Forwards: 70\r\n"
            f"{headers}{kind}Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )

    def send(self, message: str | bytes) -> None:
        """Send the message as it is."""
        self.socket.sendto(message.encode() if isinstance(message, str) else message, self.server)

    def receive(self, timeout: float = 3.0) -> str | None:
        """The next message that comes, or None when none does within `timeout` seconds."""
        self.socket.settimeout(timeout)
        try:
            return self.socket.recv(65535).decode()
        except TimeoutError:
            return None

    def final_response(self, message: str | bytes, timeout: float = 5.0) -> str | None:
        """Send a message; the first response to it that is not provisional, or None."""
        self.send(message)
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            answer = self.receive(left)
            if answer is not None and not answer.startswith("SIP/2.0 1"):
                return answer
        return None

    def acknowledge(self, invite: str, response: str) -> None:
        """ACK a refusal (RFC 3261 17.1.1.3): the INVITE's branch and CSeq, the To of the response."""
        lines = invite.split("\r\n\r\n", 1)[0].split("\r\n")
        kept = [line for line in lines[1:] if line.startswith(("Via:", "From:", "Call-ID:", "Max-Forwards:"))]
        start = lines[0].replace("INVITE", "ACK", 1)
        cseq = header(invite, "CSeq").replace("INVITE", "ACK")
        ack = [start, *kept, f"To: {header(response, 'To')}", f"CSeq: {cseq}", "Content-Length: 0", "", ""]
        self.send("\r\n".join(ack))


def status_of(response: str | None) -> int | None:
    """The status code of a response; None for none."""
    return int(response.split(" ", 2)[1]) if response else None


def header(message: str, name: str) -> str:
    """The value of the first header of that name; raises KeyError."""
    for line in message.split("\r\n"):
        if line.lower().startswith(f"{name.lower()}:"):
            return line.split(":", 1)[1].strip()
    raise KeyError(name)


def digest_answer(challenge: str, *, username: str, password: str, method: str, uri: str) -> str:
    """The Authorization header line for a WWW-Authenticate value: MD5 with qop=auth (RFC 7616)."""
    fields = dict(
        part.strip().split("=", 1) for part in challenge.removeprefix("Digest ").split(",") if "=" in part
    )
    realm, nonce = fields["realm"].strip('"'), fields["nonce"].strip('"')
    cnonce, count = "0a4f113b", "00000001"
    ha1 = md5(f"{username}:{realm}:{password}".encode()).hexdigest()
    ha2 = md5(f"{method}:{uri}".encode()).hexdigest()
    response = md5(f"{ha1}:{nonce}:{count}:{cnonce}:auth:{ha2}".encode()).hexdigest()
    return (
        f'Authorization: Digest username="{username}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'response="{response}", algorithm=MD5, qop=auth, nc={count}, cnonce="{cnonce}"\r\n'
    )
