import random
import struct
from pathlib import Path

import pytest

import callengine.media
from callengine.errors import MediaError
from callengine.media import wav
from callengine.media.codecs import g711
from callengine.media.codecs.linear import FRAME_SAMPLES, SAMPLE_WIDTH
from callengine.media.tones import sine, strength

MUSIC = Path(callengine.media.__file__).parent / "sounds" / "music.wav"


def file(samples: bytes, *, tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16) -> bytes:
    whole = channels * bits // 8
    layout = struct.pack("<HHIIHH", tag, channels, rate, rate * whole, whole, bits)
    body = b"WAVE" + chunk(b"fmt ", layout) + chunk(b"LIST", b"odd") + chunk(b"data", samples)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def test_what_is_written_is_read() -> None:
    samples = sine(440, 0.05)
    assert wav.read(wav.write(samples)) == samples


@pytest.mark.parametrize(("tag", "codec"), [(7, "PCMU"), (6, "PCMA")])
def test_g711_is_decoded(tag: int, codec: str) -> None:
    encoded = g711.encode(codec, sine(440, 0.05))
    assert wav.read(file(encoded, tag=tag, bits=8)) == g711.decode(codec, encoded)


def test_stereo_at_another_rate_becomes_mono_at_8000() -> None:
    mono = sine(220, 0.2)  # at 16000 samples a second this is 440 Hz for 0.1 s
    stereo = b"".join(mono[n : n + 2] * 2 for n in range(0, len(mono), 2))
    samples = wav.read(file(stereo, channels=2, rate=16000))
    assert len(samples) == SAMPLE_WIDTH * 800
    assert strength(samples, 440) > 0.95


def test_an_extensible_format_says_what_it_holds() -> None:
    extension = struct.pack("<HHI", 16, 16, 4) + struct.pack("<H", 1) + bytes(14)
    layout = struct.pack("<HHIIHH", 0xFFFE, 1, 8000, 16000, 2, 16) + extension
    body = b"WAVE" + chunk(b"fmt ", layout) + chunk(b"data", b"\x01\x02")
    assert wav.read(b"RIFF" + struct.pack("<I", len(body)) + body) == b"\x01\x02"


def test_a_truncated_file_gives_what_is_there() -> None:
    assert wav.read(file(b"\x01\x00\x02\x00\x03\x00")[:-3]) == b"\x01\x00"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a WAV file"),
        (b"ID3\x04 a song", "not a WAV file"),
        (b"RIFF\x00\x00\x00\x00WAVE", "without samples"),
        (file(b""), "without samples"),
        (file(b"\x00"), "without samples"),
        (file(b"\x00" * 6, channels=3), "3 channels"),
        (file(b"\x00" * 4, rate=0), "0 samples a second"),
        (file(b"\x00" * 4, tag=85), "format 85"),
        (file(b"\x00" * 4, bits=4), "without samples"),
        (file(b"\x00" * 80, bits=64), "8 octets"),
        (b"RIFF\x00\x00\x00\x00WAVE" + chunk(b"fmt ", b"short"), "broken format"),
        (b"RIFF\x00\x00\x00\x00WAVE" + chunk(b"data", b"samples!"), "before their format"),
    ],
)
def test_other_content_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        wav.read(content)


def test_damage_is_refused_or_read_but_never_a_traceback() -> None:
    dice = random.Random(11)
    whole = file(sine(440, 0.02), channels=1)
    for _ in range(1000):
        damaged = bytearray(whole[: dice.randrange(len(whole))])
        for _ in range(min(3, len(damaged))):
            damaged[dice.randrange(min(60, len(damaged)))] = dice.randrange(256)
        try:
            wav.read(bytes(damaged))
        except MediaError:
            pass


def test_the_hold_music_is_what_the_player_wants() -> None:
    samples = wav.read(MUSIC.read_bytes())
    assert 20 <= len(samples) / 16000 <= 30
    assert len(samples) % (FRAME_SAMPLES * SAMPLE_WIDTH) == 0
    assert MUSIC.stat().st_size < 500_000
