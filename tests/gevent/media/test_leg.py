from dataclasses import replace
from typing import Any

import pytest

from callengine.errors import MediaError
from callengine.media.engine import RemoteMedia
from callengine.media.leg import Leg, bind, check_remote

REMOTE = RemoteMedia("192.0.2.1", 4000)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"host": "phone.example.com"}, "phone.example.com"),
        ({"host": "2001:db8::1"}, "2001:db8::1"),
        ({"host": "224.0.0.5"}, "multicast"),
        ({"host": ""}, "remote media"),
        ({"port": 0}, "port 0"),
        ({"port": 65536}, "port 65536"),
        ({"codec": "G722"}, "G722"),
        ({"direction": "both"}, "both"),
        ({"payload_type": 128}, "payload type"),
        ({"receive_payload_type": -1}, "payload type"),
        ({"telephone_event": 200}, "payload type"),
        ({"receive_telephone_event": -1}, "payload type"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        check_remote(replace(REMOTE, **changes))


def test_a_leg_begins_with_random_numbers() -> None:
    first, second = (_leg(name) for name in "ab")
    try:
        assert first.stream.ssrc != second.stream.ssrc
        assert first.stream.timestamp != second.stream.timestamp
    finally:
        first.socket.close()
        second.socket.close()


def test_silence_is_told_once_and_again_after_speech() -> None:
    leg, peer = _leg("leg"), _leg("peer")
    try:
        for one in (leg, peer):
            one.set_remote(REMOTE, 0.0)
        assert not leg.fell_silent(100.0, 60.0), "not joined"
        leg.peer, peer.peer = peer, leg
        assert not leg.fell_silent(100.0, 60.0), "never heard"
        leg.packets_received, leg.heard_at = 1, 100.0
        assert not leg.fell_silent(159.0, 60.0)
        assert leg.fell_silent(160.0, 60.0)
        assert not leg.fell_silent(170.0, 60.0), "told already"
        leg.heard_at = 175.0
        assert not leg.fell_silent(180.0, 60.0)
        assert leg.fell_silent(240.0, 60.0)
    finally:
        leg.socket.close()
        peer.socket.close()


@pytest.mark.parametrize("direction", ["sendonly", "recvonly", "inactive"])
def test_a_leg_on_hold_is_not_judged(direction: str) -> None:
    leg = _leg("leg")
    try:
        leg.set_remote(replace(REMOTE, direction=direction), 0.0)
        leg.peer, leg.packets_received = leg, 1
        assert not leg.fell_silent(1000.0, 60.0)
        leg.set_remote(REMOTE, 1000.0)
        assert not leg.fell_silent(1059.0, 60.0), "silence counts from the end of the hold"
        assert leg.fell_silent(1060.0, 60.0)
    finally:
        leg.socket.close()


def test_a_taken_port_is_an_os_error_and_leaks_nothing() -> None:
    first = bind("127.0.0.1", 0)
    try:
        with pytest.raises(OSError, match="in use"):
            bind("127.0.0.1", first.getsockname()[1])
    finally:
        first.close()


def _leg(leg_id: str) -> Leg:
    bound = bind("127.0.0.1", 0)
    return Leg(leg_id, bound.getsockname()[1], bound, now=0.0)
