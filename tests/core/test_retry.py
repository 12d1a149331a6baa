"""Which errors are worth another try, and how long the waits are: from real errors of the libraries in use."""

from __future__ import annotations

import asyncio
import errno
import itertools
import random
import socket
import sqlite3
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import sqlalchemy as sa

from etl_core import retry
from etl_core.errors import (
    BadParameter,
    BadSchema,
    DatabaseError,
    EtlError,
    Overlap,
    PermanentError,
    StillBeingWritten,
    TransientError,
)
from etl_core.retry import RetryPolicy, is_transient


@pytest.mark.parametrize("attempt", [1, 2, 3, 5, 10, 62, 2000])
def test_waits_double_up_to_the_cap_and_half_is_random(attempt: int) -> None:
    policy = RetryPolicy(attempts=3000, base=2, cap=50)
    ceiling = min(50, 2 * 2 ** min(attempt - 1, 100))
    waits = [policy.wait(attempt, random.Random(seed)) for seed in range(300)]
    assert all(ceiling / 2 <= wait <= ceiling for wait in waits)
    assert min(waits) < 0.55 * ceiling and max(waits) > 0.95 * ceiling  # the whole half is used


def test_two_clients_do_not_come_back_together() -> None:
    policy = RetryPolicy(base=10)
    assert policy.wait(1, random.Random(1)) != policy.wait(1, random.Random(2))
    assert len({policy.wait(1) for _ in range(10)}) == 10


def test_no_wait_where_base_and_cap_are_nothing() -> None:
    assert RetryPolicy(base=0, cap=0).wait(7) == 0


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"base": -1}, {"base": 5, "cap": 1}, {"base": float("nan")}, {"cap": float("nan")}]
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="attempts of at least 1 and 0 <= base <= cap"):
        RetryPolicy(**wrong)


def called(errors: list[Exception], policy: RetryPolicy) -> tuple[object, list[int], list[float]]:
    attempts: list[int] = []
    waits: list[float] = []
    left = iter(errors)

    def work(attempt: int) -> str:
        attempts.append(attempt)
        error = next(left, None)
        if error:
            raise error
        return "done"

    try:
        result: object = retry.call(work, policy, sleep=waits.append, rng=random.Random(0))
    except Exception as error:
        result = error
    return result, attempts, waits


def test_transient_errors_are_tried_again_with_growing_waits() -> None:
    offline = [ConnectionError("1"), ConnectionError("2"), ConnectionError("3")]
    result, attempts, waits = called(offline, RetryPolicy(attempts=4, base=1, cap=60))
    assert (result, attempts) == ("done", [1, 2, 3, 4])
    assert [low <= wait <= 2 * low for low, wait in zip([0.5, 1, 2], waits, strict=True)] == [True] * 3


def test_the_last_error_comes_as_it_was_when_attempts_are_used_up() -> None:
    errors: list[Exception] = [ConnectionError(str(n)) for n in range(5)]
    result, attempts, waits = called(errors, RetryPolicy(attempts=3))
    assert result is errors[2]
    assert (attempts, len(waits)) == ([1, 2, 3], 2)


def test_a_permanent_error_is_raised_at_once() -> None:
    result, attempts, waits = called([BadSchema("no")], RetryPolicy(attempts=3))
    assert (str(result), attempts, waits) == ("no", [1], [])


def test_the_end_of_the_process_is_not_tried_again() -> None:
    with pytest.raises(KeyboardInterrupt):
        retry.call(lambda attempt: (_ for _ in ()).throw(KeyboardInterrupt), RetryPolicy(), sleep=pytest.fail)


def http_error(code: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("http://x", code, "no", Message(), None)


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504])
def test_http_answers_worth_another_try(code: int) -> None:
    with http_error(code) as error:
        assert is_transient(error)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 410, 422, 451, 501, 505])
def test_http_answers_that_will_not_change(code: int) -> None:
    with http_error(code) as error:
        assert not is_transient(error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TransientError("x"), True),
        (StillBeingWritten("x"), True),
        (EtlError("x"), False),
        (PermanentError("x"), False),
        (BadSchema("x"), False),
        (BadParameter("x"), False),
        (DatabaseError("x"), False),
        (Overlap("x"), False),
        (ConnectionResetError("x"), True),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), True),
        (BrokenPipeError("x"), True),
        (TimeoutError("x"), True),
        (TimeoutError(), True),
        (IncompleteRead(b"x", 9), True),  # urllib: the body is shorter than announced
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), True),
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), True),
        (FileNotFoundError(errno.ENOENT, "x"), False),
        (PermissionError(errno.EACCES, "x"), False),
        (IsADirectoryError(errno.EISDIR, "x"), False),
        (OSError("no number"), False),
        (ValueError("x"), False),
        (KeyError("x"), False),
        (MemoryError(), False),
        (SystemExit(503), False),
        (None, False),
    ],
    ids=repr,
)
def test_errors_of_python_and_our_own(error: BaseException | None, expected: bool) -> None:
    assert is_transient(error) is expected


def raised(work: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        work()
    return caught.value


def test_a_locked_sqlite_file_is_worth_another_try_a_missing_table_is_not(tmp_path) -> None:
    holder = sqlite3.connect(tmp_path / "x.db")
    other = sqlite3.connect(tmp_path / "x.db", timeout=0)
    holder.execute("BEGIN EXCLUSIVE")
    locked = raised(lambda: other.execute("CREATE TABLE t (x)"))
    holder.rollback()
    no_table = raised(lambda: other.execute("SELECT * FROM nothing"))
    syntax = raised(lambda: other.execute("SELEC"))
    holder.close()
    other.close()
    assert [is_transient(error) for error in (locked, no_table, syntax)] == [True, False, False]


def test_sqlalchemy_hands_on_the_drivers_verdict(tmp_path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db", connect_args={"timeout": 0})
    holder = sqlite3.connect(tmp_path / "x.db")
    holder.execute("BEGIN EXCLUSIVE")

    def execute(sql: str) -> None:
        with engine.begin() as conn:
            conn.execute(sa.text(sql))

    locked = raised(lambda: execute("CREATE TABLE t (x)"))
    holder.rollback()
    holder.close()
    no_table = raised(lambda: execute("SELECT * FROM nothing"))
    engine.dispose()
    assert isinstance(locked, sa.exc.OperationalError)
    assert [is_transient(locked), is_transient(no_table)] == [True, False]


def chained(*errors: BaseException) -> BaseException:
    """raise errors[0] from errors[1] from …"""
    for error, cause in itertools.pairwise(errors):
        error.__cause__ = cause
    return errors[0]


def test_the_outermost_error_with_a_say_decides() -> None:
    assert is_transient(chained(RuntimeError(), ConnectionError()))
    assert is_transient(chained(RuntimeError(), ValueError(), TimeoutError()))
    assert not is_transient(chained(RuntimeError(), PermanentError("no"), ConnectionError()))
    assert is_transient(chained(TransientError("yes"), ValueError()))
    assert not is_transient(chained(RuntimeError(), ValueError()))


def test_an_error_in_the_making_of_another_is_no_cause() -> None:
    def clumsy() -> None:
        try:
            raise ConnectionError
        except ConnectionError:
            {}["a mistake in the handler"]

    assert not is_transient(raised(clumsy))


@pytest.mark.timeout(5)
def test_a_circle_of_causes_ends() -> None:
    one, two = RuntimeError("1"), RuntimeError("2")
    one.__cause__, two.__cause__ = two, one
    assert not is_transient(one)


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/broken":  # says 100 bytes, sends 5, hangs up
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"12345")
            return
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server():
    server = HTTPServer(("127.0.0.1", 0), _Server)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_urllib(server: str) -> None:
    def get(url: str) -> BaseException:
        return raised(lambda: urllib.request.urlopen(url, timeout=5))

    refused = get(f"http://127.0.0.1:{closed_port()}/")
    assert isinstance(refused, urllib.error.URLError)
    assert is_transient(refused)
    with get(f"{server}/503") as busy, get(f"{server}/404") as missing:
        assert [is_transient(busy), is_transient(missing)] == [True, False]
    assert not is_transient(get("gopher://x"))
    assert not is_transient(urllib.error.URLError(ssl.SSLCertVerificationError(1, "self-signed certificate")))


def test_aiohttp(server: str) -> None:
    aiohttp = pytest.importorskip("aiohttp")

    async def get(url: str) -> BaseException:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(raise_for_status=True, timeout=timeout) as session:
            try:
                async with session.get(url) as answer:
                    await answer.read()
            except Exception as error:
                return error
        raise AssertionError("no error")

    def verdict(url: str) -> tuple[str, bool]:
        error = asyncio.run(get(url))
        return type(error).__name__, is_transient(error)

    assert verdict(f"http://127.0.0.1:{closed_port()}/") == ("ClientConnectorError", True)
    assert verdict(f"{server}/503") == ("ClientResponseError", True)
    assert verdict(f"{server}/429") == ("ClientResponseError", True)
    assert verdict(f"{server}/404") == ("ClientResponseError", False)
    assert verdict(f"{server}/broken") == ("ClientPayloadError", True)
    assert verdict("http://") == ("InvalidUrlClientError", False)


def test_psycopg(postgres: str) -> None:
    engine = sa.create_engine(postgres, pool_size=2)

    def execute(sql: str) -> BaseException:
        def run() -> None:
            with engine.begin() as conn:
                conn.execute(sa.text("SET LOCAL lock_timeout = 1; SET LOCAL statement_timeout = 2000"))
                conn.execute(sa.text(sql))

        return raised(run)

    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE t (x integer PRIMARY KEY)"))
    with engine.begin() as holder:
        holder.execute(sa.text("LOCK TABLE t"))
        assert is_transient(execute("SELECT * FROM t"))
    assert is_transient(execute("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert not is_transient(execute("SELECT * FROM nothing"))
    assert not is_transient(execute("INSERT INTO t VALUES (1), (1)"))
    engine.dispose()
    nobody = sa.create_engine(f"postgresql+psycopg://u:p@127.0.0.1:{closed_port()}/d")
    assert is_transient(raised(nobody.connect))


def test_requests_and_httpx(server: str) -> None:
    requests = pytest.importorskip("requests")
    httpx = pytest.importorskip("httpx")
    for get in (requests.get, httpx.get):
        assert is_transient(raised(lambda get=get: get(f"http://127.0.0.1:{closed_port()}/", timeout=5)))
        assert is_transient(raised(lambda get=get: get(f"{server}/503", timeout=5).raise_for_status()))
        assert not is_transient(raised(lambda get=get: get(f"{server}/404", timeout=5).raise_for_status()))
        assert not is_transient(raised(lambda get=get: get("gopher://x", timeout=5)))
