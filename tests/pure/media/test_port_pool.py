import pytest

from callengine.errors import MediaError, NoPorts
from callengine.media.port_pool import PortPool


def test_ports_are_even_and_come_in_order() -> None:
    pool = PortPool(10001, 10007)
    assert [pool.take(0.0) for _ in range(3)] == [10002, 10004, 10006]
    assert pool.in_use == 3


def test_without_a_free_port_the_answer_is_503() -> None:
    pool = PortPool(10000, 10001)
    pool.take(0.0)
    with pytest.raises(NoPorts) as refused:
        pool.take(0.0)
    assert refused.value.sip_status == 503


def test_a_port_rests_before_it_is_used_again() -> None:
    pool = PortPool(10000, 10001)
    pool.release(pool.take(0.0), 5.0)
    assert pool.in_use == 0
    with pytest.raises(NoPorts):
        pool.take(14.9)
    assert pool.take(15.0) == 10000


def test_the_port_that_is_free_longest_is_taken_first() -> None:
    pool = PortPool(10000, 10005, quarantine_seconds=0.0)
    first, second = pool.take(0.0), pool.take(0.0)
    pool.release(second, 1.0)
    pool.release(first, 2.0)
    assert [pool.take(3.0) for _ in range(3)] == [10004, second, first]


def test_a_port_is_given_back_once() -> None:
    pool = PortPool(10000, 10001)
    port = pool.take(0.0)
    pool.release(port, 0.0)
    with pytest.raises(KeyError):
        pool.release(port, 0.0)


def test_a_certain_port_is_had_whether_it_has_rested_or_not() -> None:
    pool = PortPool(10000, 10007)
    pool.claim(10004)
    assert [pool.take(0.0) for _ in range(2)] == [10000, 10002]
    pool.release(10000, 1.0)
    pool.claim(10000)
    assert pool.in_use == 3
    assert pool.take(99.0) == 10006, "what was claimed out of its rest is not given to another"
    with pytest.raises(NoPorts):
        pool.take(99.0)


def test_a_certain_port_that_is_in_use_is_refused() -> None:
    pool = PortPool(10000, 10003)
    pool.claim(10002)
    with pytest.raises(NoPorts, match="10002 is in use"):
        pool.claim(10002)
    assert pool.in_use == 1


def test_a_certain_port_outside_the_range_leaves_it_when_it_is_given_back() -> None:
    pool = PortPool(10000, 10001, quarantine_seconds=0.0)
    pool.claim(9000)
    pool.release(9000, 0.0)
    assert pool.take(1.0) == 10000
    with pytest.raises(NoPorts):
        pool.take(1.0)


@pytest.mark.parametrize(("first", "last"), [(10001, 10001), (10, 8), (-2, 8), (65530, 65536), (0, 10)])
def test_a_range_without_ports_is_refused(first: int, last: int) -> None:
    with pytest.raises(MediaError, match="no even port"):
        PortPool(first, last)
