"""baresip, a phone that others wrote, as agent or caller: it plays a tone, and is told what to do."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import wave
from pathlib import Path
from struct import pack

from tests.e2e import tones
from tests.e2e.ports import free_port, free_udp_range
from tests.e2e.service import until
from tests.e2e.trace import SipTrace, read_baresip_trace

_CONFIG = """
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
rtp_ports {first}-{last}
audio_source aufile,{directory}/tone.wav
ausrc_srate 8000
auplay_srate 8000
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""
_ACCOUNT = "<sip:{name}@{server};transport={transport}>;{more}\n"
_AGENT = "auth_user={name};auth_pass={password};answermode={mode};regint=600"
_CALLER = "regint=0"
_RATES = re.compile(r"\[(\d+):(\d+):(\d+)\] audio=\d+/(\d+) \(bit/s\)")
"""What it shows a few times a second: how long its call lasts, and what it hears over some seconds."""
_FIRST_RATE_SECONDS = 6


class Baresip:
    """A running baresip with a configuration of its own; use it in a `with` block, which ends it."""

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        server: str,
        password: str | None,
        tone: int,
        transport: str = "udp",
        answers: bool = True,
    ) -> None:
        """`tone` is what it plays into its call, in Hz, for a minute.

        Without a password it does not register. Unless it `answers` by itself it rings until it is told to.
        """
        directory.mkdir(parents=True)
        self.server_port = int(server.rpartition(":")[2])
        self.port = free_port()
        first, last = free_udp_range(20)
        self._control = free_port()
        config = _CONFIG.format(
            port=self.port, first=first, last=last, directory=directory, control=self._control
        )
        (directory / "config").write_text(config, encoding="ascii")
        mode = "auto" if answers else "manual"
        more = _AGENT.format(name=name, password=password, mode=mode) if password else _CALLER
        account = _ACCOUNT.format(name=name, server=server, transport=transport, more=more)
        (directory / "accounts").write_text(account, encoding="ascii")
        _write_tone(directory / "tone.wav", tone)
        self._log = directory / "baresip.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                ["baresip", "-f", str(directory), "-v", "-s"],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Baresip:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str, timeout: float = 10.0) -> None:
        """Wait until it has printed that text; raises AssertionError when it does not in time."""
        assert until(lambda: text in self.output(), timeout), self.output()

    def tell(self, command: str, parameters: str = "") -> None:
        """Have it `dial`, `accept`, `hold`, `hangup` or so; raises AssertionError if it will not."""
        self.wait_for("ctrl_tcp: TCP socket listening")
        message = json.dumps({"command": command, "params": parameters, "token": "test"}).encode()
        with socket.create_connection(("127.0.0.1", self._control), timeout=10) as control:
            control.sendall(b"%d:%s," % (len(message), message))
            said = b""
            while b'"token":"test"' not in said:
                piece = control.recv(65535)
                assert piece, said
                said += piece
        assert b'"ok":true' in said, said

    def trace(self) -> SipTrace:
        """All SIP messages that it has sent and received."""
        return read_baresip_trace(self.output(), port=self.port, server_port=self.server_port)

    def hears(self) -> bool:
        """Whether audio came in, and if the call is not too short for its display also lately."""
        output = self.output()
        *_earlier, (hours, minutes, seconds, rate) = [("0", "0", "0", "0"), *_RATES.findall(output)]
        is_short = (int(hours), int(minutes), int(seconds)) < (0, 0, _FIRST_RATE_SECONDS)
        return "incoming rtp for 'audio' established" in output and (is_short or int(rate) > 0)

    def stop(self, timeout: float = 10.0) -> None:
        """End it orderly, so that it un-registers; by force after `timeout` seconds."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _write_tone(path: Path, frequency: int, seconds: int = 60) -> None:
    samples = tones.decoded(tones.tone_payload(frequency)) * (50 * seconds)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(tones.RATE)
        file.writeframes(pack(f"<{len(samples)}h", *samples))
