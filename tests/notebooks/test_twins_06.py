"""Lesson 6's small versions and the package give the same answer, on real errors and on real data."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pandas as pd
import pytest

import etl_core
from etl_core import Interval, RetryPolicy, faults, history, retry, settings
from etl_core.errors import BadSchema
from exercises.lesson_06 import Work, append_once, wait, with_retry, worth_retrying
from exercises.tools.server import Page, serve
from exercises.tools.toy import WEATHER
from exercises.tools.trouble import database_errors, http_errors, local_errors, raised_from, timeout_of_asyncio

DAY = "2013-01-15"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("attempt", [1, 2, 5, 12, 60])
@pytest.mark.parametrize(("base", "cap"), [(1.0, 60.0), (60.0, 900.0), (0.5, 10.0)])
def test_the_same_generator_draws_the_same_wait(attempt: int, base: float, cap: float) -> None:
    small = [wait(attempt, base, cap, random.Random(seed)) for seed in range(20)]
    policy = RetryPolicy(base=base, cap=cap)
    assert small == [policy.wait(attempt, random.Random(seed)) for seed in range(20)]


def test_the_same_errors_are_worth_another_try(tmp_path: Path) -> None:
    errors = {**http_errors(), **database_errors(tmp_path), **local_errors(tmp_path), "asyncio": timeout_of_asyncio()}
    errors["404 after reset"] = raised_from(errors.pop("404 elsewhere"), errors["dropped"])
    for name, error in list(errors.items()):
        wrapped = RuntimeError("the load failed")
        wrapped.__cause__ = error
        errors[f"wrapped {name}"] = wrapped
    small = {name: worth_retrying(error) for name, error in errors.items()}
    assert small == {name: etl_core.is_transient(error) for name, error in errors.items()}
    assert 5 <= sum(small.values()) <= len(small) - 5


def outcome(call: Callable[..., Any], errors: list[Exception]) -> tuple[Any, int, list[float]]:
    work, slept = Work(*errors), []
    try:
        result = call(work, slept.append)
    except Exception as error:
        result = error
    return result, work.calls, slept


@pytest.mark.parametrize(
    "errors",
    [
        [],
        [ConnectionError("1")],
        [TimeoutError("1"), sqlite3.OperationalError("database is locked"), ConnectionError("3")],
        [ConnectionError("1"), ValueError("2")],
        [ConnectionError(str(n)) for n in range(9)],
    ],
    ids=["none", "one", "three", "permanent", "too many"],
)
def test_the_same_calls_waits_and_error(errors: list[Exception]) -> None:
    policy, small_rng, rng = RetryPolicy(attempts=4, base=1, cap=3), random.Random(6), random.Random(6)
    small = outcome(
        lambda work, sleep: with_retry(work, 4, lambda n: wait(n, 1, 3, small_rng), sleep, worth_retrying), errors
    )
    twin = outcome(lambda work, sleep: retry.call(lambda attempt: work(), policy, sleep, rng), errors)
    assert small == twin


def test_a_real_file_from_a_server_in_trouble() -> None:
    body = (settings.REPOSITORY / "data" / "landing" / "flights" / f"{DAY}.csv").read_bytes()
    trouble = [Page(status=503), Page(body, delay=3), Page(drop=True), Page(body, cut=400), Page(body)]
    policy, asked, slept = RetryPolicy(attempts=9, base=1, cap=9), [], []
    for small in (True, False):
        with serve({"/day.csv": list(trouble)}) as site:

            def fetch(url: str = f"{site.url}/day.csv") -> bytes:
                with urlopen(url, timeout=0.5) as reply:
                    return reply.read()

            if small:
                found = with_retry(fetch, 9, policy.wait, slept.append, worth_retrying)
            else:
                found = retry.call(lambda attempt: fetch(), policy, slept.append)
            assert found == body
            asked.append(len(site.asked))
    assert asked == [5, 5] and len(slept) == 8


@pytest.mark.parametrize("fault", ["load=locked*2", "extract=offline*3", "transform=bad-schema"])
def test_a_stage_of_the_package_is_tried_as_often(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.call, "__defaults__", (lambda seconds: None, *retry.call.__defaults__[1:]))
    stage, policy, tries = fault.partition("=")[0], etl_core.flights.stage_retry, []

    def small() -> None:
        tries.append(stage)
        faults.fire(stage)

    faults.inject(fault)
    try:
        with_retry(small, policy.attempts, policy.wait, lambda seconds: None, worth_retrying)
        ended = "succeeded"
    except (ConnectionError, BadSchema):
        ended = "failed"
    faults.clear()
    faults.inject(fault)
    run = etl_core.flights.attempt(Interval.of(DAY))
    assert (run.status, len([one for one in history.stages_of(run.run_id) if one.stage == stage])) == (
        ended,
        len(tries),
    )


def test_a_reply_lost_after_the_commit_leaves_one_copy(home: Path) -> None:
    rows = pd.read_csv(settings.REPOSITORY / "data" / "landing" / "weather" / f"{DAY}.csv")
    rows = list(rows[["origin", "time_hour", "temp"]].itertuples(index=False, name=None))
    with closing(sqlite3.connect(home / "toy.db")) as conn:
        conn.executescript(WEATHER)
        lost = iter([ConnectionResetError("the reply is lost")])

        def send() -> None:
            append_once(conn, DAY, rows)
            if error := next(lost, None):
                raise error

        with_retry(send, 3, lambda attempt: 0, lambda seconds: None, worth_retrying)
        assert conn.execute("SELECT COUNT(*) FROM weather").fetchone()[0] == len(rows) > 0

    faults.inject("load.after-commit=offline")
    run = etl_core.flights.run(DAY)
    loads = [one.status for one in history.stages_of(run.run_id) if one.stage == "load"]
    assert loads == ["failed", "succeeded"]
    assert etl_core.query("SELECT COUNT(*) FROM flights").iat[0, 0] == run.rows_loaded > 0
