"""Fills a migrated database: in bulk, as its administrator, with the triggers of the ledger asleep."""

import importlib.resources
from collections.abc import Iterator

import asyncpg
from rich.progress import Progress

from bench.scale import Scale

CHUNK = 50_000  # rows a statement, so that the bar moves


async def fill(admin: asyncpg.Connection, scale: Scale, progress: Progress) -> None:
    """Fill an empty database with a scale's rows, and leave nothing behind but them."""
    folder = importlib.resources.files("bench") / "data"
    files = sorted((file.name.removesuffix(".sql"), file.read_text("utf-8")) for file in folder.iterdir())
    pieces = {name: list(_pieces(name, scale)) for name, _ in files}
    bar = progress.add_task(f"Filling {scale.name}", total=sum(map(len, pieces.values())) + 1)
    await admin.execute("set session_replication_role = replica")
    for name, size in scale.sizes().items():
        await _size(admin, name, size)
    for name, text in files:
        for start, end in pieces[name]:
            await _size(admin, "from", start)
            await _size(admin, "to", end)
            await admin.execute(text)
            progress.advance(bar)
        await admin.execute("analyze")
    await admin.execute("drop schema bench cascade; reset session_replication_role")
    await admin.execute("vacuum analyze")
    progress.advance(bar)


def _pieces(name: str, scale: Scale) -> Iterator[tuple[int, int]]:
    """Return the ranges a file is run over; one for most."""
    promises = scale.all_systems * scale.milestones
    total, rows = {
        "4_milestones": (scale.all_systems, scale.milestones),
        "5_forecasts": (promises, scale.forecasts),
        "6_reports": (scale.reports, scale.all_systems),
        "8_read_model": (scale.all_systems, 100),
    }.get(name, (1, CHUNK))
    step = max(1, CHUNK // rows)
    for start in range(1, total + 1, step):
        yield start, min(total, start + step - 1)


async def _size(admin: asyncpg.Connection, name: str, size: int) -> None:
    await admin.execute("select set_config('bench.' || $1, $2, false)", name, str(size))
