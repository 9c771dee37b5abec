"""Which requests are refused before anybody looks at what they ask for (RFC 3261 8.2)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from callengine.sip.message import Request
from callengine.sip.stateless import Refusal

_OBEYED_ANYWAY = ("BYE",)
"""What ends a call is not refused for an extension that it wants."""


@dataclass(frozen=True)
class Screening:
    """What an endpoint is able to take."""

    methods: Collection[str]
    """What stands in Allow."""

    extensions: Collection[str] = ()
    """What may stand in Require."""

    content_types: Collection[str] = ("application/sdp",)
    """What the body of an INVITE may be."""

    @property
    def allow(self) -> tuple[str, str]:
        """The Allow header."""
        return "Allow", ", ".join(self.methods)

    def capabilities(self) -> tuple[tuple[str, str], ...]:
        """The headers that answer OPTIONS (RFC 3261 11.2)."""
        return (
            self.allow,
            ("Accept", ", ".join(self.content_types)),
            ("Accept-Encoding", "identity"),
            ("Supported", ", ".join(self.extensions)),
        )

    def refusal(self, request: Request) -> Refusal | None:
        """The answer to a request that cannot be taken: the first of 405, 416, 420, 415; or None.

        416 is also for sips: it wants TLS on every hop (RFC 3261 26.2.2), which there is not here.
        """
        if request.method not in self.methods:
            return 405, (self.allow,)
        if request.uri[:4].lower() != "sip:":
            return 416, ()
        lacking = self._lacking(request)
        if lacking:
            return 420, (("Unsupported", ", ".join(lacking)),)
        if request.body and request.method == "INVITE":
            return self._refuse_body(request)
        return None

    def _lacking(self, request: Request) -> list[str]:
        """The required extensions that we have not (RFC 3261 8.2.2.3)."""
        if request.method in _OBEYED_ANYWAY or "require" not in request.headers:
            return []
        words = [word.strip() for line in request.headers.get_all("require") for word in line.split(",")]
        return [word for word in words if word and word.lower() not in self.extensions]

    def _refuse_body(self, request: Request) -> Refusal | None:
        """RFC 3261 8.2.3."""
        if request.content_type not in self.content_types:
            return 415, (("Accept", ", ".join(self.content_types)),)
        encoding = request.headers.get("content-encoding")
        if encoding is not None and encoding.lower() != "identity":
            return 415, (("Accept-Encoding", "identity"),)
        return None
