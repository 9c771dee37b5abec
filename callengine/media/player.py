"""Sounds towards legs: read once, encoded once for each codec, and sent by one greenlet for all of them."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import gevent
from gevent.pool import Group

from callengine import greenlets
from callengine.errors import MediaError
from callengine.media import tones, wav
from callengine.media.codecs import g711
from callengine.media.codecs.linear import FRAME_SAMPLES, SAMPLE_WIDTH
from callengine.media.engine import DONE, MUSIC, REFUSED
from callengine.media.leg import Leg
from callengine.media.pacing import Schedule
from callengine.media.relay import send
from callengine.media.rtp import HEADER_SIZE, PLAIN
from callengine.media.sequence import SEQUENCE_MASK, TIMESTAMP_MASK

LARGEST_SOUND = 20 * 1024 * 1024
"""Octets of the largest WAV file that is read: 20 minutes in our own format."""
SOUNDS_KEPT = 64
LEGS_IN_A_ROW = 64
"""Frames sent before relays have their turn."""

_MUSIC_FILE = Path(__file__).parent / "sounds" / "music.wav"
_SOURCE = 0

Frames = tuple[bytes, ...]


class Sounds:
    """Encoded sounds by file and codec; a file that changed is read again, the least used are forgotten.

    What comes with callengine is held from the start: a media process may outlive its installation.
    """

    def __init__(self) -> None:
        self._own = _our_own(_MUSIC_FILE)
        self._frames: OrderedDict[tuple[str, int, str], Frames] = OrderedDict()

    def frames(self, sound: str, codec: str) -> Frames:
        """The sound as payloads of 20 ms each, at least one; raises MediaError if it cannot be read."""
        if sound in self._own:
            return self._own[sound][g711.check(codec)]
        try:
            key = (sound, os.stat(sound).st_mtime_ns, codec)
            if key not in self._frames:
                self._frames[key] = _encode(read_sound(sound), codec)
        except (OSError, ValueError) as error:
            raise MediaError(f"sound {sound!r} cannot be read: {error}") from None
        self._frames.move_to_end(key)
        if len(self._frames) > SOUNDS_KEPT:
            self._frames.popitem(last=False)
        return self._frames[key]


@cache
def _our_own(music: Path) -> Mapping[str, Mapping[str, Frames]]:
    """The sounds that come with callengine, by their names and codecs."""
    own = {MUSIC: read_sound(os.fspath(music)), DONE: tones.done(), REFUSED: tones.refused()}
    return {
        sound: {codec: _encode(samples, codec) for codec in g711.CODECS} for sound, samples in own.items()
    }


def read_sound(path: str) -> bytes:
    """The samples of a WAV file that can be played; raises OSError, ValueError, MediaError."""
    if os.path.getsize(path) > LARGEST_SOUND:
        raise ValueError(f"it is larger than {LARGEST_SOUND} octets")
    with open(path, "rb") as file:
        return wav.read(file.read(LARGEST_SOUND))


def _encode(samples: bytes, codec: str) -> Frames:
    samples += bytes(-len(samples) % (FRAME_SAMPLES * SAMPLE_WIDTH))
    encoded = g711.encode(codec, samples)
    return tuple(encoded[start : start + FRAME_SAMPLES] for start in range(0, len(encoded), FRAME_SAMPLES))


class _Playback:
    """One leg's sound and how far it has come, in frames."""

    __slots__ = ("frames", "leg", "loop", "position", "sent", "sound")

    def __init__(self, leg: Leg, sound: str, frames: Frames, loop: bool) -> None:
        self.leg = leg
        self.sound = sound
        self.frames = frames
        self.loop = loop
        self.position = 0
        self.sent = 0

    @property
    def finished(self) -> bool:
        return not self.loop and self.position >= len(self.frames)


class Player:
    """Plays sounds to any number of legs from one greenlet named "pacer", which lives while there are any.

    `on_finished` is called with a leg whose sound came to its end. A sound goes on unheard while its leg may
    not hear, and is encoded anew when the leg's codec changes.
    """

    def __init__(
        self, *, monotonic: Callable[[], float], owner: Group, on_finished: Callable[[Leg], None]
    ) -> None:
        self._monotonic = monotonic
        self._owner = owner
        self._on_finished = on_finished
        self._sounds = Sounds()
        self._playbacks: dict[Leg, _Playback] = {}
        self._running = False
        self._packet = bytearray(HEADER_SIZE + FRAME_SAMPLES)
        self._packet[0] = PLAIN

    def play(self, leg: Leg, sound: str, *, loop: bool) -> None:
        """Begin a sound with the next frame, in place of one that plays; raises MediaError if unreadable."""
        frames = self._sounds.frames(sound, _codec(leg))
        self._playbacks[leg] = _Playback(leg, sound, frames, loop)
        leg.playing = sound
        leg.stream.change_source()
        if not self._running:
            self._running = True
            greenlets.spawn("pacer", self._run, owner=self._owner)

    def stop(self, leg: Leg) -> None:
        """End the leg's sound, if any, at once."""
        if self._playbacks.pop(leg, None) is not None:
            leg.playing = None
            leg.stream.change_source()

    def follow_codec(self, leg: Leg) -> None:
        """The remote media changed: go on with the sound in its codec, or end it if its file is gone."""
        playback = self._playbacks.get(leg)
        if playback is None:
            return
        try:
            playback.frames = self._sounds.frames(playback.sound, _codec(leg))
        except MediaError:
            self.stop(leg)

    def _run(self) -> None:
        schedule = Schedule(self._monotonic())
        try:
            while self._playbacks:
                gevent.sleep(schedule.wait(self._monotonic()))
                skipped, count = schedule.due(self._monotonic())
                for _ in range(count):
                    self._send_frames(skipped)
                    skipped = 0
        finally:
            self._running = False

    def _send_frames(self, skipped: int) -> None:
        """Send the next frame of every sound, after passing over `skipped` frames that nobody waits for."""
        for number, playback in enumerate(tuple(self._playbacks.values()), 1):
            if self._playbacks.get(playback.leg) is playback:
                playback.position += skipped
                self._send_frame(playback)
            if number % LEGS_IN_A_ROW == 0:
                gevent.sleep(0)

    def _send_frame(self, playback: _Playback) -> None:
        leg, position, frames = playback.leg, playback.position, playback.frames
        if playback.finished:
            self.stop(leg)
            self._on_finished(leg)
            return
        playback.position += 1
        if not leg.may_hear:
            leg.stream.change_source()
            return
        assert leg.remote is not None
        packet, kind = self._packet, leg.remote.payload_type
        packet[HEADER_SIZE:] = frames[position % len(frames)]
        sequence, timestamp = playback.sent & SEQUENCE_MASK, position * FRAME_SAMPLES & TIMESTAMP_MASK
        if leg.stream.rewrite(packet, kind, sequence, timestamp, _SOURCE, self._monotonic(), False):
            playback.sent += 1
            send(leg, packet)


def _codec(leg: Leg) -> str:
    return leg.remote.codec if leg.remote else g711.PCMU
