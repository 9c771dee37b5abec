"""Tiers: levels of a queue's agents that open one after the other while its callers wait."""

from callengine.errors import BadRequest

HIGHEST_TIER = 100
"""The highest in which an agent may serve."""
EVERY_TIER = 2**31 - 1
"""Above every tier: all are open."""


def open_tier(waited_seconds: float, tier_wait_seconds: float) -> int:
    """The highest tier that is open for a caller who has waited so long.

    Tier n opens after (n - 1) times `tier_wait_seconds`; if these are 0, all tiers are open from the start.
    """
    if tier_wait_seconds <= 0:
        return EVERY_TIER
    tier = 1 + int(min(max(0.0, waited_seconds) / tier_wait_seconds, EVERY_TIER - 2))
    if opens_after(tier + 1, tier_wait_seconds) <= waited_seconds:  # a quotient may be rounded either way
        return tier + 1
    return tier - 1 if tier > 1 and opens_after(tier, tier_wait_seconds) > waited_seconds else tier


def opens_after(tier: int, tier_wait_seconds: float) -> float:
    """After how many seconds of waiting this tier opens."""
    return (tier - 1) * tier_wait_seconds


def check_tier(tier: int) -> int:
    """The number, if agents may serve in such a tier; raises `BadRequest`."""
    if not 1 <= tier <= HIGHEST_TIER:
        raise BadRequest(f"the tier {tier}; allowed: 1 to {HIGHEST_TIER}")
    return tier


def read_place(text: str) -> tuple[str, int]:
    """Queue and tier of `QUEUE` or `QUEUE:TIER`, in which an agent is to serve; raises `BadRequest`."""
    queue, colon, tier = text.partition(":")
    if not queue or (
        colon and not (tier.isascii() and tier.isdigit() and len(tier) <= len(str(HIGHEST_TIER)))
    ):
        raise BadRequest(
            f"the queue {text!r}; allowed: QUEUE or QUEUE:TIER with a tier from 1 to {HIGHEST_TIER}"
        )
    return queue, check_tier(int(tier)) if colon else 1
