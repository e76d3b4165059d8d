"""The limit of the server: uvicorn as the product runs it, answering so many bytes as the path says."""

import sys
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import uvicorn

Told = dict[str, Any]


@cache
def _answer(path: str) -> tuple[Told, Told]:
    size = int(path.rpartition("/")[2] or 0)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": b" " * size},
    )


async def app(scope: Told, receive: Callable[[], Awaitable[Told]], send: Callable[[Told], Awaitable[None]]) -> None:
    """Read the request, and answer what its path says."""
    while (await receive()).get("more_body"):
        pass
    head, body = _answer("0" if scope["path"] == "/healthz" else scope["path"])
    await send(head)
    await send(body)


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), lifespan="off", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, loop="uvloop", http="httptools",
    )  # fmt: skip
