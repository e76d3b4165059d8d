"""The load: wrk with so many connections, and what came of it."""

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.failure import BenchError

CONNECTIONS = 16
KEY = b"@" * 24  # becomes a new idempotency key in each request
_SCRIPT = Path(__file__).with_name("wrk.lua")
_PATIENCE = 30  # seconds for an answer


@dataclass(frozen=True)
class Pressed:
    """What one run of wrk saw."""

    requests: int
    microseconds: int
    bytes: int
    errors: int  # answers beyond 2xx, and what happened to sockets
    p50: int
    p99: int

    @property
    def rate(self) -> float:
        """Requests answered in a second."""
        return self.requests * 1e6 / self.microseconds


@dataclass(frozen=True)
class Load:
    """Requests to be sent in turn, written down for wrk."""

    address: str
    file: Path

    def press(self, seconds: float) -> Pressed:
        """Send them for so many seconds."""
        threads = ["--threads", "1", "--connections", str(CONNECTIONS), "--timeout", f"{_PATIENCE}s"]
        command = ["wrk", *threads, "--duration", f"{max(1, round(seconds))}s", "--script", str(_SCRIPT), self.address]
        told = subprocess.run(
            [*command, "--", str(self.file), secrets.token_hex(6)], capture_output=True, text=True, check=False
        )
        line = next((line for line in told.stdout.splitlines() if line.startswith("bench ")), None)
        if line is None:
            raise BenchError(f"wrk gave up: {(told.stderr or told.stdout).strip()[-500:]}")
        return Pressed(*map(int, line.split()[1:]))


@contextmanager
def written(address: str, requests: Sequence[bytes]) -> Iterator[Load]:
    """Write requests down for as long as a block lasts."""
    with tempfile.NamedTemporaryFile(prefix="reinstate-bench-") as file:
        for request in requests:
            file.write(b"%d\n%s" % (len(request), request))
        file.flush()
        yield Load(address, Path(file.name))


def http(path: str, headers: dict[str, str], body: bytes, port: int) -> bytes:
    """Spell a request."""
    known = {
        "Host": f"127.0.0.1:{port}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        **headers,
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in known.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def need_wrk() -> None:
    """Refuse to start without wrk."""
    if shutil.which("wrk") is None:
        raise BenchError("The load generator wrk is missing: apt-get install wrk (Debian, Ubuntu), brew install wrk.")
