"""Judges what the phones of a chaos run heard: pauses in the audio that no phone's own trouble explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.e2e.recovery.floor import Floor, PhoneCall, PhoneSeen, Told
from tests.e2e.recovery.judge import Finding
from tests.e2e.recovery.stored import Row, Stored

_AROUND_SECONDS = 1.0
SILENT_SECONDS = 1.0


@dataclass(frozen=True)
class Pause:
    """Nothing was heard for so long, in seconds."""

    name: str
    start: float
    seconds: float
    own: float
    """Without the time for which the machine let the media process, or the phones, wait for a processor."""
    of_both: float
    """Without that for which the signalling process waited too, which brings a new media process its legs."""
    is_new: bool
    """Whether another stream (SSRC) came after it."""
    call_id: str | None


def pauses_between(floor: Floor, stored: Stored, start: float, end: float) -> list[Pause]:
    """The pauses that touch this time, the longest first; not those of phones in trouble or their peers."""
    peers = Peers(floor, stored)
    found = []
    for told in list(floor.pauses):
        if told["to"] < start or told["from"] > end:
            continue
        around = (told["from"] - _AROUND_SECONDS, told["to"] + _AROUND_SECONDS)
        phone = floor.phones[told["phone"]]
        peer, row = peers.of(told["call"], told["phone"])
        if phone.was_ill(*around) or (peer is not None and peer.was_ill(*around)):
            continue
        found.append(_pause(phone, told, row, floor))
    return sorted(found, key=lambda pause: -pause.own)


def _pause(phone: PhoneSeen, told: Told, row: Row | None, floor: Floor) -> Pause:
    spans = list(floor.lateness)
    late = sum(max(0.0, min(told["to"], end) - max(told["from"], begin)) for begin, end in spans)
    waited = {int(pid): seconds for pid, seconds in told["waited"].items()}
    of_media = sum(seconds for pid, seconds in waited.items() if pid in floor.media_pids)
    seconds = told["to"] - told["from"]
    return Pause(
        name=phone.orders.name,
        start=told["from"],
        seconds=seconds,
        own=max(0.0, seconds - late - of_media),
        of_both=max(0.0, seconds - late - sum(waited.values())),
        is_new=told["is_new"],
        call_id=row["id"] if row else None,
    )


class Peers:
    """Who talks with whom."""

    def __init__(self, floor: Floor, stored: Stored) -> None:
        self._rows = stored.by_dialog()
        self._floor = floor
        self._calls = {call.sip_call_id: call for call in (*floor.calls("agent"), *floor.calls("caller"))}

    def call_of_peer(self, dialog: str) -> PhoneCall | None:
        """The other phone's side of the call."""
        row = self._rows.get(dialog)
        if row is None:
            return None
        other = row["agent_dialog"] if row["caller_dialog"] == dialog else row["caller_dialog"]
        return self._calls.get(other or "")

    def of(self, dialog: str, _phone: int) -> tuple[PhoneSeen | None, Row | None]:
        """The phone at the other end, and the call's row."""
        theirs = self.call_of_peer(dialog)
        return (None if theirs is None else self._floor.phones[theirs.phone]), self._rows.get(dialog)


def silent_phones(
    floor: Floor, stored: Stored, heard: Sequence[tuple[int, str, float]], now: float
) -> list[Finding]:
    """Phones in a call that goes on, who hear nothing although the phone at the other end is well."""
    peers = Peers(floor, stored)
    rows = stored.by_dialog()
    found = []
    for number, dialog, last in heard:
        phone, row = floor.phones[number], rows.get(dialog)
        call, theirs = phone.calls.get(dialog), peers.call_of_peer(dialog)
        if now - last < SILENT_SECONDS or call is None or not call.is_held or row is None or row["ended_at"]:
            continue
        is_over = theirs is not None and bool(theirs.hung_up_at or theirs.ended_at or theirs.died_at)
        peer = None if theirs is None else floor.phones[theirs.phone]
        is_ill = any(each is not None and each.was_ill(now - 3, now) for each in (phone, peer))
        if not is_over and not is_ill:
            text = f"{phone.orders.name} has heard nothing for {now - last:.1f} s ({row['state']})"
            found.append(Finding("silent", now, text, row["id"]))
    return found
