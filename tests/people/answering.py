"""A web server of a test's own: each path is answered by a function, and who asked for what is noted."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


class Answering(ThreadingHTTPServer):
    """The server. `asked` are the paths that were asked for; `headers` those of the last request."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"

    def says(self, path: str, body: object, status: int = 200, **headers: str) -> str:
        """Answer a path with JSON, or with bytes as they are; return its address."""

        def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
            reply(handler, body, status, **headers)

        return self.does(path, answer)

    def does(self, path: str, answer: Answer) -> str:
        """Have a path answered by a function; return its address."""
        self.answers[path] = answer
        return self.url + path

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that went away: it had enough."""


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer as the test says."""
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append(path)
        self.server.headers = {name.lower(): value for name, value in self.headers.items()}
        with suppress(ConnectionError):
            self.server.answers[path](self, body)

    do_POST = do_GET  # noqa: N815 - the library's name


def reply(handler: BaseHTTPRequestHandler, body: object, status: int = 200, **headers: str) -> None:
    """Send an answer, whole."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"content-type": "application/json", "content-length": str(len(sent)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(sent)


@contextmanager
def answering(secured: SSLContext | None = None) -> Iterator[Answering]:
    """Have a server, gone in the end."""
    server = Answering()
    if secured:
        server.socket = secured.wrap_socket(server.socket, server_side=True)
        server.url = server.url.replace("http:", "https:")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def public(*keys: Any, **members: Any) -> dict[str, Any]:
    """Give the public JWK set of keys, each with these members besides."""
    return {"keys": [{**key.as_dict(private=False), "kid": key.kid, **members} for key in keys]}
