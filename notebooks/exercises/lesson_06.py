"""Lesson 6, retries: try again, but how?"""

from __future__ import annotations

import math
import random
import re
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPException
from itertools import accumulate
from numbers import Real
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import numpy as np
import pandas as pd

from exercises.model import Exercise
from exercises.tools import trouble
from exercises.tools.clock import Clock, OverBudget
from exercises.tools.compare import show
from exercises.tools.crash import Images, crash_images, database
from exercises.tools.toy import WEATHER
from exercises.trial import Raised, Trial, line_of

# ---- 6.1 ------------------------------------------------------------------------------------------------------------

one = Exercise(
    "6.1",
    "Wait longer each time, and not all alike",
    hints=(
        "Three things, one after the other: double with each attempt, never more than the cap, and then a random part "
        "of that. Which of them has to come last?",
        "`min(cap, base * 2 ** (attempt - 1))` is the most that may come out. Where in the range below it you land is "
        "up to the generator: `rng.uniform(low, high)`.",
        "Call that most `ceiling`. `rng.uniform(0, ceiling)` is one right answer, `rng.uniform(ceiling / 2, ceiling)` "
        "another.",
    ),
    passed="Every client draws its own wait, and no wait is longer than you allowed.",
)


@one.stub
def wait(attempt: int, base: float, cap: float, rng: random.Random) -> float:
    """Seconds to wait after `attempt` (1 is the first) has failed.

    At most `base` after the first, twice as much after each further one, never more than
    `cap`. A tenth of that or more is random, and comes from `rng`, a random.Random.
    """
    ...  # your code here


@one.solution
def wait(attempt: int, base: float, cap: float, rng: random.Random) -> float:
    """Seconds to wait after `attempt` has failed: half of it is fixed, half is random."""
    ceiling = min(cap, base * 2 ** (attempt - 1))
    return ceiling / 2 + rng.uniform(0, ceiling / 2)


def _ceiling(attempt: int, base: float, cap: float) -> float:
    return min(cap, base * 2 ** (attempt - 1))


@one.wrong(
    "A call takes as long as the wait that it returns: your function sleeps itself. It is asked how long to wait; who "
    "asked sleeps then, so that a test, or a storm in virtual time, need not.",
    when=lambda seen: seen.sleeps,
)
def sleeps_itself(attempt, base, cap, rng):
    seconds = rng.uniform(0.5, 1) * min(cap, base * 2 ** (attempt - 1))
    time.sleep(seconds)
    return seconds


@one.wrong(
    "After attempt 20 it waits {days:.1f} days, with a base of one second: doubling gets out of hand soon. The server "
    "has been back since the first minute, and nobody asks it.",
    when=lambda seen: seen.days and seen.days > 1,
)
def no_cap(attempt, base, cap, rng):
    return rng.uniform(0.5, 1) * base * 2 ** (attempt - 1)


@one.wrong(
    "With a cap of {cap:g} s it waited {longest:.1f} s, so that the cap is a wish: whoever relies on it (a timeout, an "
    "alarm, a promise of “within a minute”) is let down. What you draw or add has to stay below it, too.",
    when=lambda seen: seen.longest and seen.longest > seen.cap * 1.001,
)
def jitter_after_cap(attempt, base, cap, rng):
    return min(cap, base * 2 ** (attempt - 1)) + rng.uniform(0, base)


@one.wrong(
    "All clients wait the same, or nearly. What failed together comes back together: with 300 clients the server that "
    "has just got up gets 300 requests in one second.",
    when=lambda seen: seen.spreads and max(seen.spreads.values()) < 0.05,
)
def no_jitter(attempt, base, cap, rng):
    return min(cap, base * 2 ** (attempt - 1))


@one.wrong(
    "The same generator, begun twice from the same seed, gave {twice[0]:.3f} and {twice[1]:.3f} s. With chance from "
    "elsewhere, or a memory of earlier calls, nobody can play a storm again, neither a test nor whoever looks for its "
    "cause.",
    when=lambda seen: seen.twice and seen.twice[0] != seen.twice[1],
)
def chance_from_elsewhere(attempt, base, cap, rng):
    return random.uniform(0.5, 1) * min(cap, base * 2 ** (attempt - 1))


@one.wrong(
    "The first waits differ, the late ones hardly do: after attempt 60 nine of ten clients wait the cap, to the "
    "millisecond. Whoever has failed for long meets all the others again, at the worst moment.",
    when=lambda seen: seen.late and seen.late[0] > 0.999 * seen.cap and seen.spreads[1] >= 0.05,
)
def jitter_before_cap(attempt, base, cap, rng):
    return min(cap, rng.uniform(0.5, 1) * base * 2 ** (attempt - 1))


@one.wrong(
    "After the first failure all clients wait {first:.1f} s, and only later waits differ. So the crowd that failed "
    "together comes back together once more, at the moment when nearly everybody would have been served.",
    when=lambda seen: seen.spreads and seen.spreads[1] < 0.05 <= seen.spreads[6],
)
def first_alike(attempt, base, cap, rng):
    return rng.uniform(base, min(cap, base * 2 ** (attempt - 1)))


@one.wrong(
    "The waits do not grow: in the middle they are {middle[0]:.2g} s after the first attempt, and {middle[1]:.2g} s "
    "after the sixtieth. A server that has been in trouble for an hour is asked as often as by a hiccup.",
    when=lambda seen: seen.middle and seen.middle[1] < 2 * seen.middle[0],
)
def does_not_grow(attempt, base, cap, rng):
    return rng.uniform(0, min(cap, base))


@one.wrong(
    "The waits grow, and the random part does not: after attempt 60 nine of ten clients wait between {late[0]:.1f} and "
    "{late[1]:.1f} s. A crowd of thousands stays a crowd; the longer the wait, the more room for chance there is.",
    when=lambda seen: seen.spreads and seen.spreads[60] < 0.05 <= seen.spreads[1],
)
def chance_does_not_grow(attempt, base, cap, rng):
    return min(cap, base * 2 ** (attempt - 1)) - rng.uniform(0, base)


@one.wrong(
    "With a base of 0.05 s, the first wait is {quick:.2f} s. You count from one second, whatever `base` says, so "
    "nobody can ask for a quicker or a more patient client.",
    when=lambda seen: seen.quick and seen.quick > 0.5 and seen.first <= 1.001,
)
def ignores_base(attempt, base, cap, rng):
    return rng.uniform(0.5, 1) * min(cap, 2 ** (attempt - 1))


@one.wrong(
    "With a base of 0.05 s and a cap of 1 s, it never waits at all: you count in whole seconds, and all that is less "
    "becomes nothing. Five attempts are over before the hiccup is.",
    when=lambda seen: seen.quickest == 0 and seen.whole,
)
def whole_seconds(attempt, base, cap, rng):
    return rng.randint(0, int(min(cap, base * 2 ** (attempt - 1))))


@one.wrong(
    "After the third failure it does not wait at all. A power is written `2 ** 2`, which is 4; `2 ^ 2` is something "
    "else in Python, and 0.",
    when=lambda seen: seen.most and seen.most[3] == 0 and min(seen.most[1], seen.most[2], seen.most[4]) > 0,
)
def no_power(attempt, base, cap, rng):
    return rng.uniform(0.5, 1) * min(cap, base * (2 ^ (attempt - 1)))


@one.wrong(
    "After the first failure it waits {first:.1f} s with a base of 1 s. Most trouble is over at once, so the first "
    "wait is the one that nearly everybody pays for.",
    when=lambda seen: seen.first and seen.first > 1.001,
)
def doubles_at_once(attempt, base, cap, rng):
    return rng.uniform(0.5, 1) * min(cap, base * 2**attempt)


@one.wrong(
    "Your waits grow too slowly: in an outage of an hour one client asks {asked} times; doubled, it is {right}. A "
    "server that has trouble to get up gets many times the requests.",
    when=lambda seen: seen.slow and seen.asked and seen.asked > 2 * seen.right,
)
def linear(attempt, base, cap, rng):
    return rng.uniform(0.5, 1) * min(cap, base * attempt)


@one.wrong(
    "Your waits stop growing long before the cap: with a cap of 900 s, one client asks {asked} times in an outage of "
    "an hour; doubled up to the cap, it is {right}. How long to go on doubling is what `cap` says.",
    when=lambda seen: seen.asked and seen.asked > 2 * seen.right and seen.middle[1] > seen.cap / 8,
)
def stops_early(attempt, base, cap, rng):
    return rng.uniform(0.5, 1) * min(cap, base * 2 ** min(attempt - 1, 5))


@one.right
def full_jitter(attempt, base, cap, rng):
    return rng.random() * min(cap, base * 2.0 ** (attempt - 1))


@one.right
def a_number_of_numpy(attempt, base, cap, rng):
    return np.float32(np.clip(base * np.exp2(attempt - 1), 0, cap) * rng.triangular(0, 1))


@one.right
def a_tenth_is_random(attempt, base, cap, rng):
    return (1 - rng.random() / 10) * min(cap, math.ldexp(base, attempt - 1))


@one.right
def in_a_loop(attempt, base, cap, rng):
    longest = base
    for _ in range(attempt - 1):
        longest = min(longest * 2, cap)
    return min(longest, cap) * (1 - 0.3 * rng.random())


@one.grade
def grade_wait(t: Trial) -> None:
    _expect_no_sleep(t)
    base, cap = 1.0, 60.0
    drawn: dict[int, list[float]] = {}
    for attempt in (1, 2, 3, 4, 5, 6, 7, 20, 60):
        case = f"attempt {attempt}, base 1 s, cap 60 s, 200 generators"
        drawn[attempt] = _numbers(t, case, [(attempt, base, cap, random.Random(seed)) for seed in range(200)])
    t.seen.cap = cap
    t.seen.days = statistics.median(drawn[20]) / 86400
    t.seen.most = {attempt: max(waits) for attempt, waits in drawn.items()}
    t.seen.first, t.seen.whole = t.seen.most[1], all(one.is_integer() for waits in drawn.values() for one in waits)
    t.seen.longest = max(t.seen.most.values())
    late = statistics.quantiles(drawn[60], n=20)
    t.seen.late = late[0], late[-1]
    spreads = {attempt: _spread(waits) / _ceiling(attempt, base, cap) for attempt, waits in drawn.items()}
    t.seen.spreads = spreads
    for attempt, waits in drawn.items():
        most, case = _ceiling(attempt, base, cap), f"attempt {attempt}, base 1 s, cap 60 s"
        t.true(max(waits) <= most * (1 + 1e-9), case, f"expected at most {most:g} s, got {max(waits):.3f} s")
        detail = f"expected waits that differ, got {min(waits):.3f} to {max(waits):.3f} s from 200 generators"
        t.true(spreads[attempt] >= 0.05, case, detail)
    again = _numbers(t, "attempt 6, the same seed again", [(6, base, cap, random.Random(1)) for _ in range(2)])
    t.seen.twice = again
    t.equal(again[0], again[1], "attempt 6, the same seed twice")
    middles = {attempt: statistics.median(waits) for attempt, waits in drawn.items()}
    for attempt in (2, 3, 4, 5, 6):
        before = middles[attempt - 1]
        detail = f"the middle wait is {middles[attempt]:.2f} s; after the attempt before it was {before:.2f} s"
        doubles = t.true(middles[attempt] > 1.5 * before, f"attempt {attempt}, base 1 s, cap 60 s", detail)
        t.seen.slow = t.seen.slow or not doubles
    t.seen.middle = middles[1], middles[60]
    t.true(middles[60] > cap / 8, "attempt 60, cap 60 s", f"the middle wait is {middles[60]:.2f} s, far from the cap")
    rng = random.Random(0)
    waits = _numbers(t, "attempts 1 to 300, cap 900 s", [(n, base, 900.0, rng) for n in range(1, 301)])
    t.seen.asked = _asked(waits)
    t.seen.right = _asked([_ceiling(n, base, 900.0) / 2 for n in range(1, 301)])
    detail = f"one client asks {t.seen.asked} times; doubled up to the cap, it is about {t.seen.right}"
    t.true(t.seen.asked <= 2 * t.seen.right, "an outage of an hour, base 1 s, cap 900 s", detail)
    case = "base 0.05 s, cap 1 s, attempts 1 to 9"
    quick = [
        max(_numbers(t, case, [(attempt, 0.05, 1, random.Random(seed)) for seed in range(20)]))
        for attempt in range(1, 10)
    ]
    t.seen.quick, t.seen.quickest = quick[0], quick[3]
    for attempt, longest in enumerate(quick, 1):
        most, case = _ceiling(attempt, 0.05, 1), f"attempt {attempt}, base 0.05 s, cap 1 s, 20 generators"
        detail = f"expected the longest to be nearly {most:g} s and not more, got {longest:.3f} s"
        t.true(most / 3 < longest <= most + 1e-6, case, detail)
    case = "attempt 1, base 60 s, cap 10 s, 20 generators"
    longest = max(_numbers(t, case, [(1, 60.0, 10.0, random.Random(seed)) for seed in range(20)]))
    t.true(longest <= 10 + 1e-6, case, f"expected at most 10 s, got {longest:.3f} s")


def _expect_no_sleep(t: Trial) -> None:
    case, took, waits = "attempt 1, base 0.3 s, cap 0.3 s", [], []
    for seed in range(3):
        began = time.perf_counter()
        waits += _numbers(t, case, [(1, 0.3, 0.3, random.Random(seed))])
        took.append(time.perf_counter() - began)
    t.seen.sleeps = all(seconds >= 0.8 * wait > 0.01 for seconds, wait in zip(took, waits, strict=True))
    if t.seen.sleeps:
        t.stop(case, f"the call took {took[-1]:.2f} s")


def _numbers(t: Trial, case: str, arguments: list[tuple]) -> list[float]:
    """What the answer gives for each of these arguments."""
    found = t.do(lambda: [t.answer(*args) for args in arguments], case=case, allow=TypeError)
    if isinstance(found, Raised):
        power = ". A power is written `2 ** 3`; `^` is something else." if "for ^" in str(found.error) else ""
        t.stop(case, line_of(found.error), "raised", f"Your code raised {found!r}{power}")
    for one in found:
        if one is None:
            t.stop(case, "", "wrong", "Your function returned None: does every way through it end in a `return`?")
        if isinstance(one, bool) or not isinstance(one, Real):
            t.stop(case, f"expected a number of seconds, got {show(one)}")
        if not 0 <= one < math.inf:
            t.stop(case, f"expected seconds that one can wait, got {one:.3f}")
    return [float(one) for one in found]


def _spread(waits: list[float]) -> float:
    """Seconds between the 5th and the 95th percentile."""
    cuts = statistics.quantiles(waits, n=20)
    return cuts[-1] - cuts[0]


def _asked(waits: list[float]) -> int:
    """How often a client that waits like this asks in an hour."""
    return 1 + sum(moment < 3600 for moment in accumulate(waits))


# ---- 6.2 ------------------------------------------------------------------------------------------------------------

two = Exercise(
    "6.2",
    "Tell errors apart",
    hints=(
        "Ask of each error: if nobody changes anything, can the same call succeed in a minute? Look at what the error "
        "carries, not at its type alone: `code` of an HTTPError, the text of a database error, `reason`, `__cause__`.",
        "`HTTPError` is an `OSError`, and so are FileNotFoundError and TimeoutError: ask for the special one first. Of "
        "the answers, those from 500 on and 429 are worth it. Of `sqlite3.OperationalError` the text is enough here. "
        "IncompleteRead is in `http.client`, HTTPError in `urllib.error`.",
        "In this order: if there is a `code`, decide by it. ConnectionError, TimeoutError and IncompleteRead: True. "
        'OperationalError: `"locked" in str(error)`. If the `reason` is an error, or if there is a `__cause__`: ask '
        "the same function about it. Everything else: False.",
    ),
    twin="etl_core:is_transient",
    passed="What only time can heal is tried again; what only a person can heal is told at once.",
)


@two.stub
def worth_retrying(error: BaseException) -> bool:
    """Could the same call succeed in a minute, although nobody has changed anything?

    An error that says nothing about that itself, such as a RuntimeError, is judged by its
    `__cause__`, the error it was raised from; urlopen's URLError by its `reason`, where that
    is an error. To what you do not know, say no.
    """
    ...  # your code here


@two.solution
def worth_retrying(error: BaseException) -> bool:
    """Could the same call succeed in a minute, although nobody has changed anything?"""
    from http.client import IncompleteRead
    from urllib.error import HTTPError

    if isinstance(error, HTTPError):
        return error.code in (408, 429) or error.code >= 500
    if isinstance(error, (ConnectionError, TimeoutError, IncompleteRead)):
        return True
    if isinstance(error, sqlite3.OperationalError):
        return "locked" in str(error)
    cause = getattr(error, "reason", None) or error.__cause__
    return isinstance(cause, Exception) and worth_retrying(cause)


def known(error: object) -> bool:
    """For wrong answers: right about each error that speaks for itself, and no further."""
    if isinstance(error, HTTPError):
        return error.code >= 500 or error.code == 429
    if isinstance(error, sqlite3.OperationalError):
        return "locked" in str(error)
    return isinstance(error, ConnectionError | TimeoutError | HTTPException)


@two.wrong(
    "You retry everything, a misspelt table and a missing file included. A retry is not free: somebody who could mend "
    "it hears of it minutes later, and the server is asked for nothing again and again.",
    when=lambda seen: seen.said and all(seen.said.values()),
)
def everything(error):
    return isinstance(error, Exception)


@two.wrong(
    "A missing file is worth another try to you. In Python, FileNotFoundError is an OSError just as a broken "
    "connection is; but nobody puts the file there while you wait.",
    when=lambda seen: seen.said and seen.said["no file"],
)
def all_OSError(error):
    return isinstance(error, OSError)


@two.wrong(
    'You answer {said[busy]} to 503 and to 404. "I cannot just now" and "there is no such thing" are both an '
    "HTTPError; what the server said is in its `code`.",
    when=lambda seen: seen.said and seen.said["busy"] == seen.said["absent"],
)
def every_answer_alike(error):
    return isinstance(error, HTTPError) or known(error)


@two.wrong(
    "Both database errors are OperationalError, and you answer {said[locked]} to both. One passes when another program "
    "commits, the other is a typing mistake that will be there tomorrow: the type does not tell them apart.",
    when=lambda seen: seen.said and seen.said["locked"] == seen.said["no such table"],
)
def type_only(error):
    return isinstance(error, sqlite3.OperationalError) or known(error)


@two.wrong(
    "You say yes to {unknown}. Nobody puts that right while you wait. No list of what is final is complete, so name "
    "what passes by itself, and say no to the rest: a wrong no is seen in the morning, a wrong yes costs every night.",
    when=lambda seen: seen.unknown,
)
def unknown_is_yes(error):
    if isinstance(error, FileNotFoundError | ValueError):
        return False
    if isinstance(error, HTTPError | sqlite3.OperationalError):
        return known(error)
    return unknown_is_yes(error.__cause__) if error.__cause__ else True


@two.wrong(
    'To you 429 is for good, as 404 is. It says "too many requests": the one answer that asks you to come back later '
    "is taken for a no, and a busy minute costs the day.",
    when=lambda seen: seen.said and seen.said["busy"] and not seen.said["too many"],
)
def every_4xx_is_final(error):
    return error.code >= 500 if isinstance(error, HTTPError) else known(error)


@two.wrong(
    "An answer that breaks off in the middle is final to you. IncompleteRead is neither an OSError nor a "
    "ConnectionError, so that it slips through many a net; asked again, the server sends the whole file.",
    when=lambda seen: seen.said and not seen.said["cut"],
)
def forgets_what_breaks_off(error):
    return known(error) and not isinstance(error, HTTPException)


@two.wrong(
    "A ValueError whose text has {words} in it, as of a row of a file, is worth another try to you. A text says "
    "anything; let the type say first what kind of error it is, and then `code` or the text what was the matter.",
    when=lambda seen: seen.words and not seen.said["no number"],
)
def by_its_text(error):
    words = ("503", "429", "timed out", "closed connection", "refused", "IncompleteRead", "locked")
    return any(word in str(error) for word in words) or bool(error.__cause__ and by_its_text(error.__cause__))


@two.wrong(
    "You do not see through `raise … from`: a broken connection is worth another try, and as the `__cause__` of "
    "another error it is not. Some library wraps the error, and all retries stop.",
    when=lambda seen: seen.said["reset"] and not any(seen.said[name] for name in ("wrapped reset", "LoadFailed")),
)
def ignores_cause(error):
    return known(error) or known(getattr(error, "reason", None))


@two.wrong(
    "You see through a RuntimeError, and not through a LoadFailed, the own error of some library. There is no end of "
    "such types, and each error has a `__cause__`.",
    when=lambda seen: seen.said["wrapped reset"] and not seen.said["LoadFailed"],
)
def cause_of_one_type(error):
    return cause_of_one_type(error.__cause__) if isinstance(error, RuntimeError) else ignores_cause(error)


@two.wrong(
    "A RuntimeError raised from a broken connection is worth another try to you, or not, as it was raised in the "
    "`except` or after it. So you look at `__context__`, what was being handled at the time; what an error was raised "
    "from is its `__cause__`.",
    when=lambda seen: seen.said["wrapped reset"] and not seen.said["raised later"],
)
def by_its_context(error):
    return ignores_cause(error) or bool(error.__context__ and by_its_context(error.__context__))


@two.wrong(
    "You look at the cause, and not at the cause of the cause: a RuntimeError from a RuntimeError from a broken "
    "connection is final to you. What one library wraps, the next one wraps again.",
    when=lambda seen: seen.said["wrapped reset"] and not seen.said["wrapped twice"],
)
def one_level(error):
    return ignores_cause(error) or ignores_cause(error.__cause__)


@two.wrong(
    "A refused connection is final to you: the server is being restarted, and a minute later it is there. `urlopen` "
    "hands it on as a URLError, which is no ConnectionError and was not raised from one; it is the `reason`.",
    when=lambda seen: seen.said["reset"] and not seen.said["refused"],
)
def ignores_reason(error):
    return known(error) or bool(error.__cause__ and ignores_reason(error.__cause__))


@two.wrong(
    "An error that speaks for itself is judged by its cause. `asyncio` ends a wait by a TimeoutError, raised from the "
    "CancelledError by which it did so; and a 404 is final, whatever was the matter before it. The outermost error "
    "that has something to say decides.",
    when=lambda seen: (
        (seen.said["timeout"] and not seen.said["timeout of asyncio"])
        or (seen.said["404 after reset"] and not seen.said["absent"])
    ),
)
def innermost_cause(error):
    while error.__cause__ is not None:
        error = error.__cause__
    return ignores_cause(error)


@two.right
def by_what_it_carries(error):
    while isinstance(error, Exception):
        if isinstance(getattr(error, "code", None), int):
            return error.code in {408, 425, 429, 500, 502, 503, 504}
        if isinstance(error, sqlite3.Error):
            return getattr(error, "sqlite_errorname", "") in ("SQLITE_BUSY", "SQLITE_LOCKED")
        if isinstance(error, ConnectionError | TimeoutError) or "IncompleteRead" in type(error).__name__:
            return True
        error = error.reason if isinstance(error, URLError) else error.__cause__
    return False


@two.right
def none_is_no(error):
    if isinstance(error, HTTPError):
        return error.code if error.code in (429, 503) else None
    if isinstance(error, URLError) and isinstance(error.reason, OSError):
        return none_is_no(error.reason)
    if isinstance(error, sqlite3.DatabaseError):
        return re.search("locked|busy", str(error))
    if isinstance(error, ConnectionError | TimeoutError | HTTPException):
        return True
    return error.__cause__ and none_is_no(error.__cause__)


@two.right
def the_package(error):
    from etl_core import is_transient

    return is_transient(error)


FINAL = ("no row", "no column", "bad SQL", "folder", "no key", "bare", "no file by urlopen")


@two.grade
def grade_worth_retrying(t: Trial) -> None:
    web, files = trouble.http_errors(), trouble.database_errors(t.folder)
    local = trouble.local_errors(t.folder)
    cases: list[tuple[str, Exception, bool]] = [
        ("busy", web["503"], True),
        ("absent", web["404"], False),
        ("too many", web["429"], True),
        ("forbidden", web["401"], False),
        ("timeout", web["slow"], True),
        ("reset", web["dropped"], True),
        ("cut", web["cut"], True),
        ("refused", web["refused"], True),
        *((name, error, name == "locked") for name, error in files.items()),
        *((name, error, False) for name, error in local.items()),
        ("wrapped reset", trouble.wrapped(web["dropped"]), True),
        ("LoadFailed", trouble.wrapped(web["dropped"], kind=trouble.LoadFailed), True),
        ("raised later", trouble.raised_from(RuntimeError("the load failed"), web["dropped"]), True),
        ("wrapped twice", trouble.wrapped(web["dropped"], 2), True),
        ("wrapped lock", trouble.wrapped(files["locked"], 2), True),
        ("wrapped 404", trouble.wrapped(web["404"]), False),
        ("wrapped value", trouble.wrapped(local["no number"], 2), False),
        ("timeout of asyncio", trouble.timeout_of_asyncio(), True),
        ("404 after reset", trouble.raised_from(web["404 elsewhere"], web["dropped"]), False),
    ]
    given = {name: t.call(error, case=_called(error), none=True) for name, error, _ in cases}
    for name, error, right in cases:
        if right and given[name] is None:  # as a no, None will do: `return error.__cause__ and …`
            text = "Your function returned None: does every way through it end in a `return`?"
            t.stop(_called(error), "", "wrong", text)
        if isinstance(given[name], str):
            detail = f"expected True or False, got {show(given[name])}, a str: each but the empty one counts as true"
            t.stop(_called(error), detail)
    t.seen.said = said = {name: bool(answer) for name, answer in given.items()}
    t.seen.unknown = next((_called(error) for name, error, _ in cases if name in FINAL and said[name]), None)
    t.seen.words = next((f"“{text}”" for text in ("503", "database is locked") if said[text]), None)
    for name, error, right in cases:
        shown = "" if isinstance(given[name], bool) else f", a {type(given[name]).__name__} that counts as {said[name]}"
        t.true(said[name] == right, _called(error), f"expected {right}, got {show(given[name])}{shown}")


def _called(error: BaseException) -> str:
    """An error and what is behind it, in words."""
    text = repr(Raised(error)).replace("\n", " ")
    reason = getattr(error, "reason", None)
    text += f", whose reason is a {type(reason).__name__}" if isinstance(reason, Exception) else ""
    return f"{text}, raised from {_called(error.__cause__)}" if error.__cause__ else text


# ---- 6.3 ------------------------------------------------------------------------------------------------------------

three = Exercise(
    "6.3",
    "Try again, and know when to stop",
    star=True,
    none=True,
    hints=(
        "Follow four calls with a finger: work that returns None, work that fails twice, work that always fails, work "
        "with a typing mistake in it. What does the version in the cell do with each?",
        "A `return` inside `try` ends everything, whatever the value. In `except` there are two reasons to stop at "
        "once, and both end in a bare `raise`, which passes on the very error that came.",
        "`except Exception as error: if attempt == attempts or not worth_retrying(error): raise`, and after it, still "
        "in the loop, `sleep(wait(attempt))`.",
    ),
    passed="Work that heals is done, work that does not heal fails with its own error, and no wait is in vain.",
)


@three.stub
def with_retry(
    work: Callable[[], object],
    attempts: int,
    wait: Callable[[int], float],
    sleep: Callable[[float], None],
    worth_retrying: Callable[[Exception], bool],
) -> object:
    """Call `work()` until it returns, `attempts` times at most; return what it returned.

    Between two attempts `sleep(wait(attempt))`; attempts are counted from 1. An error for
    which `worth_retrying(error)` is false, and the last one, go to the caller as they came.

    This version gets by as long as work succeeds. Repair it.
    """
    for attempt in range(attempts):
        try:
            result = work()
            if result:
                return result
        except Exception as error:
            print("failed:", error)
        sleep(wait(attempt))


@three.solution
def with_retry(
    work: Callable[[], object],
    attempts: int,
    wait: Callable[[int], float],
    sleep: Callable[[float], None],
    worth_retrying: Callable[[Exception], bool],
) -> object:
    """Call `work()` until it returns, `attempts` times at most; errors come as they are."""
    for attempt in range(1, attempts + 1):
        try:
            return work()
        except Exception as error:
            if attempt == attempts or not worth_retrying(error):
                raise
        sleep(wait(attempt))


BUDGET = 40  # calls of the work: more than any right answer makes


class Work:
    """Work that raises these errors in turn, and then returns `value`, or raises `at_last` for ever."""

    def __init__(self, *errors: BaseException, value: Any = "done", at_last: BaseException | None = None) -> None:
        self.errors, self.value, self.at_last, self.calls = list(errors), value, at_last, 0

    def __call__(self) -> Any:
        self.calls += 1
        if self.calls > BUDGET:
            raise OverBudget("the work was called too often")
        error = self.errors.pop(0) if self.errors else self.at_last
        if error is not None:
            raise error
        return self.value


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, ConnectionError)


def _no_slip(t: Trial, got: Any, case: str) -> Any:
    """What an answer returned or raised; a mistake in its own code, which is no decision, ends the grading."""
    if isinstance(got, Raised) and isinstance(got.error, TypeError | AttributeError | sqlite3.ProgrammingError):
        t.do(lambda: _raise(got.error), case=case)
    return got


def _raise(error: BaseException) -> None:
    raise error


def _asks_for_later(error: BaseException) -> bool:
    return "later" in str(error)


@three.wrong(
    "Work that always fails was called {calls} times, with 3 attempts allowed, and there was no end in sight. Not all "
    "work succeeds some time: a run that never ends keeps its day from everybody else, and nobody is told.",
    when=lambda seen: seen.calls and seen.calls >= BUDGET,
)
def forever(work, attempts, wait, sleep, worth_retrying):
    return with_retry(work, 10**9, wait, sleep, worth_retrying)


@three.wrong(
    "The work was never called: your function returned something else than its result, perhaps the function itself.",
    when=lambda seen: seen.calls == 0 and seen.returned,
)
def never_calls_it(work, attempts, wait, sleep, worth_retrying):
    return with_retry(lambda: work, attempts, wait, sleep, worth_retrying)


@three.wrong(
    "When the attempts are used up, your function returns, with no error. The caller takes that for a result: the run "
    "goes on to the load, is green, and has loaded nothing.",
    when=lambda seen: seen.returned and seen.calls > 1,
)
def returns_none_at_end(work, attempts, wait, sleep, worth_retrying):
    try:
        return with_retry(work, attempts, wait, sleep, worth_retrying)
    except ConnectionError:
        return None


@three.wrong(
    "Ctrl-C was taken for a failure of the work and tried again. Whoever wants to stop the run cannot, and nor can the "
    "system that is shutting down.",
    when=lambda seen: seen.interrupts and seen.interrupts > 1,
)
def holds_ctrl_c(work, attempts, wait, sleep, worth_retrying):
    for attempt in range(1, attempts + 1):
        try:
            return work()
        except BaseException as error:
            if attempt == attempts or (isinstance(error, Exception) and not worth_retrying(error)):
                raise
        sleep(wait(attempt))


@three.wrong(
    "An error that is not worth retrying was tried {permanent} times. The answer was final; all that the repetition "
    "brings is that somebody hears of it later.",
    when=lambda seen: seen.permanent and seen.permanent > 1,
)
def retries_all_errors(work, attempts, wait, sleep, worth_retrying):
    return with_retry(work, attempts, wait, sleep, lambda error: True)


@three.wrong(
    "Work that returned {falsy!r} was called {falsy_calls} times. It had succeeded: a day without rows and a function "
    "that returns nothing are results, and doing them again can do harm.",
    when=lambda seen: seen.falsy_calls and seen.falsy_calls > 1,
)
def retries_falsy(work, attempts, wait, sleep, worth_retrying):
    for attempt in range(1, attempts + 1):
        try:
            result = work()
            if result or attempt == attempts:
                return result
        except Exception as error:
            if attempt == attempts or not worth_retrying(error):
                raise
        sleep(wait(attempt))


@three.wrong(
    "With attempts=3 the work was called {calls} times. `attempts` counts the first call too; one more here and one "
    "more there, and a promise of three becomes a dozen.",
    when=lambda seen: seen.calls == 4,
)
def attempts_are_retries(work, attempts, wait, sleep, worth_retrying):
    return with_retry(work, attempts + 1, wait, sleep, worth_retrying)


@three.wrong(
    "The caller gets {instead} in place of the ConnectionError that the work raised. Whoever is above judges by the "
    "error, the run that decides about its own retry, or an `except ConnectionError`: this one they do not know.",
    when=lambda seen: seen.instead,
)
def new_exception(work, attempts, wait, sleep, worth_retrying):
    try:
        return with_retry(work, attempts, wait, sleep, worth_retrying)
    except ConnectionError:
        raise RuntimeError(f"failed after {attempts} attempts") from None


@three.wrong(
    "After the last attempt it slept once more, {slept} pauses for 3 attempts, and gave up only then. Nothing comes "
    "after that pause; with waits of minutes the bad news is minutes late.",
    when=lambda seen: seen.in_vain and seen.slept >= 3,
)
def sleeps_after_last(work, attempts, wait, sleep, worth_retrying):
    try:
        return with_retry(work, attempts, wait, sleep, worth_retrying)
    except ConnectionError:
        sleep(wait(attempts))
        raise


@three.wrong(
    "An error that is not worth retrying ends in a `return`: the caller takes None for a result. It is the error that "
    "somebody has to mend, and nobody hears of it.",
    when=lambda seen: seen.hushed,
)
def swallows_the_permanent(work, attempts, wait, sleep, worth_retrying):
    try:
        return with_retry(work, attempts, wait, sleep, worth_retrying)
    except ValueError:
        return None


@three.wrong(
    "It is not `worth_retrying` that decides: an error that was to be tried again was not, or the other way round. "
    "What is worth it differs from source to source, and only the caller knows.",
    when=lambda seen: seen.decides,
)
def decides_itself(work, attempts, wait, sleep, worth_retrying):
    return with_retry(work, attempts, wait, sleep, lambda error: isinstance(error, ConnectionError | TimeoutError))


@three.wrong(
    "It pauses by a sleep of its own; the `sleep` that it was given was not called. Nobody can try your function "
    "without sitting through its pauses.",
    when=lambda seen: seen.pauses == [] and seen.healed == 3 and seen.took > (0.025 if seen.asked else 0.5),
)
def sleeps_itself_between(work, attempts, wait, sleep, worth_retrying):
    return with_retry(work, attempts, wait, time.sleep, worth_retrying)


@three.wrong(
    "It pauses, but `wait` was not asked how long. The pauses are your own choice, where the caller has one: with or "
    "without jitter, for a hiccup or for an outage.",
    when=lambda seen: seen.pauses and not seen.asked,
)
def pauses_of_its_own(work, attempts, wait, sleep, worth_retrying):
    return with_retry(work, attempts, lambda attempt: 2 ** (attempt - 1), sleep, worth_retrying)


@three.wrong(
    "It asks again at once: the `sleep` that it was given was not called. All attempts are gone within a moment, long "
    "before anything can have healed.",
    when=lambda seen: seen.pauses == [] and seen.healed == 3,
)
def no_pause(work, attempts, wait, sleep, worth_retrying):
    return with_retry(work, attempts, wait, lambda seconds: None, worth_retrying)


@three.wrong(
    "After the first attempt you ask for `wait({asked[0]})`, where 1 belongs. So each wait is that of another attempt, "
    "and too short or too long.",
    when=lambda seen: seen.asked and seen.asked[0] != 1,
)
def counts_from_zero(work, attempts, wait, sleep, worth_retrying):
    return with_retry(work, attempts, lambda attempt: wait(attempt - 1), sleep, worth_retrying)


@three.right
def again_by_itself(work, attempts, wait, sleep, worth_retrying, attempt=1):
    try:
        return work()
    except Exception as error:
        if attempt >= attempts or not worth_retrying(error):
            raise
    sleep(wait(attempt))
    return again_by_itself(work, attempts, wait, sleep, worth_retrying, attempt + 1)


@three.right
def by_tenacity(work, attempts, wait, sleep, worth_retrying):
    import tenacity

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(attempts),
        wait=lambda state: wait(state.attempt_number),
        retry=tenacity.retry_if_exception(worth_retrying),
        sleep=sleep,
        reraise=True,
    )(work)


@three.right
def keeps_the_error(work, attempts, wait, sleep, worth_retrying):
    failed = 0
    while True:
        try:
            result = work()
        except Exception as error:
            failed += 1
            if failed < attempts and worth_retrying(error):
                seconds = wait(failed)
            else:
                raise error
        else:
            return result
        sleep(seconds)


@three.grade
def grade_with_retry(t: Trial) -> None:
    asked: list[int] = []
    took: list[float] = []
    slept_after: list[int] = []  # how often the work had been called before each pause

    def pause(attempt: int) -> float:
        asked.append(attempt)
        return 0.01 * attempt  # short, for an answer that sleeps by itself

    def tried(work: Work, attempts: int, case: str, worth: Callable = _worth_it) -> tuple[Any, list[float]]:
        asked.clear(), slept_after.clear()
        clock = Clock(datetime(2013, 1, 15, tzinfo=UTC), budget=3 * BUDGET)

        def sleep(seconds: float) -> None:
            clock.sleep(seconds)
            slept_after.append(work.calls)

        allow, began = (Exception, KeyboardInterrupt), time.perf_counter()
        got = t.call(work, attempts, pause, sleep, worth, case=case, allow=allow)
        took.append(time.perf_counter() - began)
        return _no_slip(t, got, case), clock.slept

    last = ConnectionError("the third failure")
    always = Work(ConnectionError("the first"), ConnectionError("the second"), at_last=last)
    case = "work that always fails, attempts=3"
    try:
        got, slept = tried(always, 3, case)
    finally:
        t.seen.calls = always.calls
    t.seen.slept, t.seen.returned = len(slept), not isinstance(got, Raised)
    t.seen.in_vain = slept_after[-1:] == [always.calls]
    t.equal(always.calls, 3, f"{case}; calls of the work")
    _very(t, got, last, case)
    if always.calls and isinstance(got, Raised) and not isinstance(got.error, ConnectionError):
        t.seen.instead = repr(got)
    t.equal(slept, [0.01, 0.02], f"{case}; pauses")

    permanent = Work(at_last=ValueError("dep_time: 'x' is no time"))
    case = "work that fails with a ValueError, which is not worth retrying; attempts=3"
    got, slept = tried(permanent, 3, case)
    t.seen.permanent, t.seen.hushed = permanent.calls, permanent.calls == 1 and not isinstance(got, Raised)
    _very(t, got, permanent.at_last, case)
    t.equal((permanent.calls, slept), (1, []), f"{case}; calls, pauses")

    for value in (None, 0, [], "done"):
        work, case = Work(value=value), f"work that returns {value!r} at once"
        got, slept = tried(work, 3, case)
        if work.calls > 1 and t.seen.falsy_calls is None:
            t.seen.falsy, t.seen.falsy_calls = value, work.calls
        t.equal((got, work.calls, slept), (value, 1, []), f"{case}; result, calls, pauses")

    healing = Work(ConnectionError("1"), ConnectionError("2"))
    case = "work that fails twice and then succeeds, attempts=5"
    got, slept = tried(healing, 5, case)
    t.seen.healed, t.seen.pauses, t.seen.asked = healing.calls, list(slept), list(asked)
    t.seen.took = took[-1]
    t.equal((got, healing.calls, slept), ("done", 3, [0.01, 0.02]), f"{case}; result, calls, pauses")

    later, case = Work(ValueError("come back later")), "a ValueError that `worth_retrying` says yes to, attempts=3"
    again, _ = tried(later, 3, case, _asks_for_later)
    final = Work(ConnectionError("never again"))
    once, _ = tried(final, 3, "a ConnectionError that `worth_retrying` says no to, attempts=3", _asks_for_later)
    t.seen.decides = healing.calls == 3 and (later.calls, final.calls) != (2, 1)
    t.equal((again, later.calls), ("done", 2), f"{case}; result, calls")
    detail = f"expected its error after 1 call, got {once!r} after {final.calls}"
    t.true(isinstance(once, Raised) and final.calls == 1, "a ConnectionError that it says no to, attempts=3", detail)

    only = Work(at_last=ConnectionError("once"))
    got, slept = tried(only, 1, "work that fails, attempts=1")
    t.true(isinstance(got, Raised), "work that fails, attempts=1", f"expected its error, got {show(got)}")
    t.equal((only.calls, slept), (1, []), "work that fails, attempts=1; calls, pauses")

    stopped, case = Work(at_last=KeyboardInterrupt()), "Ctrl-C during the work, attempts=3"
    got, _ = tried(stopped, 3, case)
    t.seen.interrupts = stopped.calls
    t.true(isinstance(got, Raised), case, f"expected KeyboardInterrupt, got {show(got)}")
    t.equal(stopped.calls, 1, f"{case}; calls of the work")


def _very(t: Trial, got: Any, error: BaseException, case: str) -> None:
    """It was this error that came out, and no other like it."""
    if isinstance(got, Raised) and got.error is not error and repr(got.error) == repr(error):
        detail = f"expected the error of the work itself, got another object like it ({got!r}), made by your function"
    else:
        detail = f"expected {Raised(error)!r} to be raised, got {show(got)}"
    t.true(isinstance(got, Raised) and got.error is error, case, detail)


# ---- 6.4 ------------------------------------------------------------------------------------------------------------

four = Exercise(
    "6.4",
    "Append once, however often you are asked",
    none=True,
    hints=(
        "The request has an id, and the table `requests` has it as its key. What does it mean if the id is there "
        "already, and at which moment must it get there?",
        "The id and the rows change together, in one commit; so a kill leaves both or neither. And an error is a "
        "repetition only if it is about the id, not if a row is bad.",
        "In one `with conn:` first look for the id (`SELECT`), return if it is there, else insert the id and then the "
        "rows. Or `INSERT OR IGNORE` the id and look at the cursor's `rowcount`.",
    ),
    passed="A client that is not sure may ask again: the answer to the second request is the effect of the first.",
)

FIRST, SECOND, THIRD, FOURTH, FIFTH = (f"request {n}" for n in range(1, 6))
ROWS = [("EWR", "2013-01-15T06:00Z", 39.02), ("JFK", "2013-01-15T06:00Z", 39.92)]
MORE = [("LGA", "2013-01-15T06:00Z", 39.92)]
BAD = [("LGA", "2013-01-15T07:00Z", 39.92), (None, "2013-01-15T07:00Z", 39.02)]
PUT_RIGHT = [BAD[0], ("EWR", *BAD[1][1:])]


@four.stub
def append_once(conn: sqlite3.Connection, request_id: str, rows: list[tuple]) -> None:
    """Add `rows` to the table weather (origin, hour, temperature), unless that was done.

    `request_id` is the sender's: the same for a repetition, another for another request,
    even of equal rows. The table requests is yours; its one column, request_id, is its key.
    If the database refuses a row, its error goes on to the caller, and nothing of the
    request stays: not in the file, and not in an open transaction of `conn`. The caller goes
    on with `conn`: it stays open.
    """
    ...  # your code here


@four.solution
def append_once(conn: sqlite3.Connection, request_id: str, rows: list[tuple]) -> None:
    """Add `rows` to the table weather, unless this request was carried out before."""
    with conn:
        noted = conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,))
        if noted.rowcount == 1:
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


@four.wrong(
    "After your function has returned, another process sees nothing: it was not committed. The sender has been told "
    "that all is well, and the end of the process throws the rows away.",
    when=lambda seen: seen.uncommitted,
)
def never_commits(conn, request_id, rows):
    if conn.execute("SELECT 1 FROM requests WHERE request_id = ?", (request_id,)).fetchone() is None:
        conn.execute("INSERT INTO requests VALUES (?)", (request_id,))
        conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


@four.wrong(
    "Of a new request nothing was inserted, neither a row nor its id: your function never came to an INSERT. If it "
    "took the request for a repetition: a cursor is always true, whatever it found, and so is the tuple `(0,)`.",
    when=lambda seen: seen.idle,
)
def a_tuple_is_true(conn, request_id, rows):
    seen = conn.execute("SELECT COUNT(*) FROM requests WHERE request_id = ?", (request_id,)).fetchone()
    with conn:
        if not seen:
            conn.execute("INSERT INTO requests VALUES (?)", (request_id,))
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


@four.wrong(
    "A new request came in, without any trouble, and afterwards its id is there and of its rows none. They will never "
    "come: sent again, the request is a repetition.",
    when=lambda seen: seen.states and not seen.states[-1][0] and seen.states[-1][1],
)
def id_only(conn, request_id, rows):
    with conn:
        if not conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,)).rowcount:
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


@four.wrong(
    "A new request of {right} rows came in, and afterwards {there} of them is there. The sender has been told that all "
    "is well. Is there a `return` in your loop, or does it begin or end too early?",
    when=lambda seen: seen.states and 0 < seen.states[-1][0] < seen.right,
)
def returns_in_the_loop(conn, request_id, rows):
    with conn:
        if conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,)).rowcount:
            for row in rows:
                return conn.execute("INSERT INTO weather VALUES (?, ?, ?)", row)


@four.wrong(
    "A kill can leave the id without its rows. The sender asks again, is told that it was done before, and the rows "
    "never come.",
    when=lambda seen: seen.states and any(marks and not rows for rows, marks in seen.states),
)
def mark_first(conn, request_id, rows):
    with conn:
        if not conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,)).rowcount:
            return
    with conn:
        conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


@four.wrong(
    "A kill between your two commits leaves the rows without their id. The sender asks again, and they are there "
    "twice: noting a request and carrying it out must be one thing.",
    when=lambda seen: seen.states and any(rows and not marks for rows, marks in seen.states) and seen.marked,
)
def mark_in_second_commit(conn, request_id, rows):
    if conn.execute("SELECT 1 FROM requests WHERE request_id = ?", (request_id,)).fetchone():
        return
    with conn:
        conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)
    with conn:
        conn.execute("INSERT INTO requests VALUES (?)", (request_id,))


@four.wrong(
    "The reply was lost, the request came again, and there are {twice} rows instead of {right}. The sender saw an "
    "error, but an error does not say that nothing happened.",
    when=lambda seen: seen.twice and seen.twice > seen.right,
)
def plain_append(conn, request_id, rows):
    with conn:
        conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


@four.wrong(
    "The rows of a request took the place of all that others had sent. Here nothing is to be replaced: a request only "
    "adds, and what it must not do is to add twice.",
    when=lambda seen: seen.replaced,
)
def replaces_all(conn, request_id, rows):
    with conn:
        conn.execute("DELETE FROM weather")
        conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


@four.wrong(
    "It remembers requests elsewhere than in the database. After a kill that left no rows, the request is taken for "
    "done, and the rows never come; and a variable, which dies with its process, forgets those that were.",
    when=lambda seen: seen.elsewhere,
)
def remembers_elsewhere(conn, request_id, rows, done=set()):  # noqa: B006
    if request_id not in done:
        done.add(request_id)
        with conn:
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


@four.wrong(
    "Another request with the same rows and an id of its own added nothing. Equal is not the same: two sensors may "
    "report one value, two customers may buy one thing. Only the sender knows what is a repetition.",
    when=lambda seen: seen.dropped,
)
def dedupe_content(conn, request_id, rows):
    with conn:
        conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,))
        for row in rows:
            if not conn.execute("SELECT 1 FROM weather WHERE (origin, hour, temperature) = (?, ?, ?)", row).fetchone():
                conn.execute("INSERT INTO weather VALUES (?, ?, ?)", row)


@four.wrong(
    "Two rows of one request were equal, and one of them was dropped. Equal is not the same: a sensor that reports "
    "the same value twice has measured twice.",
    when=lambda seen: seen.merged,
)
def set_of_rows(conn, request_id, rows):
    with conn:
        if conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,)).rowcount:
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", sorted(set(rows)))


@four.wrong(
    "A row without an origin was left out, and your function returned as if all were well. The request is half done, "
    "and its sender hears nothing of it.",
    when=lambda seen: seen.left_out,
)
def ignores_bad_rows(conn, request_id, rows):
    with conn:
        if conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,)).rowcount:
            conn.executemany("INSERT OR IGNORE INTO weather VALUES (?, ?, ?)", rows)


@four.wrong(
    "A request with a row that the database refuses (it has no origin) added nothing, and your function returned as if "
    "all were well. The rows are lost, and nobody hears of it: of all errors only one means a repetition, that the id "
    "is there already.",
    when=lambda seen: seen.swallowed,
)
def swallow_integrity(conn, request_id, rows):
    try:
        with conn:
            conn.execute("INSERT INTO requests VALUES (?)", (request_id,))
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)
    except sqlite3.IntegrityError:
        pass


@four.wrong(
    "The repetition raised {again}. The request was carried out, and its sender is told again that it failed: so it "
    "goes on asking, or gives up on something that is done.",
    when=lambda seen: seen.again,
)
def repeat_is_an_error(conn, request_id, rows):
    with conn:
        conn.execute("INSERT INTO requests VALUES (?)", (request_id,))
        conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


@four.wrong(
    "A request had a row that the database refused. Its sender heard of it, and of the request {half} of {sent} rows "
    "were committed all the same. Put right and sent again, they are there twice, or it is taken for a repetition.",
    when=lambda seen: seen.half,
)
def commits_finally(conn, request_id, rows):
    try:
        if conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,)).rowcount:
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)
    finally:
        conn.commit()


@four.wrong(
    "A request had a row that the database refused, and what your function had done before the error stayed in the "
    "open transaction of `conn`. Its sender put the row right and sent it again through the same connection: {stuck}. "
    "An error ends the function; only a rollback ends the transaction.",
    when=lambda seen: seen.stuck,
)
def no_rollback(conn, request_id, rows):
    if conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,)).rowcount == 0:
        conn.rollback()
        return
    conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)
    conn.commit()


@four.wrong(
    "After a repetition the transaction that your function began is still open. As long as this connection lives, "
    "nobody else can write: the next program finds the database locked, for a request that had nothing to do.",
    when=lambda seen: seen.locks,
)
def keeps_the_lock(conn, request_id, rows):
    if conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,)).rowcount == 0:
        return
    with conn:
        conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)


@four.right
def look_first(conn, request_id, rows):
    conn.execute("BEGIN IMMEDIATE")
    try:
        if conn.execute("SELECT 1 FROM requests WHERE request_id = ?", [request_id]).fetchone() is None:
            for row in rows:
                conn.execute("INSERT INTO weather VALUES (?, ?, ?)", row)
            conn.execute("INSERT INTO requests VALUES (?)", [request_id])
        conn.commit()
    except sqlite3.Error:
        conn.rollback()
        raise


@four.right
def by_the_error_of_the_id(conn, request_id, rows):
    try:
        conn.execute("INSERT INTO requests VALUES (?)", [request_id])
        conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)
        conn.commit()
    except sqlite3.IntegrityError as error:
        conn.rollback()
        if "requests.request_id" not in str(error):
            raise


@four.right
def by_a_savepoint(conn, request_id, rows):
    conn.execute("SAVEPOINT request")
    try:
        added = conn.execute("INSERT INTO requests VALUES (?) ON CONFLICT DO NOTHING RETURNING 1", [request_id])
        if added.fetchall():
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)
    except BaseException:
        conn.execute("ROLLBACK TO request")
        raise
    finally:
        conn.execute("RELEASE request")


@four.right
def rows_by_pandas(conn, request_id, rows):
    frame = pd.DataFrame(rows, columns=["origin", "hour", "temperature"])
    with conn:
        if conn.execute("INSERT OR IGNORE INTO requests VALUES (?)", (request_id,)).rowcount:
            frame.to_sql("weather", conn, if_exists="append", index=False)  # its commit is the only one


@four.right
def looks_at_the_rows_first(conn, request_id, rows):
    if any(None in row for row in rows):
        raise ValueError(f"{request_id}: a row lacks a value")
    with conn:
        conn.execute("BEGIN IMMEDIATE")
        done = {found for (found,) in conn.execute("SELECT request_id FROM requests")}
        if request_id not in done:
            conn.executemany("INSERT INTO weather VALUES (?, ?, ?)", rows)
            conn.execute("INSERT INTO requests VALUES (:id)", {"id": request_id})


@four.grade
def grade_append_once(t: Trial) -> None:
    path = database(t.folder / "toy.db", WEATHER)
    images = _killed(t, path)

    case = "the same request again: its reply was lost after the commit"
    with _opened(path) as conn:
        again = _no_slip(t, t.call(conn, FIRST, list(ROWS), case=case, allow=True), case)
        locks = not _free(path)
    t.seen.again = repr(again) if isinstance(again, Raised) else None
    t.seen.twice = _now(path)[0]
    t.true(not isinstance(again, Raised), case, f"your code raised {again!r}")
    t.equal(t.seen.twice, len(ROWS), f"{case}; rows")
    t.seen.locks = locks and t.seen.twice == len(ROWS)
    t.true(not locks, case, "afterwards another program finds the database locked")

    others = _added(t, path, SECOND, MORE * 2, "another request, with two equal rows")
    with _opened(path) as conn:
        kept = conn.execute("SELECT 1 FROM weather WHERE origin = 'EWR'").fetchone()
    t.seen.replaced, t.seen.merged = not kept, kept and others == 1
    if not others:
        t.stop("", "")  # noted already; all that follows would be misread
    t.seen.dropped = _added(t, path, THIRD, ROWS, "the same rows under another id") == 0 and others and kept
    _refused(t, path)
    _locked_out(t, path)

    for image, statement in zip(images.paths, images.before, strict=True):
        case, nothing = f"asked again after a kill before `{statement}`", _now(image) == (0, 0)
        with _opened(image) as conn:
            got = t.call(conn, FIRST, list(ROWS), case=case, allow=sqlite3.IntegrityError)
        t.seen.elsewhere = t.seen.elsewhere or (nothing and not isinstance(got, Raised) and _now(image)[0] == 0)
        t.equal(_now(image)[0], len(ROWS), f"{case}; rows")


def _killed(t: Trial, path: Path) -> Images:
    """A new request; if that does not even come in, all that follows would be misread."""
    case = "a request, killed at every moment"
    with _opened(path) as conn:
        with crash_images(conn, path, t.folder / "images") as images:
            t.call(conn, FIRST, list(ROWS), case=case)
        closed = _closed(conn)
        own = (0, 0) if closed else _counts(conn)
    t.seen.states, t.seen.right = images.each(_counts), len(ROWS)
    t.seen.there, marks = t.seen.states[-1]
    t.seen.uncommitted = own[0] > t.seen.there == 0
    t.seen.idle = (t.seen.there, marks) == (0, 0) and not any("INSERT" in sql.upper() for sql in images.statements)
    case = "a new request; rows that another process sees afterwards"
    if not t.equal(t.seen.there, len(ROWS), case):
        t.stop(case, "")
    with _opened(path) as conn:
        found = conn.execute("SELECT origin, hour, temperature FROM weather ORDER BY temperature").fetchall()
    if not t.equal(found, ROWS, "a new request; the columns origin, hour, temperature afterwards"):
        t.stop(case, "")
    t.true(not closed, "a request", "your function closed `conn`: it is the caller's, who goes on with it")
    for (rows, noted), statement in zip(t.seen.states, images.before, strict=True):
        whole = (rows, noted) in ((0, 0), (len(ROWS), 1)) or not (noted or marks)
        detail = f"killed before `{statement}`: {rows} rows, and the id is {'there' if noted else 'not there'}"
        t.true(whole, "a request, killed at every moment", detail)
    t.seen.marked = marks > 0
    return images


def _added(t: Trial, path: Path, request_id: str, rows: list[tuple], case: str) -> int:
    """How many rows a request adds."""
    before = _now(path)[0]
    with _opened(path) as conn:
        t.call(conn, request_id, list(rows), case=case, allow=sqlite3.IntegrityError)
    added = _now(path)[0] - before
    t.equal(added, len(rows), f"{case}; rows that it adds")
    return added


def _refused(t: Trial, path: Path) -> None:
    """A request with a bad row; then the same id with good ones, through the same connection."""
    case, before = "a request with a row that the database refuses", _now(path)[0]
    with _opened(path) as conn:
        refused = _no_slip(t, t.call(conn, FOURTH, list(BAD), case=case, allow=True), case)
        there, heard = _now(path)[0] - before, isinstance(refused, Raised)
        t.seen.swallowed, t.seen.left_out = not heard and there == 0, not heard and 0 < there < len(BAD)
        t.seen.half, t.seen.sent = there if heard else None, len(BAD)
        t.true(heard, case, f"expected IntegrityError, got {show(refused)}")
        t.equal(there, 0, f"{case}; rows that it adds")
        if heard and not isinstance(refused.error, sqlite3.Error | pd.errors.DatabaseError):  # pandas wraps by itself
            behind = refused.error.__cause__ or refused.error.__context__
            detail = f"expected the database's IntegrityError, got {refused!r}, which your function made of it"
            t.true(not isinstance(behind, sqlite3.Error), case, detail)
        if _closed(conn):
            t.stop(case, "your function closed `conn`: it is the caller's, who goes on with it")
        case, left = f"{case}, put right and sent again", conn.in_transaction
        again = t.call(conn, FOURTH, list(PUT_RIGHT), case=case, allow=sqlite3.Error)
        added, many = _now(path)[0] - before, len(PUT_RIGHT)
        t.call(conn, FOURTH, list(PUT_RIGHT), case=f"{case}, twice", allow=sqlite3.Error)
        more = _now(path)[0] - before - added
    raised = f"your code raised {again!r}" if isinstance(again, Raised) else ""
    t.true(not raised, case, raised)
    well = t.equal(added, many, f"{case}; rows that it adds")
    t.equal(more, 0, f"{case}, and then once more, all through one connection; rows that the repetition adds")
    if not well and heard and there == 0 and left:
        rows = f"of its {many} rows {added} came in" if added < many else f"{added} rows came in, instead of {many}"
        t.seen.stuck = raised or rows


def _locked_out(t: Trial, path: Path) -> None:
    """A request while another program is writing: an error, too, and no repetition."""
    with closing(sqlite3.connect(path)) as other, closing(sqlite3.connect(path, timeout=0)) as conn:
        other.execute("BEGIN IMMEDIATE")
        case = "a request while another program is writing"
        got = t.call(conn, FIFTH, list(MORE), case=case, allow=sqlite3.Error)
        other.rollback()
    t.true(isinstance(got, Raised), case, f"expected OperationalError (database is locked), got {show(got)}")


def _closed(conn: sqlite3.Connection) -> bool:
    try:
        return conn.total_changes < 0
    except sqlite3.ProgrammingError:
        return True


def _free(path: Path) -> bool:
    """Whether another connection can write."""
    with closing(sqlite3.connect(path, timeout=0)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        other.rollback()
    return True


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection as a reader opens it, closed at the end, whatever was done to it."""
    with closing(sqlite3.connect(path, timeout=1)) as conn:
        yield conn


def _counts(conn: sqlite3.Connection) -> tuple[int, int]:
    """Rows, and requests that are noted."""
    return conn.execute("SELECT (SELECT COUNT(*) FROM weather), (SELECT COUNT(*) FROM requests)").fetchone()


def _now(path: Path) -> tuple[int, int]:
    """The same, as another program sees it."""
    with _opened(path) as conn:
        return _counts(conn)
