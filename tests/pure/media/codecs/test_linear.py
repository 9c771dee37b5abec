from array import array

from callengine.media.codecs import linear


def test_stereo_becomes_the_mean() -> None:
    stereo = array("h", [100, 300, -50, 50]).tobytes()
    assert array("h", linear.to_mono(stereo)).tolist() == [200, 0]


def test_widths_become_16_bits() -> None:
    assert array("h", linear.to_width(bytes([128, 255, 0]), 1)).tolist() == [0, 32512, -32768]
    assert array("h", linear.to_width(bytes([1, 2, 3]), 3)).tolist() == [0x0302]
    assert array("h", linear.to_width(bytes([0, 0, 0, 0x40]), 4)).tolist() == [0x4000]
    assert linear.to_width(b"\x01\x02", 2) == b"\x01\x02"


def test_rates_become_8000() -> None:
    assert len(linear.to_rate(bytes(2 * 16000), 16000)) == 2 * 8000
    assert abs(len(linear.to_rate(bytes(2 * 44100), 44100)) - 2 * 8000) <= 4
    assert linear.to_rate(b"\x01\x02", 8000) == b"\x01\x02"
