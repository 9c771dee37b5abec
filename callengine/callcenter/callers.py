"""Who calls: an agent of ours, who has to prove it, or somebody else.

An INVITE that comes in an agent's name is challenged (407, RFC 3261 22.3), and so is one that brings
credentials. Whoever cannot be an agent is a customer, if anybody may call. If nobody may, every INVITE in the
name of one of our domains is challenged, so that the answer does not tell which agents there are.
"""

from __future__ import annotations

from collections.abc import Collection

from callengine.callcenter.roster import Agent, Roster
from callengine.errors import AgentNotFound, NotAllowed
from callengine.sip.authenticator import Authenticator
from callengine.sip.message import Request
from callengine.sip.stateless import Refusal
from callengine.sip.uri import Uri


class Callers:
    """Tells agents from customers. `authenticator` asks as a proxy does; `domains` are our own."""

    def __init__(
        self,
        *,
        roster: Roster,
        authenticator: Authenticator,
        domains: Collection[str],
        open_to_anyone: bool = False,
    ) -> None:
        self._roster = roster
        self._authenticator = authenticator
        self._domains = frozenset(domain.lower() for domain in domains)
        self._open_to_anyone = open_to_anyone

    def challenge(self, invite: Request) -> Refusal | None:
        """How to answer an INVITE that has to prove who sends it and does not; None lets it through.

        Never waits: it is answered before anything is held for it.
        """
        if not self._has_to_prove(invite):
            return None
        refusal = self._authenticator.challenge(invite)
        return None if refusal is None else (refusal.sip_status, refusal.headers)

    def agent_of(self, invite: Request) -> Agent | None:
        """The agent who makes this call; None for a customer.

        May wait. Raises `AuthenticationRefused`, and `NotAllowed` for whoever may not call, or calls in the
        name of somebody else.
        """
        if not self._has_to_prove(invite):
            if not self._open_to_anyone:
                raise NotAllowed("calls are taken from agents alone: security.open_inbound is off")
            return None
        agent = self._roster.find(self._authenticator.username(invite))
        named = self._named_in(invite)
        if named is not None and named is not agent:
            raise NotAllowed(f"agent {agent.name} calls in the name of {named.name}")
        return agent

    def _has_to_prove(self, invite: Request) -> bool:
        if self._authenticator.has_credentials(invite):
            return True
        return self._is_ours(invite) if not self._open_to_anyone else self._named_in(invite) is not None

    def _named_in(self, invite: Request) -> Agent | None:
        """The agent that From names."""
        name = invite.from_.uri.username
        if not name or not self._is_ours(invite):
            return None
        try:
            return self._roster.find(name)
        except AgentNotFound:
            return None

    def _is_ours(self, invite: Request) -> bool:
        """Whether From has one of our domains, or the one that is called, which must be ours too."""
        host = invite.from_.uri.host.lower()
        return bool(host) and (host in self._domains or host == Uri.parse(invite.uri).host.lower())
