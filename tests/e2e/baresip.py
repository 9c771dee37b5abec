"""baresip, a phone that others wrote, as an agent that answers by itself and plays a tone."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path
from struct import pack

from tests.e2e import tones
from tests.e2e.ports import free_port, free_udp_range
from tests.e2e.service import until

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
"""
_ACCOUNT = (
    "<sip:{name}@{server};transport={transport}>;"
    "auth_user={name};auth_pass={password};answermode=auto;regint=600\n"
)


class Baresip:
    """A running baresip with a configuration of its own; use it in a `with` block, which ends it."""

    def __init__(
        self, directory: Path, name: str, *, server: str, password: str, tone: int, transport: str = "udp"
    ) -> None:
        """`tone` is what it plays into its call, in Hz, for a minute."""
        directory.mkdir(parents=True)
        first, last = free_udp_range(20)
        config = _CONFIG.format(port=free_port(), first=first, last=last, directory=directory)
        (directory / "config").write_text(config, encoding="ascii")
        account = _ACCOUNT.format(name=name, server=server, password=password, transport=transport)
        (directory / "accounts").write_text(account, encoding="ascii")
        _write_tone(directory / "tone.wav", tone)
        self._log = directory / "baresip.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                ["baresip", "-f", str(directory), "-v"],
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
