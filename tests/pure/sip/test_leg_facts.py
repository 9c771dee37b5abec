"""LegFacts: a value that can be compared and cannot be changed."""

from dataclasses import FrozenInstanceError, replace

import pytest

from callengine.sip.dialog import DialogFacts
from callengine.sip.flow import Flow
from callengine.sip.leg_facts import LegFacts

FACTS = LegFacts(
    dialog=DialogFacts("one", "ours", "", "<sip:a@b>", "<sip:c@d>", (), "sip:c@d", 1, None, True),
    flow=Flow("udp", "192.0.2.1", 5060),
    request_uri="sip:c@d",
    branch="z9hG4bK1",
    via_set=("SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1",),
    invite_cseq=1,
    last_status=None,
)


def test_is_a_value() -> None:
    assert replace(FACTS) == FACTS
    assert hash(replace(FACTS)) == hash(FACTS)
    assert FACTS.remote_tags == ()
    with pytest.raises(FrozenInstanceError):
        FACTS.branch = "other"  # type: ignore[misc]
