"""What lesson 08 tells about answers that nobody named, and which answers it takes."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.cron import CronTrigger
from filelock import FileLock, Timeout

from exercises.model import find
from exercises.tools import nightly
from exercises.trial import grade

Answer = Callable[..., Any]
ensure = find("8.1").parts["solution"]


def ensured(trigger_of: Callable[[int], BaseTrigger]) -> Answer:
    def answer(scheduler: BaseScheduler, hour: int) -> None:
        trigger = trigger_of(hour)
        job = scheduler.get_job("nightly")
        if job is None:
            scheduler.add_job(nightly.load_pending, trigger, id="nightly")
        elif str(job.trigger) != str(trigger):
            job.reschedule(trigger)

    return answer


def then(work: Callable[[BaseScheduler], None], only_later: bool = False) -> Answer:
    def answer(scheduler: BaseScheduler, hour: int) -> None:
        there = scheduler.get_job("nightly")
        ensure(scheduler, hour)
        if there or not only_later:
            work(scheduler)

    return answer


def removes_all(scheduler: BaseScheduler, hour: int) -> None:
    trigger = CronTrigger(hour=hour, timezone="UTC")
    job = scheduler.get_job("nightly")
    if job is None or str(job.trigger) != str(trigger):
        scheduler.remove_all_jobs()
        scheduler.add_job(nightly.load_pending, trigger, id="nightly")


def hour_somewhere(scheduler: BaseScheduler, hour: int) -> None:
    job = scheduler.get_job("nightly")
    if job is None or str(hour) not in str(job.trigger):
        scheduler.add_job(nightly.load_pending, "cron", hour=hour, id="nightly", replace_existing=True)


def first_of_all_jobs(scheduler: BaseScheduler, hour: int) -> None:
    jobs = scheduler.get_jobs()
    if not jobs:
        scheduler.add_job(nightly.load_pending, "cron", hour=hour)
    elif f"'{hour}'" not in str(jobs[0].trigger):
        jobs[0].reschedule("cron", hour=hour)


def removes_only(scheduler: BaseScheduler, hour: int) -> None:
    job = scheduler.get_job("nightly")
    if job is None:
        scheduler.add_job(nightly.load_pending, "cron", hour=hour, id="nightly")
    elif f"'{hour}'" not in str(job.trigger):
        job.remove()


def in_a_month(hour: int) -> BaseTrigger:
    return CronTrigger(hour=hour, timezone="UTC", end_date=datetime.now(UTC) + timedelta(days=30))


FIRST: list[tuple[str, Answer, str, str]] = [
    ("8.1", ensured(lambda hour: CronTrigger(hour=hour, day_of_week="mon-fri", timezone="UTC")), "", "Sat 02 Jan 2100"),
    ("8.1", ensured(lambda hour: CronTrigger(hour=hour, timezone="Europe/London")), "", "06:00:00"),
    ("8.1", ensured(lambda hour: CronTrigger(hour=hour)), "", "06:00:00"),
    ("8.1", ensured(in_a_month), "", "comes not at all"),
    ("8.1", ensured(lambda hour: CronTrigger(hour=hour or "*", timezone="UTC")), "", "expected [0], got"),
    ("8.1", removes_all, "", "now it is gone from the store"),
    ("8.1", first_of_all_jobs, "", "with a retry in the store"),
    ("8.1", removes_only, "", "expected [16], got []"),
    ("8.1", hour_somewhere, "ignore_conflict", "from 16 to 6"),
    ("8.1", then(BaseScheduler.resume), "", "found it at work"),
    ("8.1", then(BaseScheduler.resume, only_later=True), "", "found it at work"),
    ("8.1", then(lambda scheduler: scheduler.shutdown()), "", "found it shut down"),
    ("8.1", then(lambda scheduler: scheduler.get_job("nightly").resume()), "always_replace", "the night was skipped"),
]


def by_rule(rule: Callable[[dict, dict, Any], str | None]) -> Answer:
    def recover(runs: list[dict], receipts: dict[date, str], is_alive: Any) -> dict[str, str]:
        said = {run["run_id"]: rule(run, receipts, is_alive) for run in runs if run["status"] == "running"}
        return {run_id: end for run_id, end in said.items() if end}

    return recover


def own(run: dict, receipts: dict) -> bool:
    return receipts.get(run["day"]) == run["run_id"]


INVERTED = by_rule(lambda r, c, alive: None if alive(r["run_id"]) else ("crashed" if own(r, c) else "succeeded"))
SECOND: list[tuple[str, Answer, str, str]] = [
    ("8.2", INVERTED, "all_succeeded", "Not one row"),
    ("8.2", by_rule(lambda r, c, alive: "succeeded"), "receipt_first", "a living process is still at work on"),
    ("8.2", by_rule(lambda r, c, alive: alive and None), "does_not_call", "never called `is_alive`"),
    ("8.2", by_rule(lambda r, c, alive: None), "", "expected 'succeeded', got 'no change'"),
    (
        "8.2",
        by_rule(lambda r, c, alive: "succeeded" if own(r, c) else None if alive(r["run_id"]) else "crashed"),
        "receipt_first",
        "committed",
    ),
]


def stored(**more: Callable[[str, int, datetime], Any]) -> Answer:
    def store_retry(scheduler: BaseScheduler, day: str, attempt: int, when: datetime) -> None:
        options: dict[str, Any] = {"run_date": when, "args": [day, attempt], "id": f"retry {day} {attempt}"}
        options |= {"misfire_grace_time": None, "replace_existing": True}
        options |= {name: value(day, attempt, when) for name, value in more.items()}
        scheduler.add_job(nightly.load_day, "date", **options)

    return store_retry


def keeps_the_first(scheduler: BaseScheduler, day: str, attempt: int, when: datetime) -> None:
    if scheduler.get_job(day) is None:
        scheduler.add_job(nightly.load_day, "date", run_date=when, args=[day, attempt], id=day, misfire_grace_time=None)


def loads_what_is_pending(scheduler: BaseScheduler, day: str, attempt: int, when: datetime) -> None:
    scheduler.add_job(nightly.load_pending, "date", run_date=when, misfire_grace_time=None)


def ends_the_process(scheduler: BaseScheduler, day: str, attempt: int, when: datetime) -> None:
    os._exit(1)


THIRD: list[tuple[str, Answer, str, str]] = [
    ("8.3", stored(id=lambda day, attempt, when: day), "id_of_the_day", "attempt 2 and as attempt 3"),
    ("8.3", keeps_the_first, "id_of_the_day", "attempt 2 and as attempt 3"),
    ("8.3", stored(id=lambda day, attempt, when: f"{attempt}"), "shared_id", "did not keep them all"),
    ("8.3", stored(args=lambda day, attempt, when: [date.fromisoformat(day), attempt + 1]), "", "no job in the store"),
    ("8.3", stored(args=lambda day, attempt, when: [attempt, day]), "", "there are load_day 2 2013-01-17"),
    ("8.3", stored(next_run_time=lambda *given: None), "", "is stored for no time at all"),
    ("8.3", loads_what_is_pending, "", "no job in the store calls load_day"),
    ("8.3", ends_the_process, "", "ended the process"),
]


@contextmanager
def leaves_at_once(path: Path) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        os._exit(3)
    try:
        yield
    finally:
        lock.release()


def locked(name: Callable[[Path], object], timeout: float = 0) -> Answer:
    @contextmanager
    def only_one(path: Path) -> Iterator[None]:
        with FileLock(str(name(path)), timeout=timeout):
            yield

    return only_one


def without_the_old_file(path: Path) -> Path:
    if path.exists():
        os.remove(path)
    return path


@contextmanager
def breaks_the_lock(path: Path) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        path.unlink()
        lock.acquire(timeout=0)
    try:
        yield
    finally:
        lock.release()


class KeepsOnError:
    def __init__(self, path: Path) -> None:
        self.lock = FileLock(path, timeout=0)

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self.lock.release()


@contextmanager
def swallows(path: Path) -> Iterator[None]:
    with FileLock(path, timeout=0):
        try:
            yield
        except ValueError as error:
            print(error)


@contextmanager
def database_of_its_own(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(f"{path}.{os.getpid()}", timeout=0, isolation_level=None)) as conn:
        conn.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def folder(path: Path) -> Iterator[None]:
    os.mkdir(f"{path}.d")
    try:
        yield
    finally:
        os.rmdir(f"{path}.d")


@contextmanager
def reads_its_own_words(path: Path) -> Iterator[None]:
    """Refuses whatever is not a number and a name, who ever left it."""
    if path.exists():
        process, _name = path.read_text().split("@")
        try:
            os.kill(int(process), 0)
        except OSError:
            path.unlink()
    with open(path, "x") as file:
        file.write(f"{os.getpid()}@here")
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def removes_when_it_has_left(path: Path) -> Iterator[None]:
    lock = FileLock(path)
    lock.acquire(timeout=0)
    try:
        yield
    finally:
        lock.release()
        path.unlink(missing_ok=True)


FOURTH: list[tuple[str, Answer, str, str]] = [
    ("8.4", leaves_at_once, "ends_the_program", "with exit code 3"),
    ("8.4", locked(without_the_old_file), "deletes_first", "a file of its own"),
    ("8.4", locked(lambda path: f"{path}.{os.getpid()}"), "deletes_first", "a file of its own"),
    ("8.4", locked(lambda path: Path(tempfile.mkdtemp(), "lock")), "deletes_first", "a file of its own"),
    ("8.4", breaks_the_lock, "deletes_first", "a file of its own"),
    ("8.4", database_of_its_own, "deletes_first", "a file of its own"),
    ("8.4", locked(lambda path: path, timeout=5), "waits_a_second", "after 5."),
    ("8.4", locked(lambda path: path, timeout=0.7), "waits_a_second", "after 0.7"),
    ("8.4", KeepsOnError, "no_finally", "never given back"),
    ("8.4", swallows, "", "swallowed"),
    ("8.4", folder, "file_is_lock", "file or folder"),
    ("8.4", reads_its_own_words, "", "not enough values to unpack"),
    ("8.4", removes_when_it_has_left, "removes_after", "it deleted the file"),
]


CASES = FIRST + SECOND + THIRD + FOURTH
ids = [f"{case[0]}-{n}" for n, case in enumerate(CASES)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="which file is locked is not seen there")
@pytest.mark.parametrize(("number", "answer", "mistake", "words"), CASES, ids=ids)
def test_what_is_said_is_true(number: str, answer: Answer, mistake: str, words: str) -> None:
    outcome = grade(find(number), answer)
    assert not outcome.passed
    assert outcome.mistake == mistake, outcome
    assert words in f"{outcome.message}\n{outcome.case}\n{outcome.detail}", outcome


def of_the_function(scheduler: BaseScheduler, hour: int) -> None:
    jobs = [job for job in scheduler.get_jobs() if job.func is nightly.load_pending]
    same = [job for job in jobs if f"hour='{hour}'" in str(job.trigger)]
    for job in jobs:
        if job not in same:
            job.remove()
    if not same:
        scheduler.add_job(nightly.load_pending, "cron", hour=hour)


def by_conflict(scheduler: BaseScheduler, hour: int) -> None:
    try:
        scheduler.add_job(nightly.load_pending, "cron", hour=hour, id="nightly")
    except ConflictingIdError:
        if f"'{hour}'" not in str(scheduler.get_job("nightly").trigger):
            scheduler.reschedule_job("nightly", trigger="cron", hour=hour)


@contextmanager
def no_finally_needed(path: Path) -> Iterator[None]:
    """filelock gives its lock back with its object, and after an error in the block nothing holds that any more."""
    lock = FileLock(path)
    lock.acquire(timeout=0)
    yield
    lock.release()


@contextmanager
def refuses_by_no_yield(path: Path) -> Iterator[None]:
    try:
        lock = FileLock(path, timeout=0).acquire()
    except Timeout:
        return  # "generator didn't yield" is an error, too
    with lock:
        yield


RIGHT: list[tuple[str, Answer]] = [
    ("8.1", of_the_function),
    ("8.1", by_conflict),
    ("8.1", ensured(lambda hour: CronTrigger.from_crontab(f"0 {hour} * * *", timezone="UTC"))),
    ("8.1", ensured(lambda hour: CalendarIntervalTrigger(days=1, hour=hour, timezone="UTC"))),
    ("8.3", stored(args=lambda *given: [], kwargs=lambda day, attempt, when: {"attempt": attempt, "day": day})),
    ("8.3", stored(run_date=lambda day, attempt, when: when.isoformat())),
    ("8.4", no_finally_needed),
    ("8.4", refuses_by_no_yield),
    ("8.4", locked(lambda path: path.with_suffix(".guard"), timeout=0.1)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "answer"), RIGHT, ids=[f"{case[0]}-{n}" for n, case in enumerate(RIGHT)])
def test_a_right_answer_passes(number: str, answer: Answer) -> None:
    outcome = grade(find(number), answer)
    assert outcome.passed, outcome
