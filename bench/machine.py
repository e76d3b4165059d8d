"""The machine and the versions that the figures belong to."""

import datetime as dt
import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api.database.binaries import find_binaries
from bench.others import PEERS

_OURS = ("asyncpg", "httptools", "litestar", "strawberry-graphql", "uvicorn", "uvloop")
_THEIRS = ("graphql-jit", "graphql-yoga", "mercurius", "pg", "postgraphile")


def machine() -> dict[str, Any]:
    """Return what the figures belong to."""
    locked = PEERS / "node_modules" / ".bin" / "node"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "busy_before": round(os.getloadavg()[0], 2),
        "versions": {
            "Python": platform.python_version(),
            "PostgreSQL": _first([find_binaries().postgres, "--version"]).rpartition(" ")[2],
            "Node": _first([str(locked) if locked.exists() else "node", "--version"]).removeprefix("v"),
            "wrk": _first(["wrk", "-v"]).split(" [", maxsplit=1)[0].removeprefix("wrk "),
            **{name: version(name) for name in _OURS},
            **_locked(),
        },
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _first(command: list[str]) -> str:
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "none"
    return (told.stdout or told.stderr).splitlines()[0].strip()


def _locked() -> dict[str, str]:
    lock = PEERS / "package-lock.json"
    known = json.loads(lock.read_text("utf-8"))["packages"] if lock.exists() else {}
    return {name: known[f"node_modules/{name}"]["version"] for name in _THEIRS if f"node_modules/{name}" in known}
