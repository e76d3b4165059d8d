"""What came of a run: the table of what is to be reached, the figures, the pictures and the page."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bench.charts import Row, bars, lines
from bench.others import PEERS
from bench.subject import ROOT

Told = Mapping[str, Any]
PAGE, RESULTS, CHARTS = ROOT / "docs" / "speed.md", PEERS.parent / "results.json", PEERS.parent / "charts"
START, END = "<!-- bench -->\n", "<!-- /bench -->"
NAMES = {
    "Q1": "Q1, where everybody stands",
    "Q2": "Q2, one system with its milestones",
    "Q3": "Q3, one object",
    "M1": "M1, report a test",
    "mixed": "mixed load at national scale",
}
_GROWTHS = {
    "systems": ("Growth by systems and trusts", "systems, one a trust"),
    "reports": ("Growth by test reports", "test reports in the database"),
    "depth": ("Growth by depth", "relations followed from a system"),
    "page": ("Growth by page", "milestones on the page"),
}


def write(told: Told) -> None:
    """Write the results, the pictures and the generated part of the page."""
    RESULTS.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    CHARTS.mkdir(exist_ok=True)
    for old in CHARTS.glob("*.svg"):
        old.unlink()
    pictures = dict(_pictures(told))
    for name, (picture, _) in pictures.items():
        (CHARTS / f"{name}.svg").write_text(picture, encoding="utf-8")
    shown = "\n\n".join(f"![{alt}](../bench/charts/{name}.svg)" for name, (_, alt) in pictures.items())
    parts = [_preface(told), reached(told), *_tables(told), *_fan_out(told), *_failed(told), "## In pictures", shown]
    head, _, rest = PAGE.read_text("utf-8").partition(START)
    tail = rest.partition(END)[2]
    PAGE.write_text(head + START + "\n".join(f"{part}\n" for part in parts) + END + tail, encoding="utf-8")


def reached(told: Told) -> str:
    """Return the table of what is to be reached."""
    rows = ["## To reach", "", "| | bar | aim | measured | met |", "|---|---|---|---|---|"]
    for line in told["bars"]:
        sign, unit = ("≥" if line["at_least"] else "≤"), f" {line['unit']}".rstrip()
        measured = "–" if line["measured"] is None else f"{line['measured']:g}{unit}"
        limits = ("–", "–") if not line["bar"] else (f"{sign} {line[key]:g}{unit}" for key in ("bar", "aim"))
        rows.append(f"| {' | '.join((line['what'], *limits, measured, line['met']))} |")
    return "\n".join(rows)


def _preface(told: Told) -> str:
    machine, run = told["machine"], told["run"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    busy = f"; it was busy before (load {machine['busy_before']})" if machine["busy_before"] > 0.5 else ""  # noqa: PLR2004
    return (
        f"Measured {machine['date']} by `make {run['command']}` on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB, {machine['system']}{busy}. {run['rounds']} rounds of {run['seconds']} s, "
        f"{run['connections']} connections, one worker a server; medians, in brackets least and most.\n\n{versions}."
    )


def _tables(told: Told) -> Iterator[str]:
    for part, title in (
        ("seed", "Seed scale: 16 trusts × 3 systems"),
        ("national", "National scale: 250 trusts, 2 M reports"),
    ):
        if told.get(part):
            yield f"## {title}"
            yield "Requests a second:\n\n" + _table(told[part], _rate)
            yield "Processor time a request, µs, server + database:\n\n" + _table(told[part], _cost)


def _fan_out(told: Told) -> Iterator[str]:
    if fan := told.get("fanout"):
        yield "## Fan-out: one change told to so many listeners"
        named = {f"{int(listeners):,}": figures for listeners, figures in fan.items()}
        what = "99th percentile, ms, from when a change is sent (µs of the server a delivery; KB of memory a listener):"
        yield f"{what}\n\n{_table(named, _fanned)}"


def _fanned(figure: Told) -> str:
    return f"{figure['p99_ms']:,.1f} ({figure['server_us']:,.1f}; {figure['kilobytes']:,.0f})"


def _table(figures: Told, tell: Any) -> str:
    questions = [name for name in NAMES if name in figures] or list(figures)
    subjects = list(dict.fromkeys(subject for name in questions for subject in figures[name]))
    rows = [f"| | {' | '.join(questions)} |", "|---|" + "--:|" * len(questions)]
    for subject in subjects:
        cells = [tell(figures[name][subject]) if subject in figures[name] else "–" for name in questions]
        rows.append(f"| {subject} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _rate(figure: Told) -> str:
    rate = figure["rate"]
    return f"{rate['median']:,.0f} ({rate['min']:,.0f}–{rate['max']:,.0f})"


def _cost(figure: Told) -> str:
    return f"{figure['server_us']:,.0f} + {figure['database_us']:,.0f}"


def _failed(told: Told) -> Iterator[str]:
    if told["failures"]:
        yield "Not measured:\n\n" + "\n".join(f"- {what}: {_short(why)}" for what, why in told["failures"].items())


def _short(why: str) -> str:
    line = " ".join(why.split()).replace("|", "/").replace("<", "(")
    return line if len(line) < 200 else f"{line[:200]} …"  # noqa: PLR2004 - a line or two


def _pictures(told: Told) -> Iterator[tuple[str, tuple[str, str]]]:
    """Return each picture with the words that stand for it, by its file's name."""
    for part in ("seed", "national"):
        for question, figures in told.get(part, {}).items():
            title = NAMES[question] + ("" if part == "seed" or question == "mixed" else ", national scale")
            rows = [
                Row(subject, *(f["rate"][key] for key in ("median", "min", "max"))) for subject, f in figures.items()
            ]
            alt = f"{title}, requests a second: " + ", ".join(f"{row.label} {row.value:,.0f}" for row in rows)
            yield f"{part}-{question.lower()}", (bars(title, "requests a second, more is better", rows), alt)
    for what, drawn in told.get("growth", {}).items():
        title, across = _GROWTHS[what]
        yield f"growth-{what}", _lines(title, "µs of processor time a request", across, drawn)
    if fan := told.get("fanout"):
        known = dict.fromkeys(subject for figures in fan.values() for subject in figures)
        late = {
            who.removeprefix("limit: "): [(int(n), told[who]["p99_ms"]) for n, told in fan.items() if who in told]
            for who in known
        }
        yield "fan-out", _lines("Fan-out, 99th percentile", "ms from a change to its being heard", "listeners", late)


def _lines(title: str, unit: str, across: str, drawn: dict[str, Any]) -> tuple[str, str]:
    points = (f"{name} {cost:,.0f} at {size:,.0f}" for name, line in drawn.items() for size, cost in line)
    return lines(title, unit, across, drawn), f"{title}, {unit} by {across}: {', '.join(points)}"
