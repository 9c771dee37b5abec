from callengine.media.tones import SIGNAL_SECONDS, detect, done, refused, sine, strength


def test_a_sine_has_its_length_and_level() -> None:
    samples = memoryview(sine(1000, 0.1, level=0.25)).cast("h")
    assert len(samples) == 800
    assert max(samples) == 8192


def test_all_power_is_in_its_own_frequency() -> None:
    tone = sine(700, 0.05)
    assert strength(tone, 700) > 0.99
    assert strength(tone, 900) < 0.01


def test_silence_has_no_tone() -> None:
    assert strength(bytes(800), 440) == 0.0
    assert strength(b"", 440) == 0.0
    assert detect(bytes(800), [440, 700]) is None


def test_the_strongest_known_tone_is_found() -> None:
    assert detect(sine(900, 0.05), [500, 700, 900, 1100]) == 900
    assert detect(sine(900, 0.05), [500, 700]) is None
    assert detect(sine(900, 0.05), []) is None


def test_the_signals_rise_for_what_was_done_and_are_low_for_what_was_not() -> None:
    half = int(SIGNAL_SECONDS * 8000)  # bytes: half of the samples
    good, bad = done(), refused()
    assert len(good) == len(bad) == 2 * half
    assert [detect(part, [660.0, 880.0]) for part in (good[:half], good[half:])] == [660.0, 880.0]
    assert detect(bad, [220.0, 660.0, 880.0]) == 220.0
