"""Processor time of processes, from what Linux tells of them."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _CHILDREN = 1, 11, 15  # fields of /proc/…/stat, counted behind the name


@dataclass(frozen=True)
class Spent:
    """Seconds of processor time, user and system, of a server and of the database."""

    server: float
    database: float

    def since(self, before: "Spent") -> "Spent":
        """Return what was spent since then."""
        return Spent(self.server - before.server, self.database - before.database)


def spent(server: int | None, postmaster: int) -> Spent:
    """Return what a server and PostgreSQL have spent so far, with their children, living and gone."""
    known = _processes()
    return Spent(_tree(server, known) if server else 0.0, _tree(postmaster, known))


def _processes() -> dict[int, list[int]]:
    known = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile; its parent has its time
        known[int(stat.parent.name)] = [0, *map(int, told[1:_CHILDREN])]
    return known


def _tree(root: int, known: dict[int, list[int]]) -> float:
    family, ticks = [root], 0
    for process in family:
        family.extend(child for child, told in known.items() if told[_PARENT] == process)
        ticks += sum(known.get(process, [0] * _CHILDREN)[_USER:_CHILDREN])
    return ticks / _TICK
