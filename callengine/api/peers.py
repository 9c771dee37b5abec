"""Who is at the other end of the control socket, and whether they may change anything."""

from __future__ import annotations

import grp
import os
import pwd
import socket
from dataclasses import dataclass
from typing import Any

from gevent.pywsgi import WSGIHandler

from callengine.errors import NotAllowed
from callengine.unix_peer import peer_of

ENVIRON = "callengine.peer"
"""Where a request's WSGI environment has the peer; nothing is there for one that came over TCP."""


@dataclass(frozen=True)
class Peer:
    """A process of this machine."""

    pid: int
    uid: int
    gid: int

    @property
    def name(self) -> str:
        """The user's name, for events and log lines."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid {self.uid}"

    def may_change(self, *, owner_uid: int, group_gid: int) -> bool:
        """Whether it is root, the service's own user, or of the group that the socket belongs to."""
        return self.uid in (0, owner_uid) or group_gid in self._groups()

    def _groups(self) -> set[int]:
        try:
            user = pwd.getpwuid(self.uid)
        except KeyError:
            return {self.gid}
        return {self.gid, *os.getgrouplist(user.pw_name, user.pw_gid)}


class PeerHandler(WSGIHandler):
    """The HTTP server's handler of one connection; it notes who is at the other end of a Unix socket."""

    def get_environ(self) -> dict[str, Any]:
        """The WSGI environment, with the peer."""
        environ: dict[str, Any] = super().get_environ()
        if self.socket.family == socket.AF_UNIX:
            environ[ENVIRON] = Peer(*peer_of(self.socket))
        return environ


def require_local(environ: dict[str, Any]) -> Peer:
    """The peer of a request that came over the control socket; raises `NotAllowed` for any other."""
    peer = environ.get(ENVIRON)
    if not isinstance(peer, Peer):
        raise NotAllowed("this is answered on the control socket alone (general.control_socket)")
    return peer


def require_operator(environ: dict[str, Any]) -> str:
    """The name of who may change something; raises `NotAllowed` for anybody else."""
    peer = require_local(environ)
    if not peer.may_change(owner_uid=os.geteuid(), group_gid=os.getegid()):
        group = grp.getgrgid(os.getegid()).gr_name
        raise NotAllowed(f"{peer.name} may not do that: only root, our own user and the group {group} may")
    return peer.name
