"""The metrics of one running service in the Prometheus text format, read at the moment of the question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from callengine.callcenter.statistics import WAIT_BUCKETS, Statistics
from callengine.media.engine import EngineTotals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Readings:
    """Where the figures come from; each function answers at once from memory."""

    statistics: Statistics
    active_calls: Callable[[], int]
    requests: Callable[[], Mapping[tuple[str, int], int]]
    """Finished SIP requests by method and final status."""
    media: Callable[[], EngineTotals]
    hub_blocked_seconds: Callable[[], float]


class Metrics(Collector):
    """Turns the readings into metrics whenever it is asked."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """The families, in the order in which they are written."""
        yield from self._people()
        yield from self._calls()
        yield from self._machine()

    def _people(self) -> Iterator[Metric]:
        waiting = self._readings.statistics.waiting_by_queue()
        count = _gauge("queue_waiting", "Callers who wait or are being offered", ["queue"])
        longest = _gauge("queue_longest_wait_seconds", "Age of the longest wait", ["queue"])
        for queue, (callers, seconds) in waiting.items():
            count.add_metric([queue], callers)
            longest.add_metric([queue], seconds)
        agents = _gauge("agents", "Agents by state", ["state"])
        for state, number in self._readings.statistics.agents_by_state().items():
            agents.add_metric([state], number)
        yield from (count, longest, agents)

    def _calls(self) -> Iterator[Metric]:
        tally = self._readings.statistics.tally
        yield GaugeMetricFamily("callengine_calls_active", "Calls alive", self._readings.active_calls())
        ended = _counter("calls", "Ended calls by disposition", ["disposition"])
        for disposition, number in tally.calls.items():
            ended.add_metric([disposition], number)
        offers = _counter("offers", "Offers by result", ["result"])
        for result, number in tally.offers.items():
            offers.add_metric([result], number)
        yield from (ended, offers, self._waits())

    def _waits(self) -> Metric:
        tally = self._readings.statistics.tally
        buckets, total = [], 0
        for bound in WAIT_BUCKETS:
            total += tally.wait_buckets[bound]
            buckets.append((str(bound), total))
        total += tally.wait_buckets[float("inf")]
        family = HistogramMetricFamily("callengine_wait_seconds", "Waiting time until an agent answered")
        family.add_metric([], [*buckets, ("+Inf", total)], sum_value=tally.counted_wait_seconds)
        return family

    def _machine(self) -> Iterator[Metric]:
        requests = _counter("sip_requests", "Finished SIP requests", ["method", "code"])
        for (method, code), number in self._readings.requests().items():
            requests.add_metric([method, str(code)], number)
        totals = self._readings.media()
        packets = _counter("rtp_packets", "RTP packets", ["direction"])
        packets.add_metric(["received"], totals.packets_received)
        packets.add_metric(["sent"], totals.packets_sent)
        packets.add_metric(["dropped"], totals.packets_dropped)
        blocked = GaugeMetricFamily(
            "callengine_hub_blocked_seconds",
            "Time for which something held the event loop",
            labels=["process"],
        )
        blocked.add_metric(["serve"], self._readings.hub_blocked_seconds())
        blocked.add_metric(["media"], totals.hub_blocked_seconds)
        yield from (requests, packets, blocked)


def _gauge(name: str, text: str, labels: list[str]) -> Any:
    return GaugeMetricFamily(f"callengine_{name}", text, labels=labels)


def _counter(name: str, text: str, labels: list[str]) -> Any:
    return CounterMetricFamily(f"callengine_{name}", text, labels=labels)
