"""A web server on the loopback interface that serves what a test gives it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """`files`: name -> bytes to send; `answers`: name -> function(handler) that answers itself."""

    def __init__(self, url: str):
        self.url = url
        self.files: dict[str, bytes] = {}
        self.answers: dict = {}
        self.requests: list[str] = []
        self.posted: list[tuple[str, str, bytes]] = []  # path, content type, body


@contextmanager
def serving() -> Iterator[Site]:
    """A site under `site.url`, gone after the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            site.requests.append(name)
            if name in site.answers:
                site.answers[name](self)
            elif name in site.files:
                send(self, site.files[name])
            else:
                self.send_error(404)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            site.posted.append((self.path, self.headers["Content-Type"], body))
            if self.path in site.answers:
                site.answers[self.path](self)
            else:
                send(self, b"")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler, body: bytes, length: int | None = None) -> None:
    """A good answer; `length` is the announced one where that is to be wrong."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)
