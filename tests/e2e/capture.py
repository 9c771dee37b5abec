"""A packet capture of the loopback interface, when it is asked for and allowed.

Asked for by the environment variable `E2E_CAPTURE`, the name of the file to write; allowed when tcpdump is
there and this user may use it. A capture that is not possible is said, and fails nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def capture() -> Iterator[str | None]:
    """Capture UDP on loopback within the `with` block; gives the file's name, or None without a capture."""
    path = os.environ.get("E2E_CAPTURE")
    process = _started(path) if path else None
    try:
        yield path if process else None
    finally:
        if process is not None:
            process.terminate()
            process.communicate(timeout=10)
            print(f"capture: {path}")


def _started(path: str) -> subprocess.Popen[bytes] | None:
    tcpdump = shutil.which("tcpdump") or shutil.which("tcpdump", path="/usr/sbin:/sbin")
    if tcpdump is None:
        print("no capture: tcpdump is not installed")
        return None
    command = [tcpdump, "-i", "lo", "-U", "-s", "0", "-w", path, "udp"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(0.5)
    if process.poll() is None:
        return process
    reason = (process.communicate()[1] or b"").decode(errors="replace").strip()
    print(f"no capture: {reason}")
    return None
