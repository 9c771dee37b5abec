import pytest

from callengine.media.engine import Direction, RemoteMedia


@pytest.mark.parametrize(
    ("direction", "sends", "receives"),
    [
        ("sendrecv", True, True),
        ("sendonly", True, False),
        ("recvonly", False, True),
        ("inactive", False, False),
    ],
)
def test_directions_are_ours(direction: str, sends: bool, receives: bool) -> None:
    assert (Direction(direction).sends, Direction(direction).receives) == (sends, receives)


def test_remote_media_is_mu_law_both_ways_unless_told() -> None:
    remote = RemoteMedia("192.0.2.1", 4000)
    assert (remote.codec, remote.payload_type, remote.receive_payload_type) == ("PCMU", 0, 0)
    assert (remote.telephone_event, remote.direction) == (None, "sendrecv")
