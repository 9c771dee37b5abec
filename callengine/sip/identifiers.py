"""Names that nobody else has and nobody can guess: branches, tags and Call-IDs (RFC 3261 8.1.1.4, 19.3)."""

from __future__ import annotations

from secrets import token_hex

from callengine.sip.matching import MAGIC_COOKIE


def new_branch() -> str:
    """A branch for the Via of one request."""
    return MAGIC_COOKIE + token_hex(12)


def new_tag() -> str:
    """A tag for our side of a dialog."""
    return token_hex(8)


def new_call_id() -> str:
    """A Call-ID; without the host, which would tell more than needed."""
    return token_hex(16)
