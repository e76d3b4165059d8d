"""Pictures of the figures: small SVG files that need nothing but a browser, with their figures as text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _LABEL, _ROW, _HEAD = 720, 230, 30, 48
_OURS, _LIMIT, _OTHERS, _INK = (
    "#005eb8",
    "#425563",
    "#8a6100",
    "#212b32",
)  # each 4.5:1 or more on white, told apart in grey
_STYLE = f'font-family="Arial, sans-serif" font-size="14" fill="{_INK}"'


@dataclass(frozen=True)
class Row:
    """One bar: what it is of, its figure, and the least and most of the rounds."""

    label: str
    value: float
    least: float
    most: float


def bars(title: str, unit: str, rows: Sequence[Row]) -> str:
    """Draw bars beside one another, the longest first."""
    rows = sorted(rows, key=lambda row: -row.value)
    scale = (_WIDTH - _LABEL - 110) / max(row.most for row in rows)
    drawn = [_bar(row, _HEAD + number * _ROW, scale) for number, row in enumerate(rows)]
    told = "; ".join(f"{row.label} {_figure(row.value)}" for row in rows)
    return _picture(title, f"{title}, {unit}: {told}.", _HEAD + len(rows) * _ROW + 8, [_head(title, unit), *drawn])


def lines(title: str, unit: str, across: str, drawn: dict[str, Sequence[tuple[float, float]]]) -> str:
    """Draw lines over a size, both axes in powers, with each point's figure beside it."""
    points = [point for line in drawn.values() for point in line]
    place = _Places(points)
    parts = [_head(title, f"{unit}; across: {across}; both in powers")]
    parts += [_line(name, line, place, colour) for (name, line), colour in zip(drawn.items(), _COLOURS, strict=False)]
    parts += [f'<text x="{place.x(size):.0f}" y="312" text-anchor="middle">{_figure(size)}</text>'
              for size in sorted({size for size, _ in points})]  # fmt: skip
    told = "; ".join(
        f"{name}: " + ", ".join(f"{_figure(c)} at {_figure(s)}" for s, c in line) for name, line in drawn.items()
    )
    return _picture(title, f"{title}, {unit} by {across}: {told}.", 324, parts)


_COLOURS = (_OURS, _OTHERS, _LIMIT)


class _Places:
    """Where a point stands: logarithms across and up."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self._sizes = [math.log(size) for size, _ in points]
        costs = [math.log(cost) for _, cost in points]
        self._low, self._high = min(costs) - 0.3, max(costs) + 0.3

    def x(self, size: float) -> float:
        """Return the place across."""
        low, high = min(self._sizes), max(self._sizes)
        return 60 + (_WIDTH - 190) * (math.log(size) - low) / ((high - low) or 1)

    def y(self, cost: float) -> float:
        """Return the place down."""
        return 290 - 225 * (math.log(cost) - self._low) / (self._high - self._low)


def _line(name: str, line: Sequence[tuple[float, float]], place: _Places, colour: str) -> str:
    spots = [(place.x(size), place.y(cost), cost) for size, cost in line]
    path = " ".join(f"{x:.0f},{y:.0f}" for x, y, _ in spots)
    dots = "".join(
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="{colour}"/>'
        f'<text x="{x:.0f}" y="{y - 9:.0f}" text-anchor="middle">{_figure(cost)}</text>'
        for x, y, cost in spots
    )
    last_x, last_y, _ = spots[-1]
    label = f'<text x="{last_x + 34:.0f}" y="{last_y + 5:.0f}" font-weight="bold" fill="{colour}">{escape(name)}</text>'
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}{label}'


def _bar(row: Row, y: int, scale: float) -> str:
    ours, limit = row.label.startswith("reinstate"), row.label.startswith("limit")
    colour = _OURS if ours else _LIMIT if limit else _OTHERS
    width, least, most = (max(1.0, value * scale) for value in (row.value, row.least, row.most))
    left, right = _LABEL + least, _LABEL + most
    span = f"M{left:.1f} {y + 11}H{right:.1f}M{left:.1f} {y + 7}v8M{right:.1f} {y + 7}v8"
    weight = ' font-weight="bold"' if ours else ""
    return (
        f'<text x="{_LABEL - 8}" y="{y + 16}" text-anchor="end"{weight}>{escape(row.label)}</text>'
        f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="22" fill="{colour}"/>'
        f'<path d="{span}" stroke="#fff" stroke-width="3" fill="none"/><path d="{span}" stroke="{_INK}" fill="none"/>'
        f'<text x="{right + 8:.1f}" y="{y + 16}"{weight}>{_figure(row.value)}</text>'
    )


def _head(title: str, unit: str) -> str:
    return f'<text x="8" y="20" font-weight="bold">{escape(title)}</text><text x="8" y="38">{escape(unit)}</text>'


def _picture(title: str, told: str, height: int, parts: Sequence[str]) -> str:
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-labelledby="title told" {_STYLE}>\n<title id="title">{escape(title)}</title>\n'
        f'<desc id="told">{escape(told)}</desc>\n<rect width="{_WIDTH}" height="{height}" fill="#fff"/>\n'
        f"{inside}\n</svg>\n"
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"  # noqa: PLR2004 - two digits tell enough
