from array import array

import pytest

from callengine.errors import MediaError
from callengine.media.codecs import g711
from callengine.media.tones import sine, strength


@pytest.mark.parametrize("codec", g711.CODECS)
def test_a_tone_survives(codec: str) -> None:
    encoded = g711.encode(codec, sine(440, 0.1))
    assert len(encoded) == 800
    assert strength(g711.decode(codec, encoded), 440) > 0.99


@pytest.mark.parametrize(("codec", "octets"), [("PCMU", "ff80008f"), ("PCMA", "d5aa2aa5")])
def test_known_octets(codec: str, octets: str) -> None:
    """Silence, both ends of the scale, and one sample between (ITU-T G.711 tables)."""
    samples = array("h", [0, 32767, -32768, 16384]).tobytes()
    assert g711.encode(codec, samples).hex() == octets


@pytest.mark.parametrize(
    ("from_codec", "to_codec"), [("PCMU", "PCMA"), ("PCMA", "PCMU")], ids=["mu to A", "A to mu"]
)
def test_translation_is_decoding_and_encoding(from_codec: str, to_codec: str) -> None:
    table = g711.translation(from_codec, to_codec)
    assert table is not None
    for octet in range(256):
        encoded = bytes([octet])
        assert encoded.translate(table) == g711.encode(to_codec, g711.decode(from_codec, encoded))


def test_there_and_back_hardly_changes_a_tone() -> None:
    tone = g711.encode("PCMU", sine(1000, 0.1))
    back = tone.translate(g711.ULAW_TO_ALAW).translate(g711.ALAW_TO_ULAW)
    assert strength(g711.decode("PCMU", back), 1000) > 0.99


@pytest.mark.parametrize("codec", g711.CODECS)
def test_equal_codecs_need_no_table(codec: str) -> None:
    assert g711.translation(codec, codec) is None


def test_silence_decodes_to_nearly_nothing() -> None:
    for codec in g711.CODECS:
        assert abs(array("h", g711.decode(codec, g711.silence(codec)))[0]) <= 8


def test_other_codecs_are_refused_by_name() -> None:
    with pytest.raises(MediaError, match="G729"):
        g711.encode("G729", b"")
    with pytest.raises(MediaError, match="G729"):
        g711.translation("PCMU", "G729")
