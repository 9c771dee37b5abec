"""The test's own ears must be right before what they hear can prove anything."""

import wave
from pathlib import Path

import pytest

from tests.e2e import tones


def _seconds(payload: bytes, seconds: float) -> list[int]:
    return tones.decoded(payload) * int(seconds * 50)


def test_mu_law_is_the_standards() -> None:
    assert tones.EXPANDED[0x00] == -32124
    assert tones.EXPANDED[0x80] == 32124
    assert tones.EXPANDED[0xFF] == 0
    assert tones.EXPANDED[0xFE] == 8


def test_every_mu_law_sample_is_found_again() -> None:
    assert all(tones.EXPANDED[tones._compressed(sample)] == sample for sample in tones.EXPANDED)


def test_a_tone_sounds_and_no_other_does() -> None:
    shares = tones.heard_shares(_seconds(tones.tone_payload(450), 1), [450, 550, 1100, 1500])
    assert shares == {450: 1.0, 550: 0.0, 1100: 0.0, 1500: 0.0}


def test_two_tones_at_once_are_both_heard() -> None:
    one, other = _seconds(tones.tone_payload(450), 1), _seconds(tones.tone_payload(1100), 1)
    shares = tones.heard_shares([(a + b) // 2 for a, b in zip(one, other)], [450, 550, 1100])
    assert shares == {450: 1.0, 550: 0.0, 1100: 1.0}


def test_a_tone_that_stops_is_heard_for_its_share() -> None:
    samples = _seconds(tones.tone_payload(450), 0.6) + [0] * 4800
    assert tones.heard_shares(samples, [450]) == {450: 0.5}


def test_loudness_is_the_amplitude() -> None:
    assert tones.loudness(_seconds(tones.tone_payload(750), 0.06), 750) == pytest.approx(
        tones.AMPLITUDE, rel=0.02
    )
    assert tones.loudness([], 750) == 0.0


def test_silence_sounds_of_nothing() -> None:
    assert tones.heard_shares([0] * 8000, [450]) == {450: 0.0}
    assert tones.heard_shares([], [450]) == {450: 0.0}


def test_only_tones_of_whole_periods_are_made() -> None:
    with pytest.raises(ValueError, match="whole periods"):
        tones.tone_payload(440)


def test_a_recording_is_read(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8000)
        recording.writeframes(b"\x01\x00\xff\xff")
    assert tones.read_wav(path) == [1, -1]


def test_a_recording_in_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(2)
        recording.setsampwidth(2)
        recording.setframerate(8000)
    with pytest.raises(ValueError, match="not 16-bit mono"):
        tones.read_wav(path)
