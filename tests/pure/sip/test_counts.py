"""SipCounts: answers by method and status."""

from callengine.sip.counts import SipCounts


def test_counts_answers() -> None:
    counts = SipCounts()
    for status in (200, 200, 486):
        counts.count_request("INVITE", status)
    assert counts.requests == {("INVITE", 200): 2, ("INVITE", 486): 1}
