"""A web server on loopback that can fail in the ways real ones do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """`cut` bytes of `body` are sent although all are announced; `status` other than 200 is an error page."""

    body: bytes = b""
    status: int = 200
    cut: int | None = None


@dataclass
class Site:
    url: str
    asked: list[str] = field(default_factory=list)  # the paths, in order


@contextmanager
def serve(pages: dict[str, Page]) -> Iterator[Site]:
    """Serve pages by path ("/day.csv") on a free port of 127.0.0.1 until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            page = pages.get(self.path, Page(b"not here", 404))
            self.send_response(page.status)
            self.send_header("Content-Type", "text/csv")
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body if page.cut is None else page.body[: page.cut])

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Site(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
