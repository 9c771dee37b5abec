from callengine.media.latch import NOWHERE, Latch

TOLD = ("10.0.0.5", 4000)
BEHIND_NAT = ("203.0.113.9", 61000)
STRAY = ("198.51.100.7", 5555)


def told() -> Latch:
    latch = Latch()
    latch.tell(TOLD)
    return latch


def test_before_a_packet_the_session_description_is_the_target() -> None:
    assert Latch().target == NOWHERE
    assert told().target == TOLD
    assert told().source is None


def test_the_first_source_is_taken() -> None:
    latch = told()
    assert latch.admit(BEHIND_NAT, 0.0)
    assert latch.target == latch.source == BEHIND_NAT


def test_a_stray_is_refused_while_the_phone_speaks() -> None:
    latch = told()
    latch.admit(BEHIND_NAT, 0.0)
    assert not latch.admit(STRAY, 0.02)
    assert not latch.admit(STRAY, 1.0)
    assert latch.target == BEHIND_NAT
    assert latch.admit(BEHIND_NAT, 0.02)


def test_after_a_second_of_silence_another_source_is_taken() -> None:
    latch = told()
    latch.admit(BEHIND_NAT, 0.0)
    assert latch.admit(STRAY, 1.01)
    assert latch.target == STRAY


def test_the_told_address_beats_whoever_came_before_it() -> None:
    latch = told()
    latch.admit(STRAY, 0.0)
    assert latch.admit(("10.0.0.5", 4444), 0.02)
    assert latch.admit(TOLD, 0.02)
    assert not latch.admit(("10.0.0.5", 4444), 0.02)
    assert latch.target == TOLD


def test_told_anew_the_target_moves_and_the_next_source_is_taken() -> None:
    latch = told()
    latch.admit(TOLD, 0.0)
    latch.tell(("10.0.0.6", 4000))
    assert latch.target == ("10.0.0.6", 4000)
    assert latch.admit(BEHIND_NAT, 0.02)


def test_told_the_same_again_the_learned_target_stays_until_a_packet() -> None:
    latch = told()
    latch.admit(BEHIND_NAT, 0.0)
    latch.tell(TOLD)
    assert latch.target == BEHIND_NAT
    assert latch.admit(STRAY, 0.02)
