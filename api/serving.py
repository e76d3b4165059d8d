"""Serving: the port first, then the database, then requests until told to stop."""

import logging
import socket
from collections.abc import Callable

import uvicorn
from litestar import Litestar

from api.failure import UsageError
from api.http.wire import Wire

BACKLOG = 512


def claim_port(host: str, port: int) -> socket.socket:
    """Take the port, or say plainly that somebody else has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    claimed = socket.socket(family, socket.SOCK_STREAM)
    claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        claimed.bind((host, port))
        claimed.listen(BACKLOG)
    except OSError as error:
        claimed.close()
        raise UsageError(
            f"Port {port} on {host} cannot be used ({error.strerror}); stop what has it, or choose another with --port."
        ) from error
    return claimed


def serve(app: Litestar, claimed: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
    """Answer requests on a claimed port until the process is told to stop."""

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

    config = uvicorn.Config(
        app,
        http=Wire,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        limit_concurrency=1000,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    Server(config).run(sockets=[claimed])
