"""The whole call center as one object: start it, run it, ask it for its figures, stop it."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Collection
from contextlib import ExitStack
from typing import Any

import gevent
from gevent import Greenlet, monkey, socket
from gevent.event import Event as Flag
from gevent.lock import BoundedSemaphore
from loguru import logger

from callengine import __version__, ending, greenlets, log
from callengine.api.server import Door, make_app
from callengine.assembly import Parts, assemble, begin
from callengine.clock import Clock, SystemClock
from callengine.config import Settings, load
from callengine.doors import open_doors, take_control_socket
from callengine.errors import CallCenterError, MediaError
from callengine.events.bus import EventHandler
from callengine.events.types import EventType
from callengine.foundation import MediaMaker
from callengine.hub_watchdog import HubWatchdog
from callengine.metrics import Metrics, Readings
from callengine.reload import take_over
from callengine.service_notify import ServiceNotifier
from callengine.subscription import Subscription


class CallCenter:
    """The whole service, in this process and its media process.

        from gevent import monkey; monkey.patch_all()
        from callengine.app import CallCenter
        CallCenter.from_settings().run()

    Raises `CallCenterError`, saying which line to write first, when the standard library is not patched.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        make_media: MediaMaker | None = None,
        read_again: Callable[[], Settings] | None = None,
    ) -> None:
        """`read_again` gives the settings anew when `run` gets SIGHUP; without it SIGHUP ends the program."""
        if not monkey.is_module_patched("socket"):
            raise CallCenterError(
                "callengine needs gevent: write `from gevent import monkey; monkey.patch_all()` first"
            )
        self.settings = settings
        self._clock = clock or SystemClock()
        self._make_media = make_media
        self._started_at = self._clock.monotonic()
        self._watchdog = HubWatchdog(blocked_after_seconds=settings.log.hub_blocked_ms / 1000)
        self._read_again = read_again
        self._notifier = ServiceNotifier()
        self._reloading = BoundedSemaphore()
        self._stop_wanted = False
        self._hurry = Flag()
        self._draining: Greenlet[..., object] | None = None
        self._drained = Flag()
        self._running: ExitStack | None = None
        self._parts: Parts | None = None
        self._subscriptions: list[Subscription] = []

    @classmethod
    def from_settings(cls) -> CallCenter:
        """The call center that the settings of this environment describe; raises `SettingsError`."""
        return cls(load(), read_again=load)

    def run(self) -> None:
        """Start and serve until SIGTERM, SIGINT or `stop_soon`, then drain and stop; SIGHUP reloads.

        Where the media process is a unit of its own (`media.start` off) SIGTERM hands over instead: the
        process exits, calls and audio go on, and the next process takes them up.
        """
        settings = self.settings.log
        log.configure(
            level=settings.level, format=settings.format, file=settings.file, rotation_bytes=settings.rotation
        )
        is_to_drain = self.settings.media.start
        gevent.signal_handler(signal.SIGTERM, self.stop_soon if is_to_drain else self._hand_over_soon)
        gevent.signal_handler(signal.SIGINT, self.stop_soon)
        if self._read_again is not None:
            gevent.signal_handler(signal.SIGHUP, greenlets.spawn, "reload", self._reload_from_files)
        try:
            self.start()
            if self._stop_wanted:
                self.drain_soon()
            self._notifier.watch(self._unready, self._status_line)
            greenlets.wait_for_any(self._drained)
            self.stop()
        finally:
            self._notifier.end()
            log.stop()

    def stop_soon(self) -> None:
        """Let `run` drain and come to its end; told so again, it ends at once. Never waits."""
        if self._stop_wanted:
            self._hurry.set()
        self._stop_wanted = True
        self.drain_soon()

    def _hand_over_soon(self) -> None:
        """SIGTERM of a service manager: hand over; a service that drains already ends as by `stop_soon`."""
        if self._draining is not None or self._parts is None:
            self.stop_soon()
        else:
            greenlets.spawn("hand_over", self._hand_over, self._parts)

    def _hand_over(self, parts: Parts) -> None:
        self._notifier.stopping()
        ending.hand_over(parts)
        log.stop()
        os._exit(0)  # no story may come to an end here: the next process goes on with it

    def drain_soon(self, seconds: float | None = None) -> None:
        """Begin to drain: calls may go on for `seconds` (`general.drain_seconds`), then they are hung up.

        Never waits. If it drains already, the shorter time counts. `run` ends when it is done.
        """
        seconds = self.settings.general.drain_seconds if seconds is None else seconds
        if self._draining is not None:
            greenlets.spawn("hurry", self._hurry_after, seconds)
        elif self._parts is not None:
            self._notifier.stopping(seconds + ending.LONGEST_END_SECONDS)
            self._draining = greenlets.spawn("drain", self._drain, self._parts, seconds)

    def _hurry_after(self, seconds: float) -> None:
        greenlets.wait_for_any(self._drained, self._hurry, timeout=seconds)
        self._hurry.set()

    def _drain_for(self, seconds: float | None, by: str) -> dict[str, Any]:
        """Drain because somebody wants it; what goes on until when."""
        parts = self._require_parts()
        logger.info("{} wants the service to end", by)
        parts.base.committer.commit(lambda tx: tx.add_event(EventType.SERVICE_DRAINING, by=by))
        seconds = self.settings.general.drain_seconds if seconds is None else seconds
        self.drain_soon(seconds)
        return {"calls": len(parts.people.live.going_on()), "seconds": seconds}

    def _drain(self, parts: Parts, seconds: float) -> None:
        try:
            ending.drain(parts, seconds, self._hurry)
            ending.hang_up_all(parts)
        finally:
            self._drained.set()

    def reload(self, settings: Settings) -> None:
        """Take over what may change while it runs: queues, numbers and the log level.

        What did, and what waits for the next start, is said in the log. Raises `CallCenterError`, and nothing
        has changed.
        """
        with self._reloading:
            self.settings = take_over(self._require_parts(), self.settings, settings)

    def _reload_from_files(self) -> None:
        assert self._read_again is not None
        try:
            with self._notifier.reloading():
                self.reload(self._read_again())
        except CallCenterError as error:
            for problem in str(error).splitlines():
                logger.error("the settings are not taken over: {}", problem)

    def start(self) -> None:
        """Open everything and begin to take calls; what was opened is closed again if anything fails.

        Raises `CallCenterError` that says what is in the way.
        """
        with ExitStack() as opened:
            control_socket = take_control_socket(self.settings, opened)
            parts = assemble(self.settings, self._clock, opened, self._make_media)
            for subscription in self._subscriptions:
                subscription.begin(parts.base)
            _spare_the_collector()
            self._watchdog.start()
            opened.callback(self._watchdog.stop)
            self._open_doors(parts, control_socket, opened)
            taken = begin(parts, opened)
            self._parts = parts
            self._running = opened.pop_all()
        if taken and parts.recovery.was_cut_short:
            logger.warning("{} calls of an earlier run, which was cut short, go on", taken)
        elif taken:
            logger.info("{} calls of the process before go on", taken)
        self._tell_where()

    def stop(self) -> None:
        """Hang up every call, then close everything; harmless if it is not running."""
        running, self._running = self._running, None
        if running is None or self._parts is None:
            return
        logger.info("callengine stops")
        self._hurry.set()
        if self._draining is not None:
            self._draining.join()
        else:
            ending.hang_up_all(self._parts)
        running.close()
        self._parts = self._draining = None
        self._hurry.clear()
        logger.info("callengine has stopped")

    def subscribe(
        self,
        handler: EventHandler,
        types: Collection[EventType] | None = None,
        after: int | None = None,
    ) -> Callable[[], None]:
        """Have `handler` called with each event (of `types`) once it is committed; it must not wait.

        `after` is for a reader that comes back: the last number that it has seen, 0 for none. It is handed
        every event since, in order and none twice, and then those to come, in a greenlet of its own, so there
        it may wait. If events that it has not seen were pruned it is told so first, whatever the `types`:
        `log_pruned`, with the first and last of them under `missing`. Raises `BadRequest` if the log never
        had that number; before the service is started, `start` does.

        The function that is returned ends it.
        """
        subscription = Subscription(handler, types, after)
        self._subscriptions.append(subscription)
        if self._parts is not None:
            try:
                subscription.begin(self._parts.base)
            except CallCenterError:
                self._subscriptions.remove(subscription)
                raise
        return lambda: self._unsubscribe(subscription)

    def _unsubscribe(self, subscription: Subscription) -> None:
        subscription.end()
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def statistics(self) -> dict[str, Any]:
        """The present in one document, as `callengine status --json` shows it."""
        parts = self._require_parts()
        media = parts.media_totals()
        waiting = parts.people.statistics.waiting_by_queue()
        return {
            "draining": self._draining is not None,
            **parts.people.statistics.summary(),
            "agents": dict(parts.people.statistics.agents_by_state()),
            "queues": {
                name: {"waiting": callers, "longest_wait_seconds": round(longest, 3)}
                for name, (callers, longest) in waiting.items()
            },
            "greenlets": {"serve": greenlets.running(), "media": dict(media.greenlets)},
            "legs": media.legs,
            "ports_in_use": media.ports_in_use,
            "transactions": parts.base.endpoint.transaction_count(),
            "dialogs": parts.base.endpoint.dialog_count(),
            "connections": parts.base.endpoint.connection_count(),
            "retransmissions": parts.base.endpoint.counts.retransmissions_sent,
            "media_pid": parts.base.media_process.pid if parts.base.media_process else None,
            "version": __version__,
            "uptime_seconds": round(self._clock.monotonic() - self._started_at, 1),
        }

    def figures(self, *, since: float | None = None, until: float | None = None) -> dict[str, Any]:
        """What was done in [since, until), as `callengine figures --json` shows it; see docs/figures.md.

        Times are seconds since the epoch; by default from midnight (UTC) until now. Raises `BadRequest`.
        """
        return self._require_parts().administration.figures.show(since=since, until=until)

    def _require_parts(self) -> Parts:
        if self._parts is None:
            raise CallCenterError("the call center is not running")
        return self._parts

    def _unready(self) -> list[str]:
        """Why no call could be taken now."""
        if self._parts is None or not self._parts.inbound.is_open:
            return ["the service is starting or ending"]
        try:
            self._parts.base.media.totals()
        except MediaError as error:
            return [f"media: {error}"]
        return []

    def _open_doors(self, parts: Parts, control_socket: socket.socket, opened: ExitStack) -> None:
        """The HTTP listener, the control socket and the line with the present figures."""
        readings = Readings(
            statistics=parts.people.statistics,
            active_calls=lambda: len(parts.people.live.going_on()),
            requests=lambda: parts.base.endpoint.counts.requests,
            media=parts.media_totals,
            hub_blocked_seconds=lambda: self._watchdog.blocked_seconds,
        )
        door = Door(
            administration=parts.administration,
            status=self.statistics,
            drain=self._drain_for,
            unready=self._unready,
            metrics=Metrics(readings).text,
        )
        open_doors(self.settings, make_app(door), control_socket, opened)
        if self.settings.log.statistics_interval_seconds:
            line = greenlets.spawn("statistics", self._log_statistics)
            opened.callback(line.kill)

    def _log_statistics(self) -> None:
        while True:
            gevent.sleep(self.settings.log.statistics_interval_seconds)
            logger.info("{}", self._status_line())

    def _status_line(self) -> str:
        summary = self._parts.people.statistics.summary() if self._parts else {}
        return ", ".join(f"{name} {value}" for name, value in summary.items())

    def _tell_where(self) -> None:
        endpoint, api = self._require_parts().base.endpoint, self.settings.api
        transports = " and ".join(endpoint.transports)
        logger.info(
            "callengine {} serves: SIP on {} {}:{}, HTTP on {}:{}",
            __version__,
            transports,
            *endpoint.local_address,
            api.host,
            api.port,
        )


def _spare_the_collector() -> None:
    """Keep the cycle collector from holding the hub: what was loaded until now is never garbage.

    With everything in its care one pass over it took 100 to 400 ms. Calls leave no circles behind, so it has
    little to find; but it looks at all that is young and lives, at 1 to 3 us each: the thresholds bound that.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 100)
