"""What is counted, for Prometheus: plain numbers, and never a tenant, a client or a document."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from api.cache.answers import AnswerCache
from auth.tenancy import Database

CONTENT_TYPE = CONTENT_TYPE_LATEST
MOST_REASONS = 32  # a label's values are few
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds

# Counted as plain numbers, since the library's own counters take a lock and microseconds each.
_answers: Counter[str] = Counter({"compiled": 0, "executed": 0})
_fallbacks: Counter[str] = Counter()
_requests: Counter[int] = Counter(dict.fromkeys((2, 3, 4, 5), 0))
_durations = [0] * (len(BOUNDS) + 1)
_seconds = [0.0]
_listening = [0]
_told = [0]
_hung_up: Counter[str] = Counter()


def answered(kind: Literal["compiled", "executed"]) -> None:
    """Count an answer of the engine's by how it was made."""
    _answers[kind] += 1


def fell_back(reason: str) -> None:
    """Count an answer that was executed because its document cannot be compiled; `reason` in a few fixed words."""
    answered("executed")
    _fallbacks[reason if reason in _fallbacks or len(_fallbacks) < MOST_REASONS else "other"] += 1


def requested(status: int, seconds: float) -> None:
    """Count a request that was answered."""
    _requests[status // 100] += 1
    _durations[bisect_left(BOUNDS, seconds)] += 1
    _seconds[0] += seconds


def listening(more: int) -> None:
    """Count a connection that listens, or one less."""
    _listening[0] += more


def hung_up(reason: str) -> None:
    """Count a connection that we ended; `reason` in a few fixed words."""
    _hung_up[reason] += 1


def told(listeners: int) -> None:
    """Count an event that so many listeners are told of."""
    _told[0] += listeners


class Exposition(Collector):
    """The metrics of one application, as Prometheus reads them."""

    def __init__(self, database: Database, cache: AnswerCache) -> None:
        self._database = database
        self._cache = cache
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Give every metric with its value now."""
        yield _by("reinstate_answers", "Answers of the engine, by how they were made.", "kind", _answers)
        yield _by("reinstate_fallbacks", "Answers not compiled, by what kept them from it.", "reason", _fallbacks)
        classes = Counter({f"{number}xx": count for number, count in _requests.items()})
        yield _by("reinstate_requests", "Requests answered, by class of status.", "status", classes)
        yield _histogram()
        yield _gauge("reinstate_streams", "Connections that listen to subscriptions.", _listening[0])
        yield _by("reinstate_streams_ended", "Connections that we ended, by why.", "reason", _hung_up)
        yield CounterMetricFamily("reinstate_stream_deliveries", "Events told to listeners.", _told[0])
        tally = self._cache.tally
        looked = Counter(hit=tally.hits, miss=tally.misses)
        yield _by("reinstate_cache_lookups", "Questions looked for in the answer cache.", "outcome", looked)
        yield CounterMetricFamily("reinstate_cache_flushes", "Times the answer cache was emptied.", tally.flushes)
        yield _gauge("reinstate_cache_bytes", "Bytes the answer cache holds.", self._cache.bytes)
        yield _gauge("reinstate_cache_trusted", "1: answers may be given from the cache.", self._cache.trusted)
        yield _gauge("reinstate_database_connections_in_use", "Pooled connections in use.", self._database.in_use)


def _by(name: str, about: str, label: str, counted: Counter[str]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for value, count in sorted(counted.items()):
        family.add_metric([value], count)
    return family


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value)


def _histogram() -> Metric:
    family = HistogramMetricFamily("reinstate_request_seconds", "Seconds from a request to the end of its answer.")
    below, buckets = 0, []
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), _durations, strict=True):
        below += count
        buckets.append((bound, float(below)))
    family.add_metric([], buckets, _seconds[0])
    return family
