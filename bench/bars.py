"""What is to be reached: bar and aim, and how each is taken from the results of one run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.limits import BARE, PGBENCH, RAW
from bench.product import CACHED, COMPILED
from bench.questions import READS

TIMES, MILLISECONDS, MICROSECONDS, KILOBYTES = "×", "ms", "µs", "KB"
MERCURIUS, PIPELINED = "mercurius", "mercurius, pipelined"
OVERHEAD_US = 60.0  # what a request may cost beside its limits


class Results:
    """The figures of one run, by question and subject; KeyError where there is none."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told

    def rate(self, part: str, question: str, subject: str) -> float:
        """Return the requests a second."""
        return float(self._told[part][question][subject]["rate"]["median"])

    def cost(self, part: str, question: str, subject: str) -> float:
        """Return the microseconds of processor time a request, server and database."""
        return sum(self.spent(part, question, subject))

    def spent(self, part: str, question: str, subject: str) -> tuple[float, float]:
        """Return the microseconds of the server and of the database."""
        figure = self._told[part][question][subject]
        return float(figure["server_us"]), float(figure["database_us"])

    def fanned(self, what: str, subject: str) -> list[float]:
        """Return one figure of a fan-out for each number of listeners."""
        return [float(figures[subject][what]) for figures in self._told["fanout"].values()]

    def growth(self, what: str, question: str) -> list[tuple[float, float]]:
        """Return the cost by size, smallest first."""
        return [(float(size), float(cost)) for size, cost in self._told["growth"][what][question]]


@dataclass(frozen=True)
class Bar:
    """One line of what is to be reached."""

    what: str
    unit: str
    bar: float
    aim: float
    measure: Callable[[Results], float]
    at_least: bool = True

    def judge(self, results: Results) -> dict[str, Any]:
        """Return the line with what was measured."""
        told: dict[str, Any] = {"what": self.what, "unit": self.unit, "at_least": self.at_least}
        told |= {"bar": self.bar, "aim": self.aim, "measured": None, "met": "not measured"}
        try:
            measured = self.measure(results)
        except (KeyError, IndexError, ZeroDivisionError):
            return told
        met = next(
            (word for word, line in (("aim", self.aim), ("bar", self.bar)) if self._reaches(measured, line)), "no"
        )
        return told | {"measured": round(measured, 2), "met": met}

    def _reaches(self, measured: float, line: float) -> bool:
        return measured >= line if self.at_least else measured <= line


def _against(peer: str) -> Callable[[Results], float]:
    return lambda seen: min(seen.rate("seed", q, COMPILED) / seen.rate("seed", q, peer) for q in READS)


def _processor(seen: Results) -> float:
    def limit(question: str) -> float:
        database = seen.spent("seed", question, PGBENCH)[1]
        return database + seen.spent("seed", question, BARE)[0] + OVERHEAD_US

    return max(seen.cost("seed", q, COMPILED) / limit(q) for q in READS)


def _change(seen: Results) -> float:
    best = max(seen.rate("seed", "M1", peer) for peer in (MERCURIUS, "postgraphile"))
    return seen.rate("seed", "M1", CACHED) / best


def _cached(seen: Results) -> float:
    return min(seen.rate("seed", q, CACHED) / seen.rate("seed", q, BARE) for q in READS)


def _mixed(seen: Results) -> float:
    return seen.rate("national", "mixed", CACHED) / seen.rate("national", "mixed", MERCURIUS)


def _wide(seen: Results) -> float:
    return seen.spent("national", "Q1", COMPILED)[1] / 1e3


def _late(peer: str) -> Callable[[Results], float]:
    def worst(seen: Results) -> float:
        ours, theirs = (seen.fanned("p99_ms", subject) for subject in (CACHED, peer))
        return max(own / other for own, other in zip(ours, theirs, strict=True))

    return worst


def _each(what: str) -> Callable[[Results], float]:
    return lambda seen: max(seen.fanned(what, CACHED))


def _unit_cost(seen: Results) -> float:
    *_, (some, cost), (most, highest) = seen.growth("systems", "Q1")
    return (highest / most) / (cost / some)


def _flat(what: str, *questions: str) -> Callable[[Results], float]:
    def slope(seen: Results) -> float:
        grown = [seen.growth(what, question) for question in questions]
        return max(points[-1][1] / points[0][1] for points in grown)

    return slope


BARS = (
    Bar("Q1, Q2, Q3 compiled, not cached, against mercurius with JIT (the least)", TIMES, 2, 3, _against(MERCURIUS)),
    Bar("The same against mercurius whose statements are pipelined", TIMES, 2, 3, _against(PIPELINED)),
    Bar("Q1, Q2, Q3 compiled, not cached, against PostGraphile 5 (the least)", TIMES, 3, 5, _against("postgraphile")),
    Bar("Processor time of Q1, Q2, Q3 compiled, against pgbench's database + bare uvicorn + 60 µs (the worst)", TIMES,
        1.5, 1.2, _processor, at_least=False),
    Bar("M1 with idempotency, event and chain, against the faster of mercurius and PostGraphile without",
        TIMES, 1.2, 2, _change),
    Bar("Q1, Q2, Q3 cached, against bare uvicorn answering as much (the least)", TIMES, 0.4, 0.6, _cached),
    Bar("Mixed load, 5 % writes, 250 trusts and 2 M reports, against mercurius", TIMES, 3, 5, _mixed),
    Bar("Q1 over 360 systems: time of the database", MILLISECONDS, 3, 1.5, _wide, at_least=False),
    Bar("Fan-out: 99th percentile against mercurius (the worst number of listeners)", TIMES, 1, 1, _late(MERCURIUS),
        at_least=False),
    Bar("Fan-out: 99th percentile against raw asyncio (the worst; an aim alone)", TIMES, 2, 2, _late(RAW),
        at_least=False),
    Bar("Fan-out: processor time of the server a delivery (the worst)", MICROSECONDS, 20, 20, _each("server_us"),
        at_least=False),
    Bar("Fan-out: memory a listener (the worst)", KILOBYTES, 50, 50, _each("kilobytes"), at_least=False),
    Bar("Growth: Q1's cost a system, 2,500 systems against 250", TIMES, 1.5, 1.2, _unit_cost, at_least=False),
    Bar("Growth: Q1's cost, 2 M reports against 10 k", TIMES, 1.5, 1.2, _flat("reports", "Q1"), at_least=False),
    Bar("Growth: Q2's and Q3's cost, 2,500 trusts against 16 (the worse)", TIMES, 1.5, 1.2,
        _flat("systems", "Q2", "Q3"), at_least=False),
)  # fmt: skip
