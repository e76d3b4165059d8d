"""Growth: how the product's cost moves as one thing grows and the rest stays."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bench.product import COMPILED
from bench.questions import QUESTIONS, READS, Question
from bench.scale import GROWING_REPORTS, GROWING_TRUSTS, SEED, WIDE, Scale
from bench.site import Site
from bench.turn import take

DEPTHS, PAGES = (1, 2, 4, 6, 8), (10, 40, 100, 200)
Growth = dict[str, dict[str, list[list[float]]]]


def grown(site: Site) -> tuple[Growth, dict[str, str]]:
    """Measure every growth; return cost by size, and what could not be measured."""
    growth: Growth = {}
    failures: dict[str, str] = {}

    def measure(scale: Scale, questions: Mapping[str, Question]) -> dict[str, Any]:
        course, subjects = site.course(replace(scale, name=f"growing-{scale.name}"))
        take(course, replace(subjects[0], questions=questions))
        site.ground.drop(course.template)
        failures.update({f"{scale.name}: {what}": why for what, why in course.book.failures.items()})
        return {name: figures.get(COMPILED) for name, figures in course.book.told().items()}

    for scale in GROWING_TRUSTS:
        _note(growth, "systems", scale.all_systems, measure(scale, {name: QUESTIONS[name] for name in READS}))
    for scale in GROWING_REPORTS:
        _note(growth, "reports", scale.all_systems * scale.reports, measure(scale, {"Q1": QUESTIONS["Q1"]}))
    for size, figure in _by_number(measure(SEED, _questions(map(_deep, DEPTHS)))):
        _note(growth, "depth", size, {"levels": figure})
    for size, figure in _by_number(measure(WIDE, _questions(map(_wide, PAGES)))):
        _note(growth, "page", size, {"rows": figure})
    return growth, failures


def _note(growth: Growth, what: str, size: float, figures: Mapping[str, Any]) -> None:
    for question, figure in figures.items():
        if figure:
            cost = round(figure["server_us"] + figure["database_us"], 1)
            growth.setdefault(what, {}).setdefault(question, []).append([size, cost])


def _by_number(figures: Mapping[str, Any]) -> list[tuple[int, Any]]:
    return sorted((int(name), figure) for name, figure in figures.items())


def _questions(made: Iterable[tuple[int, str]]) -> dict[str, Question]:
    about = {"id": "{system_id}"}
    return {str(n): Question(str(n), f"query($id: ID!) {{ node(id: $id) {{ ... on System {{ {inside} }} }} }}", about)
            for n, inside in made}  # fmt: skip


def _deep(levels: int) -> tuple[int, str]:
    inside = "id"
    for level in range(levels, 0, -1):
        inside = f"id milestones(first: 1) {{ nodes {{ {inside} }} }}" if level % 2 else f"id system {{ {inside} }}"
    return levels, inside


def _wide(rows: int) -> tuple[int, str]:
    return rows, f"milestones(first: {rows}) {{ nodes {{ id title kind status baselineOn forecastOn }} }}"
