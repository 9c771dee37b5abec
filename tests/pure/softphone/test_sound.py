"""What a phone can be told to say."""

from pathlib import Path

import pytest

from callengine.errors import MediaError
from callengine.media import tones, wav
from callengine.softphone.sound import FRAME_BYTES, SILENCE, load


def test_a_tone_is_whole_frames_that_join() -> None:
    frames = load("tone:440")
    assert len(frames) == 50
    assert {len(frame) for frame in frames} == {FRAME_BYTES}
    assert tones.strength(b"".join([*frames, *frames]), 440) > 0.95


@pytest.mark.parametrize("text", ["tone:", "tone:0", "tone:9999", "tone:4.4", "tone:-440", "tone:٤٤٠"])
def test_what_is_no_tone_is_refused(text: str) -> None:
    with pytest.raises(MediaError, match="whole Hz"):
        load(text)


def test_a_file_is_cut_into_frames_and_its_last_one_filled_up(tmp_path: Path) -> None:
    path = tmp_path / "said.wav"
    path.write_bytes(wav.write(b"\x01\x00" * 200))
    frames = load(str(path))
    assert [len(frame) for frame in frames] == [FRAME_BYTES, FRAME_BYTES]
    assert frames[1] == b"\x01\x00" * 40 + bytes(240)


def test_a_missing_file_and_one_that_is_no_wav_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No such file"):
        load(str(tmp_path / "none.wav"))
    (tmp_path / "text.wav").write_text("text")
    with pytest.raises(MediaError, match="not a WAV file"):
        load(str(tmp_path / "text.wav"))


def test_silence_is_one_frame() -> None:
    assert (bytes(FRAME_BYTES),) == SILENCE
