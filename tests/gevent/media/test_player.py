"""Sounds towards legs, and one stream through music, talk and music again."""

import os
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest
from gevent import monkey

from callengine.errors import MediaError
from callengine.media import player, wav
from callengine.media.codecs import g711
from callengine.media.engine import MUSIC, MediaEvent, MediaEventKind
from callengine.media.local import LocalEngine
from callengine.media.player import Sounds
from callengine.media.port_pool import PortPool
from callengine.media.tones import sine, strength
from tests.e2e.ports import free_udp_range
from tests.fakes.rtp_phone import RtpPhone, assert_one_stream, longest_gap

Phones = Callable[..., RtpPhone]
Engines = Callable[..., LocalEngine]


@pytest.fixture
def tone_file(tmp_path: Path) -> str:
    path = tmp_path / "tone.wav"
    path.write_bytes(wav.write(sine(1200, 0.19)))
    return os.fspath(path)


def test_music_is_paced_and_one_stream(engine: LocalEngine, phones: Phones) -> None:
    phone = phones()
    engine.open("a", remote=phone.remote(), play=MUSIC)
    heard = phone.wait_for(50)
    assert_one_stream(heard)
    assert longest_gap(heard) < 0.06
    assert [one.packet.marker for one in heard[:3]] == [True, False, False]
    assert {len(one.packet.payload) for one in heard} == {160}
    assert engine.statistics("a").playing == MUSIC
    assert engine.totals().greenlets["pacer"] == 1


def test_music_then_agent_then_music_is_one_unbroken_stream(engine: LocalEngine, phones: Phones) -> None:
    caller, agent = phones(), phones(tone=700)
    caller.engine_port = engine.open("caller", remote=caller.remote(), play=MUSIC)
    agent.engine_port = engine.open("agent", remote=agent.remote())
    caller.speak()
    agent.speak()
    caller.wait_for(20)
    joined_at = len(caller.heard)
    engine.join("caller", "agent")
    caller.wait_for(joined_at + 25)
    engine.part("agent")
    engine.play("caller", MUSIC)
    parted_at = len(caller.heard)
    caller.wait_for(parted_at + 20)
    engine.join("agent", "caller")
    rejoined_at = len(caller.heard)
    caller.wait_for(rejoined_at + 15)
    assert_one_stream(caller.heard)
    assert_one_stream(agent.heard[:20])
    assert longest_gap(caller.heard) < 0.06
    assert strength(caller.samples(since=joined_at + 2)[: 20 * 320], 700) > 0.9
    assert strength(caller.samples(since=rejoined_at + 3), 700) > 0.9
    markers = [number for number, heard in enumerate(caller.heard) if heard.packet.marker]
    assert len(markers) == 4
    for marked, switched in zip(markers, [0, joined_at, parted_at, rejoined_at], strict=True):
        assert 0 <= marked - switched <= 3


def test_a_sound_that_does_not_loop_ends_with_an_event(
    engine: LocalEngine, phones: Phones, events: list[MediaEvent], tone_file: str
) -> None:
    phone = phones()
    engine.open("a", remote=phone.remote())
    engine.play("a", tone_file, loop=False)
    phone.wait_for(10)
    gevent.sleep(0.1)
    assert len(phone.heard) == 10
    assert events == [MediaEvent(MediaEventKind.PLAYBACK_FINISHED, "a")]
    assert strength(phone.samples()[: 9 * 320], 1200) > 0.9
    assert engine.statistics("a").playing is None


def test_stop_ends_a_sound_at_once_and_silently(
    engine: LocalEngine, phones: Phones, events: list[MediaEvent]
) -> None:
    phone = phones()
    engine.open("a", remote=phone.remote(), play=MUSIC)
    phone.wait_for(5)
    engine.stop("a")
    engine.stop("a")
    gevent.sleep(0.02)
    heard = len(phone.heard)
    gevent.sleep(0.1)
    assert len(phone.heard) == heard
    assert not events


def test_a_joined_leg_hears_a_sound_instead_of_its_peer(engine: LocalEngine, phones: Phones) -> None:
    one, other = phones(tone=440), phones(tone=700)
    one.engine_port = engine.open("one", remote=one.remote())
    other.engine_port = engine.open("other", remote=other.remote())
    engine.join("one", "other")
    one.speak()
    other.speak()
    one.wait_for(10)
    engine.play("one", MUSIC)
    playing_at = len(one.heard)
    one.wait_for(playing_at + 15)
    assert strength(one.samples(since=playing_at + 2), 700) < 0.05
    engine.stop("one")
    stopped_at = len(one.heard)
    one.wait_for(stopped_at + 15)
    assert strength(one.samples(since=stopped_at + 2), 700) > 0.9
    assert strength(other.samples(), 440) > 0.9
    assert_one_stream(one.heard)
    assert_one_stream(other.heard)


def test_music_for_a_leg_on_hold_goes_on_unheard(engine: LocalEngine, phones: Phones) -> None:
    phone = phones()
    engine.open("a", remote=phone.remote(direction="recvonly"), play=MUSIC)
    gevent.sleep(0.1)
    assert not phone.heard
    engine.set_remote("a", phone.remote())
    phone.wait_for(5)
    engine.set_remote("a", phone.remote(direction="inactive"))
    gevent.sleep(0.2)
    engine.set_remote("a", phone.remote())
    phone.wait_for(15)
    assert_one_stream(phone.heard)


def test_music_begins_when_the_phone_is_known(engine: LocalEngine, phones: Phones) -> None:
    phone = phones(codec="PCMA")
    engine.open("a", play=MUSIC)
    gevent.sleep(0.05)
    engine.set_remote("a", phone.remote())
    assert {heard.packet.payload_type for heard in phone.wait_for(5)} == {8}


def test_music_follows_a_change_of_codec(engine: LocalEngine, phones: Phones, tone_file: str) -> None:
    phone = phones()
    engine.open("a", remote=phone.remote(), play=tone_file)
    phone.wait_for(10)
    phone.codec = g711.PCMA
    engine.set_remote("a", phone.remote(codec="PCMA", payload_type=8))
    changed_at = len(phone.heard)
    phone.wait_for(changed_at + 12)
    assert strength(phone.samples(since=changed_at + 1)[: 8 * 320], 1200) > 0.8
    os.unlink(tone_file)
    engine.set_remote("a", phone.remote())
    assert engine.statistics("a").playing is None


def test_the_music_needs_no_file_once_the_engine_is_there(
    engines: Engines, phones: Phones, tone_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade may remove the installation that a media process was started from."""
    monkeypatch.setattr(player, "_MUSIC_FILE", Path(tone_file))
    engine = engines(ports=PortPool(*free_udp_range(10)))
    os.unlink(tone_file)
    for codec, kind in (("PCMU", 0), ("PCMA", 8)):
        phone = phones(codec=codec)
        engine.open(codec, remote=phone.remote(codec=codec, payload_type=kind), play=MUSIC)
        phone.wait_for(10)
        assert strength(phone.samples()[: 9 * 320], 1200) > 0.8


def test_many_legs_play_from_one_pacer(engine: LocalEngine, phones: Phones) -> None:
    first, last = phones(), phones()
    engine.open("first", remote=first.remote(), play=MUSIC)
    silent = phones()
    for number in range(80):
        engine.open(str(number), remote=silent.remote(), play=MUSIC)
    engine.open("last", remote=last.remote(), play=MUSIC)
    for phone in (first, last):
        assert_one_stream(phone.wait_for(25))
    assert engine.totals().greenlets["pacer"] == 1


def test_a_stop_of_the_whole_process_does_not_bring_a_burst(engine: LocalEngine, phones: Phones) -> None:
    phone = phones()
    engine.open("a", remote=phone.remote(), play=MUSIC)
    phone.wait_for(5)
    blocked_at = len(phone.heard)
    monkey.get_original("time", "sleep")(0.5)
    gevent.sleep(0.01)
    assert len(phone.heard) - blocked_at <= 5
    phone.wait_for(blocked_at + 15)
    sequences = [heard.packet.sequence for heard in phone.heard]
    assert [sequence - sequences[0] & 0xFFFF for sequence in sequences] == list(range(len(sequences)))
    assert_one_stream(phone.heard[blocked_at + 5 :])


@pytest.mark.parametrize("sound", ["/does/not/exist.wav", "/", "/dev/null", "bad\0name", "\ud800"])
def test_a_sound_that_cannot_be_read_is_refused_by_name(
    engine: LocalEngine, phones: Phones, sound: str
) -> None:
    engine.open("a", remote=phones().remote())
    with pytest.raises(MediaError):
        engine.play("a", sound)
    with pytest.raises(MediaError):
        engine.open("b", play=sound)
    assert [leg.leg_id for leg in engine.list()] == ["a"]
    assert engine.statistics("a").playing is None


def test_too_large_a_sound_is_refused(tone_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = Sounds()
    monkeypatch.setattr(player, "LARGEST_SOUND", 1000)
    with pytest.raises(MediaError, match="larger than 1000"):
        sounds.frames(tone_file, "PCMU")


def test_a_sound_is_encoded_once_for_each_codec_until_its_file_changes(tone_file: str) -> None:
    sounds = Sounds()
    frames = sounds.frames(tone_file, "PCMU")
    assert len(frames) == 10
    assert frames[-1].endswith(g711.silence("PCMU") * 80)
    assert sounds.frames(tone_file, "PCMU") is frames
    assert sounds.frames(tone_file, "PCMA") is not frames
    Path(tone_file).write_bytes(wav.write(sine(500, 0.02)))
    os.utime(tone_file, ns=(1, 1))
    assert len(sounds.frames(tone_file, "PCMU")) == 1


def test_sounds_not_used_are_forgotten(tone_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "SOUNDS_KEPT", 1)
    sounds = Sounds()
    frames = sounds.frames(tone_file, "PCMU")
    sounds.frames(tone_file, "PCMA")
    assert sounds.frames(tone_file, "PCMU") is not frames
