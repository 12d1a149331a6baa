"""Lesson 8, persistence: what survives?"""

from __future__ import annotations

import inspect
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.schedulers.base import STATE_PAUSED, STATE_RUNNING, BaseScheduler
from apscheduler.triggers.cron import CronTrigger
from filelock import FileLock

from exercises.model import Exercise
from exercises.tools import nightly
from exercises.tools.child import MARK, Child, Talk, in_child, packed, talking
from exercises.tools.compare import show
from exercises.tools.dead_runs import dead_runs
from exercises.tools.stores import next_runs, opened, restarted, run_what_is_due, stored
from exercises.trial import Raised, Trial

DEADLINE = 60  # seconds for a child; one that is well needs two or three, on a machine that is busy ten
RETRY = "retry|2013-01-15|2"  # the id of a job that is none of the schedule's business
PATIENCE = 15  # seconds for an answer between processes; one that is well needs none, on a busy machine two
AT_ONCE = 0.5  # seconds for a refusal, at the best of three; one that does not wait takes a few milliseconds
WAITS = "it waits"


@contextmanager
def home(folder: Path) -> Iterator[None]:
    """ETL_HOME is `folder`, and all else as it is by default, for this process and those it starts."""
    before = {name: value for name, value in os.environ.items() if name.startswith("ETL_")}
    for name in before:
        del os.environ[name]
    os.environ["ETL_HOME"] = str(folder)
    try:
        yield
    finally:
        del os.environ["ETL_HOME"]
        os.environ.update(before)


# ---- 8.1 ------------------------------------------------------------------------------------------------------------

one = Exercise(
    "8.1",
    "Ensure a schedule, at every start",
    none=True,
    hints=(
        "This is called at every start. At the first there is nothing in the store; at the second there is a job, and "
        "somebody may have paused it, or it may be due since last night.",
        "Give the job an id, and look whether the store has it: `scheduler.get_job(id)`. What is there and as it "
        "should be is left alone.",
        "`trigger = CronTrigger(hour=hour, timezone='UTC')`; no job: `scheduler.add_job(nightly.load_pending, trigger, "
        "id='nightly')`; a job with another `str(job.trigger)`: `job.reschedule(trigger)`.",
    ),
    passed="Ensuring is not adding: it changes nothing where nothing is to change. `etl schedule` does the same.",
)


@one.stub
def ensure_schedule(scheduler: BaseScheduler, hour: int) -> None:
    """See to it that one job in the store calls `nightly.load_pending` daily.

    At `hour`:00 UTC. Called at every start, on a scheduler that is started and still
    paused, and stays so. A schedule that is there with this hour stays as it is, paused
    or due; with another hour it is changed. What else is in the store stays.
    """
    ...  # your code here


@one.solution
def ensure_schedule(scheduler: BaseScheduler, hour: int) -> None:
    """See to it that one job in the store calls `nightly.load_pending` at `hour`:00 UTC."""
    trigger = CronTrigger(hour=hour, timezone="UTC")
    job = scheduler.get_job("nightly")
    if job is None:
        scheduler.add_job(nightly.load_pending, trigger, id="nightly")
    elif str(job.trigger) != str(trigger):
        job.reschedule(trigger)


@one.wrong(
    "Your job was in the store, and another process that opened it found none: it could not import the function, so "
    "APScheduler deleted the row. Nothing would ever run, and no error tells of it.",
    when=lambda seen: seen.vanished,
)
def cell_function(scheduler, hour):
    def load_pending():
        nightly.load_pending()

    load_pending.__module__, load_pending.__qualname__ = "__main__", "load_pending"  # as one from a cell
    if scheduler.get_job("nightly") is None:
        scheduler.add_job(load_pending, "cron", hour=hour, timezone="UTC", id="nightly")


@one.wrong(
    "After {starts} starts there are {jobs} jobs in the store, and each will run: every restart adds one more load a "
    "night.",
    when=lambda seen: (seen.jobs or 0) > 1,
)
def no_id(scheduler, hour):
    scheduler.add_job(nightly.load_pending, "cron", hour=hour, timezone="UTC")


@one.wrong(
    "Between 06:00 and 07:00 your schedule runs {runs} times, each night: of a time of day that is said "
    "in part, the rest may be anything.",
    when=lambda seen: (seen.runs or 0) > 1,
)
def every_minute(scheduler, hour):
    trigger = CronTrigger(hour=hour, minute="*", timezone="UTC")
    job = scheduler.get_job("nightly")
    if job is None:
        scheduler.add_job(nightly.load_pending, trigger, id="nightly")
    elif str(job.trigger) != str(trigger):
        job.reschedule(trigger)


@one.wrong(
    "The run of last night was due while nothing ran. Your call at the start set the job anew, its next run with "
    "it, and the night was skipped. A pause that somebody had set would be gone the same way.",
    when=lambda seen: seen.lost_due,
)
def always_replace(scheduler, hour):
    options = {"id": "nightly", "replace_existing": True}
    scheduler.add_job(nightly.load_pending, "cron", hour=hour, timezone="UTC", **options)


@one.wrong(
    "Somebody had paused the schedule, for a reason of theirs, and your call at the start set it going again.",
    when=lambda seen: seen.lost_pause,
)
def resumes_what_is_paused(scheduler, hour):
    trigger = CronTrigger(hour=hour, timezone="UTC")
    job = scheduler.get_job("nightly")
    if job is None:
        scheduler.add_job(nightly.load_pending, trigger, id="nightly")
    elif str(job.trigger) != str(trigger) or job.next_run_time is None:
        job.reschedule(trigger)


@one.wrong(
    "The hour was changed from {before} to {hour} in the code, and the stored job still runs at {before}, after every "
    "restart: what is stored wins, and nobody is told.",
    when=lambda seen: seen.old_hour,
)
def ignore_conflict(scheduler, hour):
    try:
        scheduler.add_job(nightly.load_pending, "cron", hour=hour, timezone="UTC", id="nightly")
    except ConflictingIdError:
        pass


@one.wrong(
    "The hour was changed from {before} to {hour}, and afterwards there are two jobs: the new one, and the one of "
    "{before}, which runs every night as before. Two names are two jobs.",
    when=lambda seen: seen.both_hours,
)
def hour_in_id(scheduler, hour):
    name = f"nightly at {hour}"
    if scheduler.get_job(name) is None:
        scheduler.add_job(nightly.load_pending, "cron", hour=hour, timezone="UTC", id=name)


@one.wrong(
    "The hour was changed from {before} to {hour}. The stored trigger says {hour}, and the stored next run still says "
    "{before}: it is a value of its own, and nobody has reckoned it anew.",
    when=lambda seen: seen.stale_next,
)
def modifies_trigger(scheduler, hour):
    trigger = CronTrigger(hour=hour, timezone="UTC")
    job = scheduler.get_job("nightly")
    if job is None:
        scheduler.add_job(nightly.load_pending, trigger, id="nightly")
    elif str(job.trigger) != str(trigger):
        job.modify(trigger=trigger)


@one.right
def every_24_hours(scheduler, hour):
    job = scheduler.get_job("every day")
    if job is not None and job.trigger.start_date.hour != hour:
        job.remove()
        job = None
    if job is None:
        now = datetime.now(UTC)
        first = now.replace(hour=hour, minute=0, second=0, microsecond=0)
        first += timedelta(days=first <= now)
        scheduler.add_job(nightly.load_pending, "interval", days=1, start_date=first, id="every day")


@one.right
def looks_at_fields(scheduler, hour):
    jobs = [job for job in scheduler.get_jobs() if job.id.startswith("load every night")]
    for job in jobs:
        if str({field.name: field for field in job.trigger.fields}["hour"]) != str(hour):
            scheduler.remove_job(job.id)
            jobs = []
    if not jobs:
        options = {"misfire_grace_time": None, "coalesce": True}
        name = "exercises.tools.nightly:load_pending"
        scheduler.add_job(name, "cron", hour=hour, timezone=UTC, id=f"load every night at {hour}", **options)


@one.grade
def grade_ensure_schedule(t: Trial) -> None:
    path = t.folder / "jobs.db"
    with home(t.folder):
        case = "a first start, hour 6"
        with restarted(path) as scheduler:
            _start(t, scheduler, 6, case)
        jobs = stored(path)
        if len(jobs) != 1:
            t.stop(case, f"expected 1 job in the store, found {len(jobs)}")
        at = jobs[0]["next_run_time"]
        if at is None or at.astimezone(UTC).strftime("%H:%M:%S") != "06:00:00":
            t.stop(case, f"expected the next run at 06:00:00 UTC, found {at}")
        _look_at_days(t, case, jobs[0]["trigger"])

        case = "a second start in another process, with last night's run still due"
        seen = _value(t, in_child(_second_start, t.answer, path, seconds=DEADLINE), case)
        t.seen.vanished = not seen["found"] and str(jobs[0]["func"]).startswith("__main__:")
        if not seen["found"]:
            t.stop(case, "the job was gone as soon as another process looked")
        _still_paused(t, seen["state"], case)
        t.seen.starts, t.seen.jobs = 2, seen["jobs"]
        t.equal(seen["jobs"], 1, f"{case}; the number of jobs")
        t.seen.lost_due = not seen["due"] and not seen["called"]
        called = t.equal(seen["called"], ["load_pending"], f"{case}; what was called when the scheduler went on")
        if not called and seen["due"] and seen["jobs"] == 1:
            t.stop(case, "")
        case = "a first start on a machine in Kathmandu, with a retry in the store; the next runs in UTC"
        t.equal(seen["abroad"], ["06:00:00"], case)

        case = "a start after somebody paused the schedule"
        with restarted(path) as scheduler:
            for job in scheduler.get_jobs():
                job.pause()
        with restarted(path) as scheduler:
            _start(t, scheduler, 6, case)
            t.seen.lost_pause = any(job.next_run_time for job in scheduler.get_jobs())
            t.true(not t.seen.lost_pause, case, "the schedule is no longer paused")
            for job in scheduler.get_jobs():
                job.resume()
        for before, hour in ((6, 16), (16, 6), (6, 0)):
            if not (t.seen.old_hour or t.seen.both_hours or t.seen.stale_next):
                _another_hour(t, path, before, hour)


def _start(t: Trial, scheduler: BaseScheduler, hour: int, case: str) -> None:
    t.call(scheduler, hour, case=case)
    _still_paused(t, scheduler.state, case)


def _still_paused(t: Trial, state: int, case: str) -> None:
    if state != STATE_PAUSED:
        found = "at work" if state == STATE_RUNNING else "shut down"
        t.stop(case, f"expected a scheduler that is paused as before, found it {found}")


def _look_at_days(t: Trial, case: str, trigger: object) -> None:
    """400 days from a fixed one, so that the verdict is the same on each day of the week and of the year; far from now,
    as a schedule has no end."""
    first = datetime(2100, 1, 1, 6, tzinfo=UTC)
    runs = next_runs(trigger, hours=400 * 24, most=4000, since=first)
    t.seen.runs = sum(first <= run < first + timedelta(hours=1) for run in runs)
    for number, run in enumerate([*runs, None][:400]):
        want = first + timedelta(days=number)
        if run != want:
            said = f"at {run:%a %d %b %Y %H:%M:%S}" if run else "not at all"
            t.stop(case, f"expected a run every day, also at {want:%a %d %b %Y %H:%M:%S} UTC; it comes {said}")


def _another_hour(t: Trial, path: Path, before: int, hour: int) -> None:
    case = f"a start with hour {hour}, where {before} is stored, and a retry beside it"
    with restarted(path) as scheduler:
        _add_retry(scheduler)
        retry = str(scheduler.get_job(RETRY))
        _start(t, scheduler, hour, case)
        jobs = {job.id: job for job in scheduler.get_jobs()}
        if (found := str(jobs.pop(RETRY, "gone from the store"))) != retry:
            t.stop(case, f"the retry was {retry}; now it is {found}")
        jobs = [job for job in jobs.values() if job.next_run_time]
        hours = [job.next_run_time.astimezone(UTC).hour for job in jobs]
        coming = [job.trigger.get_next_fire_time(None, datetime.now(UTC)).astimezone(UTC).hour for job in jobs]
        due = [(job.trigger, job.next_run_time) for job in jobs]
        after = [trigger.get_next_fire_time(run, run + timedelta(seconds=1)) for trigger, run in due]
        later = [run.astimezone(UTC).hour for run in after if run]  # before midnight, "each hour" and "at 0" agree once
    t.seen.before, t.seen.hour = before, hour
    t.seen.both_hours = sorted(hours) == sorted([before, hour])
    t.seen.stale_next, t.seen.old_hour = hours == [before] and coming == [hour], hours == coming == [before]
    t.equal(hours, [hour], f"{case}; the hours of the schedule's next runs")
    t.equal(later, [hour], f"{case}; the hours of the runs after those")


def _add_retry(scheduler: BaseScheduler) -> None:
    """It is due soon, the first of the jobs: what is due now, APScheduler runs while it shuts down, even if paused."""
    options = {"args": ["2013-01-15", 2], "id": RETRY, "replace_existing": True}
    scheduler.add_job(nightly.load_day, "date", run_date=datetime.now(UTC) + timedelta(minutes=10), **options)


def _second_start(answer: Callable[..., None], path: Path) -> dict[str, object]:
    """What another process finds; in it last night's run is due, `answer` is called, and the scheduler goes on."""
    os.environ["TZ"] = "Asia/Kathmandu"  # where nobody names a zone, APScheduler takes the machine's
    scheduler = opened(path, misfire_grace_time=None)
    found = scheduler.get_jobs()
    last_night = (datetime.now(UTC) - timedelta(days=1)).replace(hour=6, minute=0, second=0, microsecond=0)
    for job in found:
        job.modify(next_run_time=last_night)
    answer(scheduler, 6)
    seen = {"found": len(found), "state": scheduler.state}
    if seen["state"] == STATE_PAUSED:
        jobs = scheduler.get_jobs()
        seen |= {"jobs": len(jobs), "due": any(job.next_run_time == last_night for job in jobs)}
        run_what_is_due(scheduler)
        seen |= {"called": [call.what for call in nightly.calls()]}

    with restarted(path.with_name("abroad.db")) as scheduler:
        _add_retry(scheduler)
        answer(scheduler, 6)
        times = [job.next_run_time for job in scheduler.get_jobs() if job.id != RETRY]
    return seen | {"abroad": [f"{time.astimezone(UTC):%H:%M:%S}" if time else "never" for time in times]}


def _value(t: Trial, child: Child, case: str) -> dict[str, object]:
    """What a child returned. What the answer raised in it, or that it did not end, ends the grading."""
    if child.error:
        t.stop(case, "", "raised", f"In another process your code raised {child.error}")
    if child.returncode is None:
        t.stop(case, "", "raised", f"In another process your code was still running after {DEADLINE} seconds.")
    if child.value is None:
        t.stop(case, child.output[-500:], "raised", "Your code ended the process it was called in.")
    return child.value


# ---- 8.2 ------------------------------------------------------------------------------------------------------------

two = Exercise(
    "8.2",
    "Recover from dead runs",
    star=True,
    hints=(
        "Three questions about each run, in this order: has it ended already? Is its process still there? Did its load "
        "commit?",
        "The receipt was committed together with the rows, and it carries the run's id. The receipt of its day may be "
        "another run's.",
        "For runs with status 'running' that are not alive: `'succeeded' if receipts.get(run['day']) == run['run_id'] "
        "else 'crashed'`.",
    ),
    passed="`etl_core.running.resolve_dead` asks the same three questions, at every start and before every run.",
)


@two.stub
def recover(
    runs: list[dict],
    receipts: dict[date, str],
    is_alive: Callable[[str], bool],
) -> dict[str, str]:
    """The changes that the history needs after a crash: run_id -> "succeeded" or "crashed".

    Each run has run_id, day and status (running, succeeded, failed, crashed). `receipts`:
    a day -> the run_id on its receipt. `is_alive(run_id)`: is a process at work on it?
    """
    ...  # your code here


@two.solution
def recover(
    runs: list[dict],
    receipts: dict[date, str],
    is_alive: Callable[[str], bool],
) -> dict[str, str]:
    """The changes that the history needs after a crash: run_id -> its end."""
    ends = {}
    for run in runs:
        run_id = run["run_id"]
        if run["status"] == "running" and not is_alive(run_id):
            ends[run_id] = "succeeded" if receipts.get(run["day"]) == run_id else "crashed"
    return ends


@two.wrong(
    "You asked `is_alive` about {asked}. It knows runs by their run_id, and of anything else it says that no process "
    "is at work on it: so a run that is under way looks dead.",
    when=lambda seen: seen.asked,
)
def asks_with_the_run(runs, receipts, is_alive):
    dead = [run for run in runs if run["status"] == "running" and not is_alive(run)]
    return {run["run_id"]: "succeeded" if receipts.get(run["day"]) == run["run_id"] else "crashed" for run in dead}


@two.wrong(
    "You never called `is_alive`; you asked whether there is such a function. There is, so the answer is the same for "
    "every run, dead or alive.",
    when=lambda seen: seen.there and not seen.called,
)
def does_not_call(runs, receipts, is_alive):
    dead = [run for run in runs if run["status"] == "running" and not is_alive]
    return {run["run_id"]: "succeeded" if receipts.get(run["day"]) == run["run_id"] else "crashed" for run in dead}


@two.wrong(
    "You call a run crashed that a living process is at work on. Its day would count as pending, and a second run of "
    "the same day would begin beside it.",
    when=lambda seen: seen.got.get(seen.alive) == "crashed",
)
def ignores_alive(runs, receipts, is_alive):
    return {
        run["run_id"]: "succeeded" if receipts.get(run["day"]) == run["run_id"] else "crashed"
        for run in runs
        if run["status"] == "running"
    }


@two.wrong(
    "You call a run a success that a living process is still at work on. Even one whose rows are committed has not "
    "come to its end yet, and will write it down itself.",
    when=lambda seen: "succeeded" in (seen.got.get(seen.alive), seen.got.get(seen.ending)),
)
def receipt_first(runs, receipts, is_alive):
    ends = {}
    for run in runs:
        if run["status"] == "running":
            if receipts.get(run["day"]) == run["run_id"]:
                ends[run["run_id"]] = "succeeded"
            elif not is_alive(run["run_id"]):
                ends[run["run_id"]] = "crashed"
    return ends


@two.wrong(
    "You changed a run that had ended: {was} became {now}. How it ended is on record, and stays so whatever receipt "
    "its day has today.",
    when=lambda seen: seen.was,
)
def rewrites_finished(runs, receipts, is_alive):
    return {
        run["run_id"]: "succeeded" if receipts.get(run["day"]) == run["run_id"] else "crashed"
        for run in runs
        if not is_alive(run["run_id"])
    }


@two.wrong(
    "A run was killed before its commit, and you call it a success because its day has a receipt. That receipt is an "
    "older run's: what this one was to load, a corrected file perhaps, is not there, and nobody will look again.",
    when=lambda seen: [seen.got.get(run) for run in seen.dead] == ["succeeded", "succeeded", "crashed"],
)
def receipt_of_day(runs, receipts, is_alive):
    return {
        run["run_id"]: "succeeded" if run["day"] in receipts else "crashed"
        for run in runs
        if run["status"] == "running" and not is_alive(run["run_id"])
    }


@two.wrong(
    "A run was killed before the first commit of its day, and you call it a success. Not one row of that day is in the "
    "warehouse, and nobody will look again.",
    when=lambda seen: seen.got.get(seen.dead[2]) == "succeeded",
)
def all_succeeded(runs, receipts, is_alive):
    return {run["run_id"]: "succeeded" for run in runs if run["status"] == "running" and not is_alive(run["run_id"])}


@two.wrong(
    "A run was killed after its commit, and you call it crashed. All its rows are in the warehouse under its receipt; "
    "the history now says that they are not, and alarms somebody at night for nothing.",
    when=lambda seen: seen.got.get(seen.dead[0]) == "crashed",
)
def all_crashed(runs, receipts, is_alive):
    return {run["run_id"]: "crashed" for run in runs if run["status"] == "running" and not is_alive(run["run_id"])}


@two.wrong(
    "You list runs that stay as they are, such as one that is {listed} and becomes {listed}. Asked for are the "
    "changes: whoever writes them down would date each of these runs anew, at every start.",
    when=lambda seen: seen.listed,
)
def lists_all(runs, receipts, is_alive):
    ends = {run["run_id"]: run["status"] for run in runs}
    for run in runs:
        if run["status"] == "running" and not is_alive(run["run_id"]):
            ends[run["run_id"]] = "succeeded" if receipts.get(run["day"]) == run["run_id"] else "crashed"
    return ends


@two.right
def in_a_loop(runs, receipts, is_alive):
    changes = {}
    for run in runs:
        if run["status"] != "running" or is_alive(run["run_id"]):
            continue
        mine = [day for day, run_id in receipts.items() if run_id == run["run_id"]]
        changes[run["run_id"]] = "succeeded" if mine else "crashed"
    return changes


class _Asked:
    """`is_alive` as it is given: a function, which also notes what it was asked."""

    def __init__(self, t: Trial, known: Callable[[str], bool]) -> None:
        self.seen, self.known = t.seen, known

    def __call__(self, run_id: object) -> bool:
        self.seen.called = True
        if not isinstance(run_id, str):
            self.seen.asked = "the whole run" if isinstance(run_id, dict) else show(run_id, 60)
        return isinstance(run_id, str) and self.known(run_id)

    def __bool__(self) -> bool:
        self.seen.there = True
        return True


@two.grade
def grade_recover(t: Trial) -> None:
    t.call([], {}, lambda run_id: False, case="a history without runs")
    with home(t.folder), dead_runs() as scene:
        from exercises.tools.dead_runs import ALIVE, COMMITTED, ENDING, NEVER, RELOADED

        committed, reloaded, never = t.seen.dead = [scene.of(day) for day in (COMMITTED, RELOADED, NEVER)]
        t.seen.alive, t.seen.ending = scene.of(ALIVE), scene.of(ENDING)
        case = "eight runs: three dead, two under way, three that ended by themselves"
        runs, is_alive = [dict(run) for run in scene.runs], _Asked(t, scene.is_alive)
        got = t.call(runs, dict(scene.receipts), is_alive, case=case)
        t.true(not t.seen.asked, case, f"is_alive was asked about {t.seen.asked}")
        if not isinstance(got, dict):
            t.stop(case, f"expected a dict, got {show(got)}")
        t.seen.got = got
        before = {run["run_id"]: run["status"] for run in scene.runs}
        ended = [run_id for run_id, status in before.items() if status != "running" and run_id in got]
        for run_id in ended:
            if got[run_id] != before[run_id]:
                t.seen.was, t.seen.now = before[run_id], got[run_id]
        t.seen.listed = next((status for run_id, status in before.items() if got.get(run_id) == status), None)
        names = {committed: "killed after its commit", reloaded: "killed before its commit, its day loaded before"}
        names |= {never: "killed before its commit, its day never loaded"}
        for run_id, name in names.items():
            want = "succeeded" if run_id == committed else "crashed"
            t.equal(got.get(run_id, "no change"), want, f"a run that was {name}")
        t.equal(sorted(got), sorted(names), "which runs are changed")

        after = [{**run, "status": got.get(run["run_id"], run["status"])} for run in scene.runs]
        t.equal(t.call(after, dict(scene.receipts), is_alive, case="again"), {}, "called a second time")


# ---- 8.3 ------------------------------------------------------------------------------------------------------------

three = Exercise(
    "8.3",
    "Store a retry",
    none=True,
    hints=(
        "Who remembers the retry when this process is gone? And what if the next process starts after `when`?",
        "A job with the trigger `'date'` in the scheduler's store. Its id must be its own: not the schedule's, not "
        "another day's. How late a job may be is its `misfire_grace_time`: one second, unless you say otherwise.",
        "`scheduler.add_job(nightly.load_day, 'date', run_date=when, args=[day, attempt], "
        "id=f'retry|{day}|{attempt}', misfire_grace_time=None, replace_existing=True)`",
    ),
    passed="The promise now lives where a kill does not reach, under a name of its own, and may be kept late.",
)


@three.stub
def store_retry(scheduler: BaseScheduler, day: str, attempt: int, when: datetime) -> None:
    """Have `nightly.load_day(day, attempt)` called once, at `when` (UTC) or later.

    This process may be killed before `when`, and the next one may start days after it.
    Called again for the same day and attempt, it is still one retry; another attempt is
    another one. What else is in the store stays.
    """
    ...  # your code here


@three.solution
def store_retry(scheduler: BaseScheduler, day: str, attempt: int, when: datetime) -> None:
    """Have `nightly.load_day(day, attempt)` called once, at `when` (UTC) or later."""
    scheduler.add_job(
        nightly.load_day,
        "date",
        run_date=when,
        args=[day, attempt],
        id=f"retry|{day}|{attempt}",
        misfire_grace_time=None,
        replace_existing=True,
    )


@three.wrong(
    "The job store was left without a retry. Whatever else your process remembered died with it: the day is never "
    "tried again.",
    when=lambda seen: seen.forgotten,
)
def timer(scheduler, day, attempt, when):
    seconds = (when - datetime.now(UTC)).total_seconds()
    threading.Timer(max(seconds, 0.5), nightly.load_day, [day, attempt]).start()


@three.wrong(
    "A retry was stored, and the nightly schedule is gone: no job calls load_pending any more, and after this one "
    "retry nothing will ever run again.",
    when=lambda seen: seen.no_schedule,
)
def schedule_id(scheduler, day, attempt, when):
    options = {"misfire_grace_time": None, "replace_existing": True}
    scheduler.add_job(nightly.load_day, "date", run_date=when, args=[day, attempt], id="nightly", **options)


@three.wrong(
    "Three days waited for a retry, and the store did not keep them all: one took the other's place. One bad night, "
    "and only its last day is healed.",
    when=lambda seen: seen.replaced,
)
def shared_id(scheduler, day, attempt, when):
    options = {"misfire_grace_time": None, "replace_existing": True}
    scheduler.add_job(nightly.load_day, "date", run_date=when, args=[day, attempt], id="retry", **options)


@three.wrong(
    "One day was to be retried twice, as attempt 2 and as attempt 3, and the store kept one of the two.",
    when=lambda seen: seen.attempt_lost,
)
def id_of_the_day(scheduler, day, attempt, when):
    options = {"id": f"retry {day}", "misfire_grace_time": None, "replace_existing": True}
    scheduler.add_job(nightly.load_day, "date", run_date=when, args=[day, attempt], **options)


@three.wrong(
    "What you stored is due at {again[0]:%d %B %H:%M:%S}, and again at {again[1]:%d %B %H:%M:%S}, and so on. A retry "
    "is for one failure; this one loads the day again and again, healed or not.",
    when=lambda seen: seen.again,
)
def comes_again(scheduler, day, attempt, when):
    at = {"hour": when.hour, "minute": when.minute, "timezone": "UTC"}
    options = {"id": f"retry {day} {attempt}", "replace_existing": True, "misfire_grace_time": None}
    scheduler.add_job(nightly.load_day, "cron", args=[day, attempt], **at, **options)


@three.wrong(
    "The store was opened {late:.1f} s after the retry was due, and APScheduler dropped it as missed. A machine needs "
    "longer than that to start again, so no restart would ever run it.",
    when=lambda seen: seen.dropped,
)
def default_grace(scheduler, day, attempt, when):
    options = {"id": f"retry {day} {attempt}", "replace_existing": True}
    scheduler.add_job(nightly.load_day, "date", run_date=when, args=[day, attempt], **options)


@three.wrong(
    "The machine was off over a weekend, and when it came back your retry was dropped: at {late_by} it was later than "
    "the job says it may be. The day is never tried again, because the outage took longer than you thought.",
    when=lambda seen: seen.late_by,
)
def an_hour_of_grace(scheduler, day, attempt, when):
    options = {"id": f"retry {day} {attempt}", "replace_existing": True, "misfire_grace_time": 3600}
    scheduler.add_job(nightly.load_day, "date", run_date=when, args=[day, attempt], **options)


@three.wrong(
    "The retry was stored twice, as happens when a restart is not sure and stores it again, and it ran {called} times.",
    when=lambda seen: (seen.called or 0) > 1,
)
def no_id(scheduler, day, attempt, when):
    scheduler.add_job(nightly.load_day, "date", run_date=when, args=[day, attempt], misfire_grace_time=None)


@three.right
def ends_by_itself(scheduler, day, attempt, when):
    options = {"id": f"{day}#{attempt}", "misfire_grace_time": None, "replace_existing": True}
    span = {"days": 1, "start_date": when, "end_date": when}
    scheduler.add_job(nightly.load_day, "interval", **span, args=(day, attempt), **options)


@three.right
def looks_first(scheduler, day, attempt, when):
    name = f"{day}/{attempt}"
    if scheduler.get_job(name) is None:
        options = {"kwargs": {"day": day, "attempt": attempt}, "misfire_grace_time": 10 * 86_400}
        scheduler.add_job("exercises.tools.nightly:load_day", "date", run_date=when, id=name, **options)


@three.grade
def grade_store_retry(t: Trial) -> None:
    path, case = t.folder / "jobs.db", "three days to be retried, then the process is killed"
    with home(t.folder):
        child = in_child(_adder, t.answer, path, seconds=DEADLINE)
        if child.returncode not in (-9, signal.SIGTERM):  # as a process that kills itself ends, here and on Windows
            _value(t, child, case)
        jobs = stored(path)
        names = [str(job["func"]).rpartition(":")[2] for job in jobs]
        t.seen.forgotten, t.seen.no_schedule = names in ([], ["load_pending"]), "load_pending" not in names
        if any(str(job["func"]).startswith("__main__:") for job in jobs):
            t.stop(case, f"the next process cannot import what is stored: {', '.join(names)}")
        if "load_day" not in names:
            t.stop(case, f"no job in the store calls load_day; there are {', '.join(names) or 'none'}")
        _look_at_retries(t, case, jobs, json.loads(Path(t.folder, "due.json").read_text(encoding="utf-8")))
        t.true(not t.seen.no_schedule, case, "the nightly schedule is gone from the store")
        case = "started again after two of them were due"
        seen = _value(t, in_child(_starts_late, path, seconds=DEADLINE), case)
    t.seen.called, t.seen.late = seen["called"].count("load_day 2013-01-15 2"), seen["late"]
    t.seen.dropped = not any("2013-01-15" in what for what in seen["called"] + seen["left"])
    if t.seen.called == 1 and seen["weekend"] and not any("2013-01-17" in it for it in seen["called"] + seen["left"]):
        t.seen.late_by = "three days"
    want = ["load_day 2013-01-15 2", "load_day 2013-01-17 2"]
    t.equal(sorted(seen["called"]), want, f"{case}; what was called")
    want = ["load_day 2013-01-16 2", "load_day 2013-01-16 3", "load_pending"]
    t.equal(sorted(set(seen["left"])), want, f"{case}; what is left in the store for later")


def _look_at_retries(t: Trial, case: str, jobs: list[dict[str, object]], due: dict[str, str]) -> None:
    """Whether each of the days and attempts is stored, for when it is due and for once."""
    retries = [job for job in jobs if str(job["func"]).endswith(":load_day")]
    there = [_words(nightly.load_day, job["args"], job["kwargs"]) for job in retries]
    lost = [name for name in due if f"load_day {name}" not in there]
    if lost and len(there) + len(lost) == len(due):  # the others are there, and nothing else is
        t.seen.attempt_lost = len(lost) == 1 and "2013-01-16" in lost[0]
        t.seen.replaced = not t.seen.attempt_lost
    if lost:
        t.stop(case, f"no job in the store calls load_day {lost[0]}; there are {', '.join(there)}")
    for what, job in zip(there, retries, strict=True):
        runs, when = next_runs(job["trigger"], hours=9000, most=2), due.get(what.removeprefix("load_day "))
        t.seen.again = runs if len(runs) > 1 else t.seen.again
        stored_for = job["next_run_time"]
        if when is None:
            t.stop(case, f"nobody asked for a {what}, and it is in the store, too")
        when = datetime.fromisoformat(when)
        right = stored_for and when.replace(microsecond=0) <= stored_for < when + timedelta(seconds=1)
        if t.seen.again or not right:
            said = f"{stored_for:%Y-%m-%d %H:%M:%S}" if stored_for else "no time at all"
            t.stop(case, f"{what} is to be called at {when:%Y-%m-%d %H:%M:%S} and is stored for {said}")


def _adder(answer: Callable[..., None], path: Path) -> None:
    """Stores a schedule and the retries of three days, one of them twice, and kills itself."""
    scheduler = opened(path)
    options = {"id": "nightly", "misfire_grace_time": None}
    scheduler.add_job(nightly.load_pending, "cron", hour=3, timezone="UTC", **options)
    later = datetime.now(UTC) + timedelta(days=1)
    due = datetime.now(UTC) + timedelta(seconds=1)
    times = {"2013-01-17 2": due, "2013-01-15 2": due, "2013-01-16 2": later}
    times |= {"2013-01-16 3": later + timedelta(hours=1)}
    said = json.dumps({name: when.isoformat() for name, when in times.items()})
    Path(path.parent, "due.json").write_text(said, encoding="utf-8")
    for name, when in [*times.items(), ("2013-01-15 2", due)]:
        day, attempt = name.split()
        answer(scheduler, day, int(attempt), when)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _starts_late(path: Path) -> dict[str, object]:
    """Opens the store when two retries are late by more than APScheduler's default of a second; one of them, of 17
    January, is made to be three days late, as after a weekend."""
    due = datetime.fromisoformat(json.loads(Path(path.parent, "due.json").read_text(encoding="utf-8"))["2013-01-15 2"])
    time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds() + 1.3))
    scheduler = opened(path)
    late = (datetime.now(UTC) - due).total_seconds()
    weekend = [job for job in scheduler.get_jobs() if "2013-01-17" in _words(job.func, job.args, job.kwargs)]
    for job in weekend:
        job.modify(next_run_time=due - timedelta(days=3))
    run_what_is_due(scheduler)
    scheduler = opened(path)
    left = [_words(job.func, job.args, job.kwargs) for job in scheduler.get_jobs()]
    scheduler.shutdown()
    called = [call.what for call in nightly.calls()]
    return {"called": called, "left": left, "late": late, "weekend": len(weekend)}


def _words(function: Callable[..., None], args: tuple, kwargs: dict[str, object]) -> str:
    """What `nightly` notes of such a call, however its arguments are given."""
    given = inspect.signature(function).bind(*args, **kwargs).arguments.values()
    return " ".join([function.__name__, *map(str, given)])


# ---- 8.4 ------------------------------------------------------------------------------------------------------------

four = Exercise(
    "8.4",
    "Let only one in",
    none=True,
    seconds=5,
    hints=(
        "Whether a file exists, and what stands in it, outlives the one who wrote it. What ends together with its "
        "process, whatever ended it?",
        "A lock of the operating system on an open file: it is dropped when the process dies, and the file may stay. "
        "The library `filelock` takes one on every system.",
        "`lock = FileLock(path)`, `lock.acquire(timeout=0)` raises at once if somebody has it; `yield` in a `try`, "
        "`lock.release()` in its `finally`, under `@contextmanager`.",
    ),
    passed="Taken in one step, refused at once, and given back by death itself: this is the lock of every run, too.",
)


@four.stub
@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """`with only_one(path):` lets one process at a time into its block.

    A second one gets an error at once. When the one inside has left the block, or was
    killed, the next may enter, whatever file was left.
    """
    yield  # your code here, around it


@four.solution
@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """`with only_one(path):` lets one process at a time into its block."""
    lock = FileLock(path)
    lock.acquire(timeout=0)
    try:
        yield
    finally:
        lock.release()


_locks: dict[str, threading.Lock] = {}


@four.wrong(
    "While one process was inside, another one entered. Whatever the first one took, the other could not see it: what "
    "is in the memory of a process, such as a lock of `threading`, is that process's own.",
    when=lambda seen: seen.shares_nothing,
)
@contextmanager
def threading_lock(path):
    lock = _locks.setdefault(str(path), threading.Lock())
    if not lock.acquire(blocking=False):
        raise RuntimeError("another one is at work")
    try:
        yield
    finally:
        lock.release()


@four.wrong(
    "While one process was inside, another one entered: each had locked a file of its own. A lock belongs to the file, "
    "not to its name. A name of one's own leads to another file, and so does the old name, when the file that had it "
    "is deleted first.",
    when=lambda seen: seen.elsewhere,
)
@contextmanager
def deletes_first(path):
    path.unlink(missing_ok=True)  # whatever file was left
    with FileLock(path, timeout=0):
        yield


@four.wrong(
    "While one process was inside, another one entered, and at that moment no file in the folder of `path` was locked. "
    "Either no lock was taken, or it was given back too early: a lock ends when its file is closed, and a file that no "
    "name holds any more is closed at once.",
    when=lambda seen: seen.lost,
)
@contextmanager
def lock_lost(path):
    import fcntl

    fcntl.flock(open(path, "w"), fcntl.LOCK_EX | fcntl.LOCK_NB)  # noqa: SIM115
    yield


@four.wrong(
    "While one process was inside and held its lock, another one asked for the same and entered. Either it is a lock "
    "that can be shared, or the second was refused it, and your code went on: whoever catches that error, or does not "
    "look at the answer, has to turn the second away.",
    when=lambda seen: seen.caught,
)
@contextmanager
def error_caught(path):
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except TimeoutError as error:
        print("another one is at work:", error)
    try:
        yield
    finally:
        lock.release()


@four.wrong(
    "Two processes that came at the same moment both entered, in {both} of {rounds} rounds. Between looking and taking "
    "there is time, and both had looked before either had taken.",
    when=lambda seen: seen.both,
)
@contextmanager
def exists_check(path):
    if path.exists():
        raise RuntimeError("another one is at work")
    path.write_text("taken")
    try:
        yield
    finally:
        path.unlink()


@four.wrong(
    "One process was inside, and the other neither entered nor was refused: it waits without a word. Who starts a "
    "second scheduler by mistake sees nothing, and the day the first one ends there is a surprise.",
    when=lambda seen: seen.silent,
)
@contextmanager
def waits_forever(path):
    with FileLock(path):
        yield


@four.wrong(
    "The second was refused, but only after {waited:.1f} seconds. Until then, whoever started it by mistake is told "
    "nothing.",
    when=lambda seen: seen.waited > AT_ONCE,
)
@contextmanager
def waits_a_second(path):
    with FileLock(path, timeout=1):
        yield


@four.wrong(
    "The second process was turned away without an error: your code ended it, with exit code {code}. Whoever uses "
    "`only_one` cannot decide what to do instead, such as to wait for a while and try again.",
    when=lambda seen: seen.code is not None,
)
@contextmanager
def ends_the_program(path):
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except TimeoutError:
        sys.exit("another one is inside")
    try:
        yield
    finally:
        lock.release()


@four.wrong(
    "An error in the block, and the lock was never given back: the process that had it is fine, and nobody enters any "
    "more.",
    when=lambda seen: seen.kept,
)
@contextmanager
def no_finally(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    yield
    path.unlink()


@four.wrong(
    "The process inside was killed, and the file or folder that it had made stayed, as files do. Now nobody can enter "
    "until a person deletes it by hand.",
    when=lambda seen: seen.left_behind,
)
@contextmanager
def file_is_lock(path):
    with open(path, "x"):  # fails if it is there, in one step
        pass
    try:
        yield
    finally:
        path.unlink()


@four.wrong(
    "A file from long ago names a process id that lives, and belongs to a stranger: ids are given out again, after a "
    "restart of the machine nearly always. You refused, and would do so for as long as the stranger lives.",
    when=lambda seen: seen.stranger,
)
@contextmanager
def pid_file(path):
    try:
        os.kill(int(path.read_text()), 0)
    except (OSError, ValueError):
        path.unlink(missing_ok=True)
    with open(path, "x") as file:
        file.write(str(os.getpid()))
    try:
        yield
    finally:
        path.unlink()


@four.wrong(
    "When the one inside left, it deleted the file. Another one had it open by then and got the lock of a file that "
    "has no name any more; a third made a new file, locked that, and both were inside.",
    when=lambda seen: seen.nameless,
)
@contextmanager
def unlinks(path):
    import fcntl

    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield
        finally:
            path.unlink()


@four.wrong(
    "One gave back its lock and was about to delete the file. Another one entered at that moment; then the first went "
    "on, and it deleted the file that the other had locked. A third made a new file, and both were inside.",
    when=lambda seen: seen.removed,
)
@contextmanager
def removes_after(path):
    lock = FileLock(path)
    lock.acquire(timeout=0)
    try:
        yield
    finally:
        lock.release()
        path.unlink(missing_ok=True)


@four.right
@contextmanager
def by_flock(path):
    import fcntl

    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@four.right
def one_line(path):
    return FileLock(path, timeout=0)


@four.right
@contextmanager
def by_sqlite(path):
    with closing(sqlite3.connect(f"{path}.db", timeout=0, isolation_level=None)) as conn:
        conn.execute("BEGIN EXCLUSIVE")
        yield


@four.grade
def grade_only_one(t: Trial) -> None:
    path = t.folder / "scheduler.lock"
    t.do(lambda: _enter(t.answer, path), case="one process, alone")
    t.do(lambda: _enter(t.answer, path), case="one process, a second time")
    case = "with an error in the block"
    error = t.do(lambda: _enter(t.answer, path, ValueError("in the block")), case=case, allow=True)
    came = isinstance(error, Raised) and isinstance(error.error, ValueError)
    t.true(came, case, f"expected the ValueError, got {error!r}" if error else "your code swallowed it")
    again = t.do(lambda: _enter(t.answer, path), case="after an error in the block", allow=True)
    t.seen.kept = isinstance(again, Raised)
    t.true(not t.seen.kept, "after an error in the block", f"raised {again!r}")
    t.do(lambda: packed(t.answer), case="your function is handed to another process", none=True)
    with talking(_contender, t.answer, path) as a, talking(_contender, t.answer, path) as b:
        if not t.failure:
            _two_processes(t, path, a, b)


def _enter(answer: Callable[..., object], path: Path, error: Exception | None = None) -> None:
    manager = answer(path)  # a variable, which lives as long as the error's traceback: so nothing in it is released
    with manager:
        if error:
            raise error


def _two_processes(t: Trial, path: Path, a: Talk, b: Talk) -> None:
    case = "a process is inside, another one comes"
    for talk in (a, b):
        talk.hear(60)  # it is there
    first = _try(a)
    if not t.true(first == "in", case, f"the first did not enter: {first}"):
        return
    second = _try(b)
    for _ in range(2):
        if AT_ONCE < _waited(second) < 3:  # on a busy machine, too, one of three is quick
            second = min(second, _try(b), key=_waited)
    t.seen.silent, t.seen.waited, t.seen.code = second == WAITS, _waited(second), b.process.poll()
    if second == "in":
        _note_two_inside(t, path, a, b)
    at_once = second.startswith("refused") and t.seen.waited <= AT_ONCE
    if not t.true(at_once, case, f"expected that the second gets an error at once, found: {second}"):
        return
    a.say("out")
    t.equal(a.hear(), "out", "leaving the block")

    case, t.seen.both, t.seen.rounds, entered = "two processes at the same moment", 0, 10, 0
    for _ in range(t.seen.rounds):
        for talk in (a, b):
            talk.say("race")
        inside = [talk for talk in (a, b) if talk.hear(PATIENCE) == "in"]
        t.seen.both += len(inside) == 2
        entered += len(inside)
        t.true(len(inside) < 2, case, "both entered")
        for talk in inside:
            talk.say("out")
            talk.hear()
    t.true(entered, case, f"in {t.seen.rounds} rounds neither of them entered")  # in one, they may refuse each other
    if t.failure:
        return
    _one_leaves(t, a, b)

    case = "the process inside was killed, the next one comes"
    t.equal(_try(a), "in", case)
    a.kill()
    found = _try(b)
    if not t.true(found == "in", case, f"it did not enter: {found}"):
        for file in path.parent.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        t.seen.left_behind = found.startswith("refused") and _try(b) == "in"
        return
    b.say("out")
    b.hear()

    case = "a file was left that names the id of a living process, and nobody is inside"
    path.write_text(str(os.getpid()), encoding="utf-8")
    found = _try(b)
    if not t.true(found == "in", case, f"it did not enter: {found}"):
        path.write_text(str(a.process.pid), encoding="utf-8")  # of one that is dead
        t.seen.stranger = found.startswith("refused") and _try(b) == "in"


def _try(talk: Talk, word: str = "enter") -> str:
    """What it says to this, or what is to be said of it: that it waits, or has ended."""
    talk.say(word)
    said = talk.hear(PATIENCE)
    if said is None:
        with suppress(subprocess.TimeoutExpired):
            return f"it ended, with exit code {talk.process.wait(1)}"
    return said or WAITS


def _waited(said: str) -> float:
    """Seconds until it was refused; 0 if it was not."""
    return float(said.split()[2]) if said.startswith("refused") else 0.0


def _note_two_inside(t: Trial, path: Path, a: Talk, b: Talk) -> None:
    """Two have entered, one after the other: what did each take, and is it still taken?"""
    first, second = _try(a, "taken?"), _try(b, "taken?")
    t.seen.shares_nothing = first == "nothing"
    t.seen.elsewhere = first != second and not {first, second} & {"nothing", "something"}
    held = any(_locked(file) for file in path.parent.iterdir() if file.is_file())
    t.seen.caught, t.seen.lost = held and first == second, not held


def _locked(file: Path) -> bool:
    """Whether some process holds a lock on it, of either of the two kinds that there are (they ignore each other)."""
    try:
        with FileLock(file, timeout=0, is_singleton=False), open(file, "r+b") as opened_file:
            if sys.platform != "win32":
                import fcntl

                fcntl.lockf(opened_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # Timeout is one, too
        return True
    return False


def _one_leaves(t: Trial, a: Talk, b: Talk) -> None:
    """`b` has opened the file and is about to lock it, `a` leaves, `b` goes on; then `a` comes back."""
    case = "one leaves when another is about to take the lock"
    t.equal(_try(a), "in", case)
    found = _try(b, "enter slowly")
    a.say("out")
    a.hear()
    if found == "at the lock":
        b.say("go")
        found = b.hear(PATIENCE)
    if found == "in":
        two = _try(a) == "in"
        t.seen.nameless = two and _try(a, "taken?") != _try(b, "taken?")
        t.true(not two, case, "and then comes back: two are inside")
        for talk in (a, b) if two else (b,):
            _try(talk, "out")

    case = "one is about to delete a file as it leaves, and another one comes"
    t.equal(_try(a), "in", case)
    if _try(a, "out slowly") == "at the file":
        found = _try(b)
        _try(a, "go")
        two = found == "in" and _try(a) == "in"
        t.seen.removed = two and _try(a, "taken?") != _try(b, "taken?")
        t.true(not two, case, "then the first one goes on, and comes back: two are inside")
        for talk in (a, b) if two else (b,) if found == "in" else ():
            _try(talk, "out")


def _contender(answer: Callable[..., object], path: Path) -> None:
    """Enters and leaves the block as it is told; in a race on a machine that is slow to change files: 50 ms a change.

    Told to enter slowly, it says so when it is about to take its first lock, and told to leave slowly, when it is about
    to delete a file; then it waits to be told to go on. Asked in
    the block what it has taken, it names the file that it locked, or says something or nothing, whether it has touched
    anything that is not its own.
    """
    state = {"word": "", "taken": "nothing"}

    def slow(event: str, args: tuple) -> None:
        changes = event in ("os.mkdir", "os.link", "os.symlink", "os.rename")
        writes = event == "open" and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        locks = event in ("fcntl.flock", "fcntl.lockf", "msvcrt.locking")
        ours = (event == "open" or changes) and str(path.parent) in str(args[0])
        if locks:
            file = os.fstat(args[0])
            state["taken"] = f"{file.st_dev}:{file.st_ino}"
        elif event == "sqlite3.connect":
            state["taken"] = str(args[0])
        elif (ours or writes or changes or event.startswith("socket.")) and state["taken"] == "nothing":
            state["taken"] = "something"
        if ours and state["word"] == "race":
            time.sleep(0.05)
        removes = event == "os.remove" and state["word"] == "out slowly"
        if removes or (locks and state["word"] == "enter slowly"):
            state["word"] = ""
            print(MARK + ("at the file" if removes else "at the lock"), flush=True)
            input()

    sys.addaudithook(slow)
    print(MARK + "there", flush=True)
    while True:
        state |= {"word": input(), "taken": "nothing"}
        start = time.perf_counter()
        try:
            with answer(path):
                state["word"] = ""
                print(MARK + "in", flush=True)
                while (said := input()) == "taken?":
                    print(MARK + state["taken"], flush=True)
                state["word"] = said
            print(MARK + "out", flush=True)
        except EOFError:
            return
        except Exception as error:
            said = f"refused after {time.perf_counter() - start:.2f} s by {type(error).__name__}: {error}"
            print(MARK + said.splitlines()[0], flush=True)
