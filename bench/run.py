"""One run of the bench: everything started, checked, pressed in turn, judged, written down, and gone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.progress import Progress

from bench import others, report
from bench.bars import BARS, MERCURIUS, Results
from bench.fanout import ALL, FEW, fanned
from bench.ground import ground
from bench.growth import grown
from bench.limits import database_turn, server_turn
from bench.load import CONNECTIONS, need_wrk
from bench.machine import machine
from bench.mixed import take_mixed
from bench.product import CACHED, install
from bench.scale import NATIONAL, SEED
from bench.site import Site
from bench.subject import Subject
from bench.turn import take

_MIXED = (CACHED, MERCURIUS, "postgraphile")


@dataclass(frozen=True)
class Pace:
    """How long a run takes its time."""

    command: str
    rounds: int
    warm: int  # seconds
    seconds: int
    national: bool
    listeners: Mapping[int, int]

    def told(self) -> dict[str, Any]:
        """Return what the results say of it."""
        return {"command": self.command, "rounds": self.rounds, "seconds": self.seconds, "connections": CONNECTIONS}


SHORT, FULL = (
    Pace("bench", 3, 3, 2, national=False, listeners=FEW),
    Pace("bench-full", 5, 3, 5, national=True, listeners=ALL),
)


def run(pace: Pace, progress: Progress) -> dict[str, Any]:
    """Measure everything there is to measure; return the results as they were written."""
    need_wrk()
    others.install()
    told: dict[str, Any] = {"machine": machine(), "run": pace.told(), "failures": {}}
    with ground(progress) as place:
        site = Site(place, install(place.folder), progress, pace.warm, pace.seconds)
        told |= _seed(site, pace)
        if pace.national:
            national = _national(site, pace.rounds)
            told["growth"], failures = grown(site)
            told["failures"] |= national.pop("failures") | failures
            told |= national
    told["bars"] = [bar.judge(Results(told)) for bar in BARS]
    report.write(told)
    return told


def _seed(site: Site, pace: Pace) -> dict[str, Any]:
    course, subjects = site.course(SEED)
    subjects += others.peers()
    bar = site.progress.add_task("Rounds at seed scale", total=pace.rounds * (len(subjects) + 2))
    for number in range(pace.rounds):
        for subject in _turned(subjects, number):
            take(course, subject)
            site.progress.advance(bar)
        for limit in (database_turn, server_turn):
            limit(course)
            site.progress.advance(bar)
    fan = fanned(course, subjects, pace.listeners, site.progress)
    return {"seed": course.book.told(), "fanout": fan, "failures": dict(course.book.failures)}


def _national(site: Site, rounds: int) -> dict[str, Any]:
    course, subjects = site.course(NATIONAL)
    mixed = [subject for subject in subjects + others.peers() if subject.name in _MIXED]
    bar = site.progress.add_task("Rounds at national scale", total=rounds * (len(mixed) + 2))
    for number in range(rounds):
        take(course, subjects[0])
        site.progress.advance(bar)
        for subject in _turned(mixed, number):
            take_mixed(course, subject)
            site.progress.advance(bar)
        database_turn(course)
        site.progress.advance(bar)
    site.ground.drop(course.template)
    failures = {f"national: {what}": why for what, why in course.book.failures.items()}
    return {"national": course.book.told(), "failures": failures}


def _turned(subjects: list[Subject], number: int) -> list[Subject]:
    """Return the subjects with another first in each round: a shared machine is not as quick all the time."""
    first = number % len(subjects)
    return subjects[first:] + subjects[:first]
