"""A web server on loopback that can fail in the ways real ones do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep


@dataclass
class Page:
    """`cut` bytes of `body` are sent although all are announced; `status` other than 200 is an error page.

    The answer comes `delay` seconds after the question, or, with `drop`, never: the connection is closed instead.
    """

    body: bytes = b""
    status: int = 200
    cut: int | None = None
    delay: float = 0
    drop: bool = False


Answer = Page | Sequence[Page] | Callable[[bytes], Page]


@dataclass
class Site:
    """A server at work. `asked` are the paths it was asked for, in order; `stop()` ends it, as does the process."""

    url: str
    stop: Callable[[], None]
    asked: list[str] = field(default_factory=list)


@contextmanager
def serve(pages: dict[str, Answer]) -> Iterator[Site]:
    """Serve pages by path ("/day.csv") on a free port of 127.0.0.1 until the block ends."""
    site = start(pages)
    try:
        yield site
    finally:
        site.stop()


def start(pages: dict[str, Answer]) -> Site:
    """Serve pages by path until `stop()` or the end of the process. `pages` may be changed meanwhile.

    A path has a page; or several, given out in turn, the last one again and again; or a function that is called with
    the body of the request (GET or POST), in a thread of its own, and makes the page.
    """
    given: dict[str, tuple[Answer, int]] = {}  # path -> what is there, and how often it was given out
    lock = threading.Lock()

    def page_for(path: str, body: bytes) -> Page:
        answer = pages.get(path, Page(b"not here", 404))
        with lock:
            site.asked.append(path)
            before, turn = given.get(path, (None, 0))
            turn = turn if before is answer else 0
            given[path] = answer, turn + 1
        if callable(answer):
            return answer(body)
        return answer if isinstance(answer, Page) else answer[min(turn, len(answer) - 1)]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            page = page_for(self.path, body)
            sleep(page.delay)
            if not page.drop:
                with suppress(ConnectionError):  # the client may have lost patience
                    self.answer(page)

        do_POST = do_GET

        def answer(self, page: Page) -> None:
            self.send_response(page.status)
            self.send_header("Content-Type", "text/csv")
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body if page.cut is None else page.body[: page.cut])

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    site = Site(f"http://127.0.0.1:{server.server_address[1]}", stop)
    thread.start()
    return site
