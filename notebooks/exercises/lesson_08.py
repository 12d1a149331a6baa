"""Lesson 8, persistence: what survives?"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from apscheduler.job import Job
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.schedulers.base import BaseScheduler
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
PATIENCE = 15  # seconds for an answer between processes; one that is well needs none, on a busy machine two


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
    paused. A schedule that is there with this hour stays as it is, paused or due; with
    another hour it is changed.
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
    when=lambda seen: seen.lost_due or seen.lost_pause,
)
def always_replace(scheduler, hour):
    options = {"id": "nightly", "replace_existing": True}
    scheduler.add_job(nightly.load_pending, "cron", hour=hour, timezone="UTC", **options)


@one.wrong(
    "The hour was changed from 6 to 7 in the code, and the stored job still runs at 6, after every restart: what is "
    "stored wins, and nobody is told.",
    when=lambda seen: seen.old_hour,
)
def ignore_conflict(scheduler, hour):
    try:
        scheduler.add_job(nightly.load_pending, "cron", hour=hour, timezone="UTC", id="nightly")
    except ConflictingIdError:
        pass


@one.wrong(
    "The hour was changed from 6 to 7, and afterwards there are two jobs: the new one, and the one of 6, which runs "
    "every night as before. Two names are two jobs.",
    when=lambda seen: seen.both_hours,
)
def hour_in_id(scheduler, hour):
    name = f"nightly at {hour}"
    if scheduler.get_job(name) is None:
        scheduler.add_job(nightly.load_pending, "cron", hour=hour, timezone="UTC", id=name)


@one.wrong(
    "The hour was changed from 6 to 7. The stored trigger says 7, and the stored next run still says 6: it is a value "
    "of its own, and nobody has reckoned it anew.",
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
            t.call(scheduler, 6, case=case)
        times = [job["next_run_time"] for job in stored(path)]
        t.true(len(times) == 1, case, f"expected 1 job in the store, found {len(times)}")
        if not times:
            t.stop(case, "")
        if times[0] is None or times[0].astimezone(UTC).strftime("%H:%M:%S") != "06:00:00":
            t.stop(case, f"expected the next run at 06:00:00 UTC, found {times[0]}")

        runs = next_runs(stored(path)[0]["trigger"], hours=72)
        t.seen.runs = sum(run < runs[0] + timedelta(days=1) for run in runs)
        said = ", ".join(f"{run:%H:%M:%S}" for run in runs[:3])
        if len(runs) != 3:
            t.stop(case, f"expected 3 runs in three days, found {len(runs)}: {said}, …")

        case = "a second start in another process, with last night's run still due"
        seen = _value(t, in_child(_second_start, t.answer, path, seconds=DEADLINE), case)
        t.seen.vanished = not seen["found"]
        if t.seen.vanished:
            t.stop(case, "the job was gone as soon as another process looked")
        t.seen.starts, t.seen.jobs = 2, seen["jobs"]
        t.equal(seen["jobs"], 1, f"{case}; the number of jobs")
        t.seen.lost_due = not seen["due"]
        called = t.equal(seen["called"], ["load_pending"], f"{case}; what was called when the scheduler went on")
        if not called and seen["due"] and seen["jobs"] == 1:
            t.stop(case, "")

        case = "a start after somebody paused the schedule"
        with restarted(path) as scheduler:
            for job in scheduler.get_jobs():
                job.pause()
        with restarted(path) as scheduler:
            t.call(scheduler, 6, case=case)
            t.seen.lost_pause = any(job.next_run_time for job in scheduler.get_jobs())
            t.true(not t.seen.lost_pause, case, "the schedule is no longer paused")
            for job in scheduler.get_jobs():
                job.resume()

        case = "a start with hour 7, where 6 is stored"
        with restarted(path) as scheduler:
            t.call(scheduler, 7, case=case)
            jobs = [job for job in scheduler.get_jobs() if job.next_run_time]
            hours = [job.next_run_time.astimezone(UTC).hour for job in jobs]
            coming = [job.trigger.get_next_fire_time(None, datetime.now(UTC)).astimezone(UTC).hour for job in jobs]
        t.seen.both_hours, t.seen.stale_next = sorted(hours) == [6, 7], hours == [6] and coming == [7]
        t.seen.old_hour = 7 not in hours and not t.seen.stale_next
        t.equal(hours, [7], f"{case}; the hours of the next runs")


def _second_start(answer: Callable[..., None], path: Path) -> dict[str, object]:
    """What another process finds; in it last night's run is due, `answer` is called, and the scheduler goes on."""
    scheduler = opened(path, misfire_grace_time=None)
    found = scheduler.get_jobs()
    last_night = (datetime.now(UTC) - timedelta(days=1)).replace(hour=6, minute=0, second=0, microsecond=0)
    for job in found:
        job.modify(next_run_time=last_night)
    answer(scheduler, 6)
    jobs = scheduler.get_jobs()
    due = any(job.next_run_time == last_night for job in jobs)
    run_what_is_due(scheduler)
    return {"found": len(found), "jobs": len(jobs), "due": due, "called": [call.what for call in nightly.calls()]}


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
    "You gave an end to a run that a living process is at work on. Its day would count as pending, and a second run of "
    "the same day would begin beside it.",
    when=lambda seen: seen.got.get(seen.alive) in ("crashed", "succeeded"),
)
def ignores_alive(runs, receipts, is_alive):
    return {
        run["run_id"]: "succeeded" if receipts.get(run["day"]) == run["run_id"] else "crashed"
        for run in runs
        if run["status"] == "running"
    }


@two.wrong(
    "You changed a run that had ended: {was} became {now}. A later run of the same day had replaced its receipt, or "
    "there never was one; what happened then stays as it was.",
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
    when=lambda seen: seen.got.get(seen.reloaded) == "succeeded",
)
def receipt_of_day(runs, receipts, is_alive):
    return {
        run["run_id"]: "succeeded" if run["day"] in receipts else "crashed"
        for run in runs
        if run["status"] == "running" and not is_alive(run["run_id"])
    }


@two.wrong(
    "A run was killed after its commit, and you call it crashed. All its rows are in the warehouse under its receipt; "
    "the history now says that they are not, and alarms somebody at night for nothing.",
    when=lambda seen: seen.got.get(seen.committed) == "crashed",
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


@two.grade
def grade_recover(t: Trial) -> None:
    t.call([], {}, lambda run_id: False, case="a history without runs")
    with home(t.folder), dead_runs() as scene:
        from exercises.tools.dead_runs import ALIVE, COMMITTED, NEVER, RELOADED

        committed, reloaded, never = (scene.of(day) for day in (COMMITTED, RELOADED, NEVER))
        t.seen.committed, t.seen.reloaded, t.seen.alive = committed, reloaded, scene.of(ALIVE)
        case = "seven runs: four dead or alive, three that ended by themselves"
        runs = [dict(run) for run in scene.runs]

        def is_alive(run_id: object) -> bool:
            if not isinstance(run_id, str):
                t.seen.asked = "the whole run" if isinstance(run_id, dict) else show(run_id, 60)
            return isinstance(run_id, str) and scene.is_alive(run_id)

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
    Called again for the same day and attempt, it is still one retry. What else is in the
    store stays.
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
    "The job store was left without a retry. What your process remembered died with it: the day is never tried again.",
    when=lambda seen: seen.forgotten,
)
def timer(scheduler, day, attempt, when):
    seconds = (when - datetime.now(UTC)).total_seconds()
    threading.Timer(max(seconds, 0.5), nightly.load_day, [day, attempt]).start()


@three.wrong(
    "Your retry took the place of the nightly schedule: the job that called load_pending is gone, and after this one "
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
        if child.returncode == 0 or child.returncode is None:
            _value(t, child, case)
        jobs = stored(path)
        names = [str(job["func"]).rpartition(":")[2] for job in jobs]
        t.seen.forgotten = names == ["load_pending"]
        if t.seen.forgotten:
            t.stop(case, "nothing but the nightly schedule is in the store")
        if any(str(job["func"]).startswith("__main__:") for job in jobs):
            t.stop(case, f"the next process cannot import what is stored: {', '.join(names)}")
        if "load_day" not in names:
            t.stop(case, f"no job in the store calls load_day; there are {', '.join(names)}")
        _look_at_times(t, case, jobs, json.loads(Path(t.folder, "due.json").read_text(encoding="utf-8")))
        case = "started again after two of them were due"
        seen = _value(t, in_child(_starts_late, path, seconds=DEADLINE), case)
    t.seen.called, t.seen.late = seen["called"].count("load_day 2013-01-15 2"), seen["late"]
    t.seen.no_schedule = "load_pending" not in seen["left"]
    t.seen.dropped = not any("2013-01-15" in what for what in seen["called"])
    t.seen.replaced = t.seen.replaced or not any("2013-01-16" in what for what in seen["left"])
    if t.seen.called == 1 and seen["weekend"] and "load_day 2013-01-17 2" not in seen["called"]:
        t.seen.late_by = "three days"
    want = ["load_day 2013-01-15 2", "load_day 2013-01-17 2"]
    t.equal(sorted(seen["called"]), want, f"{case}; what was called")
    t.true(not t.seen.no_schedule, case, "the nightly schedule is gone from the store")
    t.true(not t.seen.replaced, case, "the retry of 2013-01-16, due tomorrow, is gone from the store")


def _look_at_times(t: Trial, case: str, jobs: list[dict[str, object]], due: dict[str, str]) -> None:
    """When each of the days is due, and whether it is one time."""
    for day, text in due.items():
        of_day = [job for job in jobs if day in [*map(str, job["args"]), *map(str, job["kwargs"].values())]]
        t.seen.replaced = t.seen.replaced or not of_day
        for job in of_day:
            runs, when = next_runs(job["trigger"], hours=9000, most=2), datetime.fromisoformat(text)
            t.seen.again = runs if len(runs) > 1 else t.seen.again
            stored_for = job["next_run_time"]
            right = stored_for and when.replace(microsecond=0) <= stored_for < when + timedelta(seconds=1)
            if t.seen.again or not right:
                said = f"{stored_for:%Y-%m-%d %H:%M:%S}" if stored_for else "no time at all"
                t.stop(case, f"the retry of {day} is to run at {when:%Y-%m-%d %H:%M:%S} and is stored for {said}")


def _adder(answer: Callable[..., None], path: Path) -> None:
    """Stores a schedule and three retries, one of them twice, and kills itself."""
    scheduler = opened(path)
    options = {"id": "nightly", "misfire_grace_time": None}
    scheduler.add_job(nightly.load_pending, "cron", hour=3, timezone="UTC", **options)
    later = datetime.now(UTC) + timedelta(days=1)
    due = datetime.now(UTC) + timedelta(seconds=1)
    times = {"2013-01-17": due, "2013-01-15": due, "2013-01-16": later}
    said = json.dumps({day: when.isoformat() for day, when in times.items()})
    Path(path.parent, "due.json").write_text(said, encoding="utf-8")
    for day, when in [*times.items(), ("2013-01-15", due)]:
        answer(scheduler, day, 2, when)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _starts_late(path: Path) -> dict[str, object]:
    """Opens the store when two retries are late by more than APScheduler's default of a second; one of them, of 17
    January, is made to be three days late, as after a weekend."""
    due = datetime.fromisoformat(json.loads(Path(path.parent, "due.json").read_text(encoding="utf-8"))["2013-01-15"])
    time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds() + 1.3))
    scheduler = opened(path)
    late = (datetime.now(UTC) - due).total_seconds()
    weekend = [job for job in scheduler.get_jobs() if "2013-01-17" in _words(job)]
    for job in weekend:
        job.modify(next_run_time=due - timedelta(days=3))
    run_what_is_due(scheduler)
    scheduler = opened(path)
    left = [_words(job) for job in scheduler.get_jobs()]
    scheduler.shutdown()
    called = [call.what for call in nightly.calls()]
    return {"called": called, "left": left, "late": late, "weekend": len(weekend)}


def _words(job: Job) -> str:
    return " ".join([job.func.__name__, *map(str, job.args), *map(str, job.kwargs.values())])


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
    "While one process was inside, another one entered, and at that moment no file was locked. Either no lock was "
    "taken, or it was given back too early: a lock ends when its file is closed, and a file that no name holds any "
    "more is closed at once.",
    when=lambda seen: seen.lost,
)
@contextmanager
def lock_lost(path):
    import fcntl

    fcntl.flock(open(path, "w"), fcntl.LOCK_EX | fcntl.LOCK_NB)  # noqa: SIM115
    yield


@four.wrong(
    "While one process was inside and held its lock, another one entered. Either it is a lock that can be "
    "shared, or the second was refused it, and your code went on: whoever catches that error, or does not look at the "
    "answer, has to turn the second away.",
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
    "The process inside was killed, and its file stayed, as files do. Now nobody can enter until a person deletes it "
    "by hand.",
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
    t.do(lambda: _enter(t.answer, path, ValueError("in the block")), case="with an error in the block", allow=True)
    again = t.do(lambda: _enter(t.answer, path), case="after an error in the block", allow=True)
    t.seen.kept = isinstance(again, Raised)
    t.true(not t.seen.kept, "after an error in the block", f"raised {again!r}")
    t.do(lambda: packed(t.answer), case="your function is handed to another process", none=True)
    with talking(_contender, t.answer, path) as a, talking(_contender, t.answer, path) as b:
        if not t.failure:
            _two_processes(t, path, a, b)


def _enter(answer: Callable[..., object], path: Path, error: Exception | None = None) -> None:
    with answer(path):
        if error:
            raise error


def _two_processes(t: Trial, path: Path, a: Talk, b: Talk) -> None:
    case = "a process is inside, another one comes"
    for talk in (a, b):
        talk.hear(60)  # it is there
    first = _try(a)
    if not t.true(first == "in", case, f"the first did not enter: {first or 'it waits'}"):
        return
    second = _try(b)
    t.seen.silent = second is None
    if second == "in":
        _note_two_inside(t, path, a)
    if not t.true(second not in ("in", None), case, "the second entered" if second else "the second waits"):
        return
    a.say("out")
    t.equal(a.hear(), "out", "leaving the block")

    case, t.seen.both, t.seen.rounds, entered = "two processes at the same moment", 0, 10, 0
    for _ in range(t.seen.rounds):
        for talk in (a, b):
            talk.say("enter")
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
    t.seen.left_behind = found != "in"
    if not t.true(found == "in", case, f"it did not enter: {found or 'it waits'}"):
        return
    b.say("out")
    b.hear()

    case = "a file was left that names the id of a living process, and nobody is inside"
    path.write_text(str(os.getpid()), encoding="utf-8")
    found = _try(b)
    t.seen.stranger = found != "in"
    t.true(found == "in", case, f"it did not enter: {found or 'it waits'}")


def _try(talk: Talk, word: str = "enter") -> str | None:
    talk.say(word)
    return talk.hear(PATIENCE)


def _note_two_inside(t: Trial, path: Path, a: Talk) -> None:
    """Two have entered, one after the other: what did the first one take, and is it still taken?"""
    if _try(a, "touched?") == "no":
        t.seen.shares_nothing = True
    elif any(_locked(file) for file in path.parent.iterdir() if file.is_file()):
        t.seen.caught = True
    else:
        t.seen.lost = True


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
        t.seen.nameless = _try(a) == "in"
        t.true(not t.seen.nameless, case, "and then comes back: two are inside")
        b.say("out")
        b.hear()
        if t.seen.nameless:
            a.say("out")
            a.hear()


def _contender(answer: Callable[..., object], path: Path) -> None:
    """Enters and leaves the block as it is told, on a machine that is slow to change files: 50 ms a change.

    Told to enter slowly, it says so when it is about to take its first lock, and waits to be told to go on. Asked in
    the block whether it has touched anything that is not its own, it says yes or no.
    """
    state = {"slowly": False, "touched": False}

    def slow(event: str, args: tuple) -> None:
        changes = event in ("os.mkdir", "os.link", "os.symlink", "os.rename")
        locks = event in ("fcntl.flock", "fcntl.lockf", "msvcrt.locking")
        ours = (event == "open" or changes) and str(path.parent) in str(args[0])
        state["touched"] |= ours or locks or event.startswith(("socket.", "sqlite3."))
        if ours:
            time.sleep(0.05)
        if locks and state["slowly"]:
            state["slowly"] = False
            print(MARK + "at the lock", flush=True)
            input()

    sys.addaudithook(slow)
    print(MARK + "there", flush=True)
    while True:
        state["slowly"] = input() == "enter slowly"
        try:
            with answer(path):
                state["slowly"] = False
                print(MARK + "in", flush=True)
                while input() == "touched?":
                    print(MARK + ("yes" if state["touched"] else "no"), flush=True)
            print(MARK + "out", flush=True)
        except EOFError:
            return
        except Exception as error:
            print(f"{MARK}{type(error).__name__}: {error}".splitlines()[0], flush=True)
