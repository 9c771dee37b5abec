import pytest

from callengine.media.sequence import sequence_difference, timestamp_difference


@pytest.mark.parametrize(
    ("later", "earlier", "difference"),
    [(5, 3, 2), (3, 5, -2), (0, 65535, 1), (65535, 0, -1), (32767, 0, 32767), (32768, 0, -32768), (7, 7, 0)],
)
def test_sequence_numbers_wrap_at_16_bits(later: int, earlier: int, difference: int) -> None:
    assert sequence_difference(later, earlier) == difference


@pytest.mark.parametrize(
    ("later", "earlier", "difference"),
    [(160, 0, 160), (0, 2**32 - 160, 160), (2**32 - 160, 0, -160), (2**31, 0, -(2**31)), (9, 9, 0)],
)
def test_timestamps_wrap_at_32_bits(later: int, earlier: int, difference: int) -> None:
    assert timestamp_difference(later, earlier) == difference
