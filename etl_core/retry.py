"""When to try again, how long to wait, and which errors are worth it.

Waits grow exponentially up to a cap, and half of each is random, so that many clients that failed together do not come
back together ("equal jitter": M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import errno
import random
import socket
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from etl_core.errors import HTTP_WORTH_RETRYING, EtlError, TransientError

Result = TypeVar("Result")

_ERRNO_WORTH_RETRYING = {errno.ENOSPC, errno.EAGAIN, errno.EBUSY, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}
_BY_NAME = set(  # importing these libraries costs half a second
    "http.IncompleteRead aiohttp.ClientConnectionError aiohttp.ClientPayloadError requests.ConnectionError "
    "requests.Timeout httpx.NetworkError httpx.TimeoutException psycopg.OperationalError".split()
)


@dataclass(frozen=True)
class RetryPolicy:
    """`attempts` in all (the first one counts), waits in seconds: `base`, doubled each time, at most `cap`."""

    attempts: int = 3
    base: float = 1.0
    cap: float = 60.0

    def __post_init__(self) -> None:
        if not (self.attempts >= 1 and 0 <= self.base <= self.cap):  # not: NaN is refused too
            raise ValueError(f"{self}: expected attempts of at least 1 and 0 <= base <= cap")

    def wait(self, attempt: int, rng: random.Random | None = None) -> float:
        """Seconds to wait after `attempt` (1 is the first) has failed.

        >>> RetryPolicy(base=10).wait(2, random.Random(0))
        18.444218515250483
        """
        ceiling = min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))
        return ceiling / 2 + (rng or random).uniform(0, ceiling / 2)


def call(
    work: Callable[[int], Result],
    policy: RetryPolicy,
    sleep: Callable[[float], None] = time.sleep,
    rng: random.Random | None = None,
    before_wait: Callable[[Exception, float], None] = lambda error, wait: None,
) -> Result:
    """`work(attempt)` until it returns, an error is not worth another try, or the attempts are used up.

    The last error is raised as it came. `before_wait` is told each error that is tried again, and in how many seconds.
    Nothing is stored: the process that dies while it waits forgets all of it.
    """
    for attempt in range(1, policy.attempts + 1):
        try:
            return work(attempt)
        except Exception as error:
            if attempt == policy.attempts or not is_transient(error):
                raise
            wait = policy.wait(attempt, rng)
            before_wait(error, wait)
        sleep(wait)
    raise AssertionError("unreachable: the last attempt returns or raises")


def is_transient(error: BaseException | None) -> bool:
    """Is the same call worth another try? The outermost error of a `raise … from` chain that has a say decides."""
    seen = []
    while isinstance(error, Exception) and error not in seen:
        verdict = _verdict(error)
        if verdict is not None:
            return verdict
        seen.append(error)
        error = getattr(error, "orig", None) or getattr(error, "reason", None) or error.__cause__  # SQLAlchemy, urllib
    return False


def _verdict(error: Exception) -> bool | None:
    if isinstance(error, EtlError):
        return isinstance(error, TransientError)
    status = _status(error)
    if isinstance(status, int) and 400 <= status < 600:
        return status in HTTP_WORTH_RETRYING
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    if isinstance(error, sqlite3.OperationalError):
        return "locked" in str(error) or "busy" in str(error)
    if {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(error).__mro__} & _BY_NAME:
        return True
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _ERRNO_WORTH_RETRYING
    return None


def _status(error: Exception) -> object:
    """The HTTP status of an answer: aiohttp, urllib, requests and httpx each keep it elsewhere."""
    if hasattr(error, "status"):
        return error.status
    response = getattr(error, "response", None)
    return getattr(error, "code", None) if response is None else getattr(response, "status_code", None)
