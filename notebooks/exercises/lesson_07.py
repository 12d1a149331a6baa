"""Lesson 7, schedules: when does it run?"""

from __future__ import annotations

import math
import time as real
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from etl_core.scheduling.simulate import simulate
from exercises.model import Exercise
from exercises.tools.clock import Clock, OverBudget
from exercises.tools.compare import show
from exercises.trial import Raised, Trial

# ---- 7.1 ------------------------------------------------------------------------------------------------------------

one = Exercise(
    "7.1",
    "Start every hour, on the hour",
    none=True,
    seconds=4,
    hints=(
        "When is the next start due? The answer must not depend on how long the last run took, nor on how exactly the "
        "sleep ended.",
        "Keep the first start and count slots: slot n is due at `start + n * period`. After the work, go on with the "
        "first slot that has not passed.",
        "`due = start + timedelta(seconds=slot * period)`; sleep until then if it lies ahead; `try: work()`, "
        "`except Exception`; then `slot = max(slot + 1, math.ceil((now() - start).total_seconds() / period))`.",
    ),
    passed="It is the loop that every scheduler has inside. Others keep the next time in a table; yours is a number.",
)


@one.stub
def run_every(
    period: float,
    work: Callable[[], object],
    now: Callable[[], datetime],
    sleep: Callable[[float], object],
    until: datetime,
) -> None:
    """Call `work()` at once and every `period` seconds after that, before `until`.

    A slot that passes while the work goes on is left out. An error of the work ends that
    run and not the schedule. `now()` gives the time; `sleep(seconds)` waits, and wakes up a
    little late.
    """
    while now() < until:
        work()
        sleep(period)


@one.solution
def run_every(
    period: float,
    work: Callable[[], object],
    now: Callable[[], datetime],
    sleep: Callable[[float], object],
    until: datetime,
) -> None:
    """Call `work()` at once and every `period` seconds after that, before `until`."""
    start, slot = now(), 0
    while (due := start + timedelta(seconds=slot * period)) < until:
        sleep(max(0.0, (due - now()).total_seconds()))
        try:
            work()
        except Exception as error:
            print(f"{due}: {error}")
        slot = max(slot + 1, math.ceil((now() - start).total_seconds() / period))


class Sleepy(Clock):
    """Wakes up 0.2 s late, as a busy machine does, and refuses negative seconds, as `time.sleep` does.

    It gives up (`over`) on a loop that asks IN_A_ROW times without any work or a sleep of a millisecond in between, and
    on one that goes on at `end`.
    """

    IN_A_ROW = 100_000

    def __init__(self, start: datetime, end: datetime) -> None:
        super().__init__(start)
        self.end, self.calls, self.row, self.over = end, 0, 0, False

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        super().sleep(seconds)
        if seconds >= 0.001:
            self.pass_time(0.2)

    def pass_time(self, seconds: float) -> None:
        super().pass_time(seconds)
        self.row = 0
        if self.time > self.end:
            self._count()

    def _count(self) -> None:
        self.calls, self.row = self.calls + 1, self.row + 1
        if self.row > self.IN_A_ROW or self.time > self.end:
            self.over = True
            raise OverBudget("the loop does not come to an end")


@one.wrong(
    "The work failed once, at its third start, and your loop was over: {after} starts in a day. A failed run is an "
    "ordinary thing; a schedule that ends with it is found out days later.",
    when=lambda seen: seen.after,
)
def error_kills_loop(period, work, now, sleep, until):
    due = now()
    while due < until:
        sleep(max(0, (due - now()).total_seconds()))
        work()
        while due <= now():
            due += timedelta(seconds=period)


@one.wrong(
    "Ctrl-C in the middle of the work did not end your loop: it went on to the next run. Whoever wants to stop it has "
    "to kill the process.",
    when=lambda seen: seen.went_on,
)
def bare_except(period, work, now, sleep, until):
    due = now()
    while due < until:
        sleep(max(0, (due - now()).total_seconds()))
        try:
            work()
        except:  # noqa: E722
            pass
        while due <= now():
            due += timedelta(seconds=period)


@one.wrong(
    "The time was up on {until:%d %B at %H:%M}, and on {beyond:%d %B at %H:%M} your loop was still at it, and was "
    "stopped. Whoever called it is still waiting.",
    when=lambda seen: seen.beyond,
)
def never_ends(period, work, now, sleep, until):
    start = now()
    while True:
        try:
            work()
        except Exception as error:
            print(error)
        sleep(period - (now() - start).total_seconds() % period)


@one.wrong(
    "Your loop never called `sleep`. The work takes 40 seconds, and it was started {times} times in the first hour: "
    "what is due later is done at once.",
    when=lambda seen: seen.times and not seen.sleeps,
)
def never_sleeps(period, work, now, sleep, until):
    start, slot = now(), 0
    while start + timedelta(seconds=slot * period) < until:
        try:
            work()
        except Exception as error:
            print(error)
        slot = max(slot + 1, math.ceil((now() - start).total_seconds() / period))


@one.wrong(
    "In the first hour your loop started its work {times} times, and all its sleeps were of 0 seconds: whenever a run "
    "was done, what it waits for had come already.",
    when=lambda seen: seen.times and seen.sleeps and not seen.slept,
)
def same_slot_again(period, work, now, sleep, until):
    start = now()
    while now() < until:
        try:
            work()
        except Exception as error:
            print(error)
        due = start + math.floor((now() - start).total_seconds() / period) * timedelta(seconds=period)
        sleep(max(0, (due - now()).total_seconds()))


@one.wrong(
    "The run that failed was started again at once, in the same slot. Whether to try again, when, and how often, is "
    "the business of retries; work whose network is away fails again at once.",
    when=lambda seen: seen.again,
)
def retries_at_once(period, work, now, sleep, until):
    start = now()
    while now() < until:
        while True:
            try:
                work()
                break
            except Exception as error:
                print(error)
        sleep(period - (now() - start).total_seconds() % period)


@one.wrong(
    "Your loop really waits, by a sleep of its own, and was stopped after a few seconds. The `sleep` that it was given "
    "was not called: nobody can try your loop without sitting through its month.",
    when=lambda seen: seen.waits,
)
def sleeps_itself(period, work, now, sleep, until):
    start, slot = now(), 0
    while (due := start + timedelta(seconds=slot * period)) < until:
        real.sleep(max(0.0, (due - now()).total_seconds()))
        try:
            work()
        except Exception as error:
            print(error)
        slot = max(slot + 1, math.ceil((now() - start).total_seconds() / period))


@one.wrong(
    "Your loop asked for the time {row:,} times in a row, with no sleep of as much as a millisecond in between, and "
    "was stopped. On a machine, that keeps a processor core busy.",
    when=lambda seen: seen.row,
)
def busy_wait(period, work, now, sleep, until):
    due = now()
    while now() < until:
        if now() >= due:
            try:
                work()
            except Exception:
                pass
            while due <= now():
                due += timedelta(seconds=period)


@one.wrong(
    "Your first start comes one period late, an hour after the loop began. With a daily schedule that is a day in "
    "which nobody knows whether it works.",
    when=lambda seen: abs(seen.first - HOUR) < timedelta(seconds=2),
)
def waits_first(period, work, now, sleep, until):
    due = now() + timedelta(seconds=period)
    while due < until:
        sleep(max(0, (due - now()).total_seconds()))
        try:
            work()
        except Exception as error:
            print(error)
        while due <= now():
            due += timedelta(seconds=period)


@one.wrong(
    "Your loop leaves out slots that it could have run: from each start to the next it is {skips} hours, and the work "
    "takes 40 seconds. In {days} days that is {starts} starts of {slots}.",
    when=lambda seen: seen.skips,
)
def skips_a_slot(period, work, now, sleep, until):
    start, slot = now(), 0
    while (due := start + timedelta(seconds=slot * period)) < until:
        sleep(max(0.0, (due - now()).total_seconds()))
        try:
            work()
        except Exception as error:
            print(error)
        slot = math.ceil((now() - start).total_seconds() / period) + 1


@one.wrong(
    "In {days} days your loop started {starts} times, not {slots} times, and the last start came {off:.0f} minutes "
    "behind its slot. The pause begins when the work has ended, so the length of every run is added to the period.",
    when=lambda seen: seen.longer == 40,
)
def sleep_period(period, work, now, sleep, until):
    while now() < until:
        try:
            work()
        except Exception as error:
            print(error)
        sleep(period)


@one.wrong(
    "The work is taken off the sleep, and still the starts move: after {days} days they are {off:.1f} minutes behind. "
    "Each start is reckoned from the one before, and each sleep ends a little late; so what is late stays late.",
    when=lambda seen: seen.longer == 0 and seen.off > 0.1,
)
def reckons_from_last(period, work, now, sleep, until):
    while now() < until:
        began = now()
        try:
            work()
        except Exception as error:
            print(error)
        took = (now() - began).total_seconds()
        while took > period:
            took -= period
        sleep(period - took)


@one.wrong(
    "When a run had taken four and a half hours, your loop made {queued} starts one after the other, for slots that "
    "had passed. With 90 minutes of work an hour it falls further behind each time: its last start came {behind:,.0f} "
    "hours after its slot.",
    when=lambda seen: seen.queued and seen.behind and seen.behind > 1,
)
def burst(period, work, now, sleep, until):
    due = now()
    while due < until and now() < until:
        sleep(max(0, (due - now()).total_seconds()))
        try:
            work()
        except Exception as error:
            print(error)
        due += timedelta(seconds=period)


@one.right
def adds_until_ahead(period, work, now, sleep, until):
    due = now()
    while due < until:
        wait = (due - now()).total_seconds()
        if wait > 0:
            sleep(wait)
        try:
            work()
        except Exception:
            pass
        due += timedelta(seconds=period)
        while due < now():
            due += timedelta(seconds=period)


@one.right
def by_remainder(period, work, now, sleep, until):
    start = now()
    while now() < until:
        try:
            work()
        except Exception as error:
            print(error)
        sleep(period - (now() - start).total_seconds() % period)


@one.right
def in_slices_of_a_second(period, work, now, sleep, until):
    due, step = now(), timedelta(seconds=period)
    while due < until:
        while (left := (due - now()).total_seconds()) > 0:
            sleep(min(left, 1))
        try:
            work()
        except Exception as error:
            print(error)
        due += step * max(1, math.ceil((now() - due) / step))


@one.right
def out_of_a_list(period, work, now, sleep, until):
    start, last = now(), None
    grid = [start + timedelta(seconds=n * period) for n in range(math.ceil((until - start).total_seconds() / period))]
    while left := [slot for slot in grid if slot >= now() and slot != last]:
        last = left[0]
        sleep((last - now()).total_seconds())
        try:
            work()
        except Exception as error:
            print(error)


FIRST, HOUR = datetime(2013, 1, 1, 6, 17, tzinfo=UTC), timedelta(hours=1)


@one.grade
def grade_run_every(t: Trial) -> None:
    hours, late = [n * HOUR for n in range(720)], timedelta(minutes=30)
    case = "a day, each hour, 40 seconds of work"
    starts, clock, _ = _started(t, case, 1)
    t.seen.first = starts[0] - FIRST if starts else None
    soon = sum(start < FIRST + HOUR - timedelta(seconds=2) for start in starts)
    t.seen.times = soon if soon > 1 else None
    t.seen.sleeps, t.seen.slept = len(clock.slept), sum(clock.slept)
    _expect(t, case, starts, hours[:24])

    t.seen.days = days = 30 if clock.calls < 20_000 else 2  # not a month of waking up each second: it takes too long
    case = f"{days} days, each hour, 40 seconds of work"
    starts, _, _ = _started(t, case, days)
    t.seen.starts, t.seen.slots = len(starts), 24 * days
    t.seen.off = (starts[-1] - FIRST - (len(starts) - 1) * HOUR).total_seconds() / 60 if starts else None
    gaps = [(b - a).total_seconds() - 3600 for a, b in pairwise(starts)]
    t.seen.longer = next((n for n in (0, 40) if gaps and all(0.1 < gap - n < 2 for gap in gaps)), None)
    skips = {round(gap / 3600) + 1 for gap in gaps if abs(gap - 3600 * round(gap / 3600)) < 2}
    t.seen.skips = min(skips) if len(skips) == 1 and min(skips) > 1 and min(gaps) > 3500 else None
    _expect(t, case, starts, hours[: 24 * days])
    on_time = not t.failure

    case = f"{days} days, each hour, 90 minutes of work"
    starts, _, _ = _started(t, case, days, seconds=5400)
    t.seen.behind = (starts[-1] - FIRST - (len(starts) - 1) * HOUR) / HOUR if starts else None
    _expect(t, case, starts, hours[: 24 * days : 2])

    case = "a day in which the second run takes four and a half hours"
    starts, _, _ = _started(t, case, 1, second=4.5 * 3600)
    at_once = [start for start in starts if timedelta() <= start - FIRST - 5.5 * HOUR < late - timedelta(seconds=2)]
    t.seen.queued = len(at_once) if on_time and len(at_once) > 2 else None
    _expect(t, case, starts, hours[:2] + hours[6:24])

    case = "a day in which the third run fails"
    starts, _, _ = _started(t, case, 1, error=ConnectionError("the network is away"))
    t.seen.after = len(starts) if len(starts) == 3 else None
    short = [n for n, (a, b) in enumerate(pairwise(starts), 1) if b - a < late]
    t.seen.again = short == [3]
    _expect(t, case, starts, hours[:24])

    case = "Ctrl-C in the third run"
    starts, _, found = _started(t, case, 1, error=KeyboardInterrupt())
    t.seen.went_on = len(starts) > 3
    t.true(isinstance(found, Raised), case, "expected KeyboardInterrupt to get out")

    case = "2 days, every 26 hours, 40 seconds of work"
    starts, _, _ = _started(t, case, 2, period=26)
    _expect(t, case, starts, hours[:48:26])


def _started(
    t: Trial,
    case: str,
    days: int,
    seconds: float = 40,
    second: float | None = None,
    period: int = 1,
    error: BaseException | None = None,
) -> tuple[list[datetime], Sleepy, Any]:
    """When the answer started its work, the clock that it used, and what it returned or raised. The work takes
    `seconds`, its second run `second`; its third one may fail. The period is in hours."""
    until = FIRST + timedelta(days=days)
    clock, starts = Sleepy(FIRST, until + timedelta(days=days) + 3 * period * HOUR), []

    def work() -> None:
        starts.append(clock.time)
        clock.pass_time(second if second and len(starts) == 2 else seconds)
        if error and len(starts) == 3:
            raise error

    allowed = (OverBudget, type(error)) if error else OverBudget
    began, worked = real.perf_counter(), real.thread_time()
    try:
        found = t.call(3600.0 * period, work, clock.now, clock.sleep, until, case=case, allow=allowed)
    finally:
        took, worked = real.perf_counter() - began, real.thread_time() - worked
        t.seen.waits = t.seen.endless and not clock.slept and worked < took / 10
    if clock.over:
        t.seen.until, t.seen.row = until, clock.row - 1 if clock.row > clock.IN_A_ROW else None
        t.seen.beyond = clock.time if clock.time > clock.end else None
        t.stop(case, f"{clock.calls:,} calls of now() and sleep() for {len(starts):,} starts")
    return starts, clock, found


def _expect(t: Trial, case: str, starts: list[datetime], slots: list[timedelta]) -> None:
    """A start at each slot, with two seconds to spare."""
    for n, (start, slot) in enumerate(zip(starts, slots, strict=False), 1):
        if abs(start - FIRST - slot) >= timedelta(seconds=2):
            due, came = (f"{at:%d %B %H:%M:%S}" for at in (FIRST + slot, start))
            t.fail(case, f"start {n} was due at {due} and came at {came}")
    t.equal(len(starts), len(slots), f"{case}; how often it started")


# ---- 7.2 ------------------------------------------------------------------------------------------------------------

two = Exercise(
    "7.2",
    "Wake up late",
    hints=(
        "First: which slots have come since? Then: what do coalescing and grace leave of them?",
        "Coalescing keeps the newest one. Grace is asked of each slot by itself: how late is this one? `None` means "
        "that nothing is too late.",
        "Collect `next_run`, `next_run + every`, … while they are `<= now`; `due = due[-1:]` if coalesce; keep a slot "
        "if `grace is None or now - slot <= grace`.",
    ),
    passed="Two lines of policy decide what a weekend without power does. APScheduler has the same two.",
)


@two.stub
def slots(
    next_run: datetime,
    every: timedelta,
    now: datetime,
    grace: timedelta | None,
    coalesce: bool,
) -> list[datetime]:
    """The slots to run, oldest first, by a scheduler that wakes up at `now`.

    Slots are due at `next_run`, `next_run + every`, and so on. One that is later than
    `grace` is not run; with None nothing is too late. With `coalesce`, of several due slots
    only the newest counts, and the others are dropped.
    """
    ...  # your code here


@two.solution
def slots(
    next_run: datetime,
    every: timedelta,
    now: datetime,
    grace: timedelta | None,
    coalesce: bool,
) -> list[datetime]:
    """The slots to run, oldest first, by a scheduler that wakes up at `now`."""
    due = []
    while next_run <= now:
        due.append(next_run)
        next_run += every
    if coalesce:
        due = due[-1:]
    return [slot for slot in due if grace is None or now - slot <= grace]


def _due(next_run, every, now):
    return [next_run + n * every for n in range(1000) if next_run + n * every <= now]


@two.wrong(
    "Five slots had passed, and the newest of them, a quarter of an hour ago, is not in your list. With coalesce it is "
    "the one that stands for all; and a scheduler that wakes up in time finds nothing to run.",
    when=lambda seen: seen.without_newest and seen.without_now,
)
def ends_before_newest(next_run, every, now, grace, coalesce):
    due = [next_run + n * every for n in range((now - next_run) // every)]
    return [slot for slot in due[-1 if coalesce else 0 :] if grace is None or now - slot <= grace]


@two.wrong(
    "Five slots had passed, and the first of them, at `next_run` itself, is not in your list. If a scheduler wakes up "
    "in time there is no other one: it would never run anything.",
    when=lambda seen: seen.without_first and seen.without_now,
)
def begins_after_next_run(next_run, every, now, grace, coalesce):
    due = _due(next_run + every, every, now)[-1 if coalesce else 0 :]
    return [slot for slot in due if grace is None or now - slot <= grace]


@two.wrong(
    "With a grace of None nothing ran that was late. None does not mean no tolerance, it means no limit; with you a "
    "scheduler that slept for a minute leaves out its run and says nothing.",
    when=lambda seen: seen.none_ran and seen.tolerant,
)
def none_is_zero(next_run, every, now, grace, coalesce):
    due = _due(next_run, every, now)[-1 if coalesce else 0 :]
    return [slot for slot in due if now - slot <= (grace or timedelta())]


@two.wrong(
    "One slot that was too old made you drop all of them, those that were still in time included. The longer the "
    "outage, the less runs after it: after a long one, nothing.",
    when=lambda seen: seen.condemned and seen.collects,
)
def grace_from_first(next_run, every, now, grace, coalesce):
    due = _due(next_run, every, now)
    if due and grace is not None and now - due[0] > grace:
        return []
    return due[-1 if coalesce else 0 :]


@two.wrong(
    "With coalesce, of several due slots you run the oldest. It is the latest of all, so it is the first to be beyond "
    "its grace, and the run counts as that of a time long past.",
    when=lambda seen: seen.kept_first,
)
def coalesce_first(next_run, every, now, grace, coalesce):
    due = [slot for slot in _due(next_run, every, now) if grace is None or now - slot <= grace]
    return due[:1] if coalesce else due


@two.wrong(
    "Your run counts as that of {now:%H:%M}, when the scheduler woke up. A run belongs to the time it was scheduled "
    "for; who asks later which slot was done finds none.",
    when=lambda seen: seen.now,
)
def counts_as_now(next_run, every, now, grace, coalesce):
    due = [slot for slot in _due(next_run, every, now) if grace is None or now - slot <= grace]
    return [now] if due and coalesce else due


@two.wrong(
    "With coalesce you still run {many} slots. After a long outage a job that would have caught up in one run is "
    "started {many} times in a row.",
    when=lambda seen: seen.many,
)
def never_coalesces(next_run, every, now, grace, coalesce):
    return [slot for slot in _due(next_run, every, now) if grace is None or now - slot <= grace]


@two.wrong(
    "You run a slot that is {late} late, with a grace of {limit}. What should happen at six and at no other time, a "
    "report or a backup before the working day, happens at noon.",
    when=lambda seen: seen.late and not seen.kept_first,
)
def ignores_grace(next_run, every, now, grace, coalesce):
    return _due(next_run, every, now)[-1 if coalesce else 0 :]


@two.wrong(
    "A slot that is due at this very moment is not in your list. A scheduler sleeps until a slot is due and then asks: "
    "with you it finds nothing, each time.",
    when=lambda seen: seen.without_now and seen.collects,
)
def excludes_now(next_run, every, now, grace, coalesce):
    due = [slot for slot in _due(next_run, every, now) if slot < now]
    return [slot for slot in due[-1 if coalesce else 0 :] if grace is None or now - slot <= grace]


@two.right
def by_arithmetic(next_run, every, now, grace, coalesce):
    last = (now - next_run) // every
    first = max(0, last) if coalesce else 0
    found = [next_run + n * every for n in range(first, last + 1)]
    return found if grace is None else [slot for slot in found if slot + grace >= now]


@two.right
def grace_before_coalesce(next_run, every, now, grace, coalesce):
    due = [slot for slot in _due(next_run, every, now) if grace is None or now - slot <= grace]
    return due[-1:] if coalesce else due


@two.grade
def grade_slots(t: Trial) -> None:
    hour, day, noon = timedelta(hours=1), timedelta(days=1), datetime(2013, 1, 15, 12, tzinfo=UTC)
    wakes = {
        "before the first slot": noon - timedelta(minutes=5),
        "at the moment of a slot": noon,
        "30 minutes after a slot": noon + timedelta(minutes=30),
        "after five slots, 15 minutes after the last": noon + timedelta(hours=4, minutes=15),
    }
    graces = (None, timedelta(seconds=1), timedelta(minutes=30), timedelta(hours=2))
    tries = [(*wake, hour, grace) for wake in wakes.items() for grace in graces]
    tries += [("30 minutes after a slot", noon + timedelta(minutes=30), hour, timedelta())]
    tries += [("an hour after the third daily slot", noon + 2 * day + hour, day, grace) for grace in (2 * hour, day)]
    for words, now, every, grace in tries:
        for coalesce in (False, True):
            case = f"waking up {words}; grace {grace}, coalesce {coalesce}"
            given = (noon, every, now, grace, coalesce)
            want = in_apscheduler(*given) if grace != timedelta() else []  # APScheduler takes no grace of zero
            found = t.call(*given, case=case)
            if not isinstance(found, list | tuple):
                t.stop(case, f"expected a list, got {show(found)}")
            right = t.equal(found, want, case)
            if now < noon and not right:
                t.stop(case, "")
            if every == hour:
                _note_slots(t, found, want, now, grace, coalesce, noon)


def in_apscheduler(
    first: datetime, every: timedelta, now: datetime, grace: timedelta | None, coalesce: bool
) -> list[datetime]:
    """What APScheduler runs of a schedule if it is down until `now`, tried in virtual time."""
    frame = simulate(
        {"a": every.total_seconds()},
        start=first - every,
        end=now + timedelta(microseconds=1),
        outages=[(first - every, now)],
        misfire_grace=None if grace is None else int(grace.total_seconds()),
        coalesce=coalesce,
    )
    return [scheduled.to_pydatetime() for scheduled in frame[frame.outcome == "ran"].scheduled]


def _note_slots(
    t: Trial,
    found: Any,
    want: list[datetime],
    now: datetime,
    grace: timedelta | None,
    coalesce: bool,
    first: datetime,
) -> None:
    oldest = first if grace is None else max(first, now - grace)
    if len(want) > 1 and grace is None:
        t.seen.collects, t.seen.none_ran = list(found) == want, not found
        t.seen.without_first, t.seen.without_newest = list(found) == want[1:], list(found) == want[:-1]
    t.seen.tolerant = t.seen.tolerant or (grace and now > first and found)
    t.seen.condemned = t.seen.condemned or (not coalesce and want and first < oldest and not found)
    t.seen.kept_first = t.seen.kept_first or (coalesce and len(found) == 1 and oldest <= found[0] < want[-1])
    t.seen.now = now if now in found and now not in want else t.seen.now
    t.seen.many = max(t.seen.many or 0, len(found)) if coalesce and len(found) > 1 else t.seen.many
    if grace is not None and not coalesce and any(now - slot > grace for slot in found):
        t.seen.late, t.seen.limit = now - min(found), grace
    t.seen.without_now = t.seen.without_now or (want[-1:] == [now] and now not in found)


# ---- 7.3 ------------------------------------------------------------------------------------------------------------

three = Exercise(
    "7.3",
    "Find the day that is complete",
    hints=(
        "Whose day is it? The tick is an instant; the day is what a calendar on a wall in that zone shows.",
        "Get the calendar day of the tick in that zone. The interval lies between two midnights of that zone, and what "
        "lies between them is not always 24 hours.",
        "`today = tick.astimezone(zone).date()`; `datetime.combine(day, time(), zone)` is the midnight at which a day "
        "begins.",
    ),
    passed="Half-open, from local midnight to local midnight: no flight is in two days, and none is in no day.",
)


@three.stub
def interval_of(tick: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The last day of `zone` that is over at `tick`: its start, and its end (exclusive).

    `tick` is an instant (aware, in any zone); so are both results.
    """
    ...  # your code here


@three.solution
def interval_of(tick: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The last day of `zone` that is over at `tick`: its start and its end."""
    today = tick.astimezone(zone).date()
    yesterday = today - timedelta(days=1)
    return datetime.combine(yesterday, time(), zone), datetime.combine(today, time(), zone)


def _midnight(day, zone):
    return datetime.combine(day, time(), zone)


@three.wrong(
    "For a tick at six in the morning you give the day of the tick, of which six hours have passed. It loads a quarter "
    "of a day, finds it done, and nobody loads the rest.",
    when=lambda seen: seen.six == "the day of the tick",
)
def day_of_tick(tick, zone):
    today = tick.astimezone(zone).date()
    return _midnight(today, zone), _midnight(today + timedelta(days=1), zone)


@three.wrong(
    "Your day begins at midnight in Greenwich. In New York that is seven or eight in the evening: what leaves later "
    "than that counts to the day after.",
    when=lambda seen: seen.six == "a day of UTC",
)
def utc_day(tick, zone):
    today = tick.astimezone(UTC).date()
    return _midnight(today - timedelta(days=1), UTC), _midnight(today, UTC)


@three.wrong(
    "For the same instant, once written in New York's time and once in UTC, you give two different days. The day is "
    "that of the zone you were given; in which zone the tick is written says nothing.",
    when=lambda seen: seen.two_days,
)
def zone_of_tick(tick, zone):
    midnight = tick.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=1), midnight


@three.wrong(
    "You end the day at {end:%H:%M:%S}. The end is the midnight at which the next day begins, and is not part of it: "
    "so nothing can fall between the two, and nothing is in both.",
    when=lambda seen: seen.end is not None,
)
def end_inclusive(tick, zone):
    today = tick.astimezone(zone).date()
    return _midnight(today - timedelta(days=1), zone), _midnight(today, zone) - timedelta(seconds=1)


@three.wrong(
    "Your dates have no time zone, so nobody can tell which instants they are: the midnight of New York, of London, or "
    "of the machine that happens to run this.",
    when=lambda seen: seen.naive,
)
def without_zone(tick, zone):
    today = tick.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return today - timedelta(days=1), today


@three.wrong(
    "Your interval is the 24 hours before the tick. A tick that comes an hour late then loads another day, with an "
    "hour of today in it and without one of yesterday.",
    when=lambda seen: seen.six == "24 hours to the tick",
)
def since_yesterday_now(tick, zone):
    return tick - timedelta(hours=24), tick


@three.wrong(
    "On {day:%d %B} your day has 24 hours, and in New York it had {hours:g}: clocks were changed that night. An hour "
    "of flights is in two of your days, or in none.",
    when=lambda seen: seen.hours,
)
def minus_24h(tick, zone):
    end = _midnight(tick.astimezone(zone).date(), zone).astimezone(UTC)
    return end - timedelta(hours=24), end


@three.wrong(
    "For a tick at 00:00:00 you go back one day too far. The day has just ended: its end is not part of it, so it is "
    "complete.",
    when=lambda seen: seen.too_far,
)
def midnight_is_yesterday(tick, zone):
    today = (tick - timedelta(microseconds=1)).astimezone(zone).date()
    return _midnight(today - timedelta(days=1), zone), _midnight(today, zone)


@three.wrong(
    "A tick at 02:00 UTC on 16 January is one at nine in the evening of the 15th in New York. You give the 15th, which "
    "is not over there. The calendar that counts is that of the zone.",
    when=lambda seen: seen.label,
)
def replaces_zone(tick, zone):
    midnight = tick.replace(tzinfo=zone, hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=1), midnight


@three.wrong(
    "For {at} in New York you give the wrong day: {gave:%d %B}. 24 hours before that, the clock on the wall shows "
    "another hour, because clocks were changed in between; so near to midnight that is another day. Go back by days of "
    "the calendar, not by hours.",
    when=lambda seen: seen.at,
)
def a_day_back_first(tick, zone):
    day = (tick.astimezone(UTC) - timedelta(days=1)).astimezone(zone).date()
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


@three.wrong(
    "For a tick a quarter of a second after six your day begins a quarter of a second after midnight: {start}. A tick "
    "is never quite on time, and a midnight is; what of a flight between the two?",
    when=lambda seen: seen.start,
)
def keeps_microseconds(tick, zone):
    midnight = tick.astimezone(zone).replace(hour=0, minute=0, second=0, fold=0)
    return midnight - timedelta(days=1), midnight


@three.right
def by_replace(tick, zone):
    midnight = tick.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return midnight - timedelta(days=1), midnight


@three.right
def with_pandas(tick, zone):
    import pandas as pd

    midnight = pd.Timestamp(tick).tz_convert(zone).normalize()
    return midnight - pd.DateOffset(days=1), midnight


@three.right
def in_utc(tick, zone):
    start, end = interval_of(tick, zone)
    return start.astimezone(UTC), end.astimezone(UTC)


@three.grade
def grade_interval_of(t: Trial) -> None:
    new_york = ZoneInfo("America/New_York")
    cases = {  # words -> tick, the day that is complete, zone
        "a tick at 06:00 in New York": (datetime(2013, 1, 16, 6, tzinfo=new_york), date(2013, 1, 15), new_york),
        "the same tick, given in UTC": (datetime(2013, 1, 16, 11, tzinfo=UTC), date(2013, 1, 15), new_york),
        "a tick at 00:00:00 in New York": (datetime(2013, 1, 16, tzinfo=new_york), date(2013, 1, 15), new_york),
        "a tick at 02:00 UTC, which is evening in New York": (
            datetime(2013, 1, 16, 2, tzinfo=UTC),
            date(2013, 1, 14),
            new_york,
        ),
        "the day of 23 hours": (datetime(2013, 3, 11, 6, tzinfo=new_york), date(2013, 3, 10), new_york),
        "the day after it": (datetime(2013, 3, 12, 6, tzinfo=new_york), date(2013, 3, 11), new_york),
        "the day of 25 hours": (datetime(2013, 11, 4, 6, tzinfo=new_york), date(2013, 11, 3), new_york),
        "a tick in the hour that comes twice": (
            datetime(2013, 11, 3, 1, 30, fold=1, tzinfo=new_york),
            date(2013, 11, 2),
            new_york,
        ),
        "a tick at 00:30 on 11 March, the day after clocks were changed, given in UTC": (
            datetime(2013, 3, 11, 4, 30, tzinfo=UTC),
            date(2013, 3, 10),
            new_york,
        ),
        "a tick at 23:30 on 3 November, the day on which clocks were changed, given in UTC": (
            datetime(2013, 11, 4, 4, 30, tzinfo=UTC),
            date(2013, 11, 2),
            new_york,
        ),
        "a tick a quarter of a second after 06:00 in New York": (
            datetime(2013, 1, 16, 6, microsecond=250_000, tzinfo=new_york),
            date(2013, 1, 15),
            new_york,
        ),
        "a tick at 06:00 in Tokyo": (
            datetime(2013, 1, 16, 6, tzinfo=ZoneInfo("Asia/Tokyo")),
            date(2013, 1, 15),
            ZoneInfo("Asia/Tokyo"),
        ),
    }
    for case, (tick, day, zone) in cases.items():
        found = t.call(tick, zone, case=case)
        want = (_midnight(day, zone), _midnight(day + timedelta(days=1), zone))
        if not isinstance(found, tuple | list) or len(found) != 2 or not all(isinstance(x, datetime) for x in found):
            t.stop(case, f"expected a pair of datetimes, got {show(found)}")
        if any(x.tzinfo is None for x in found):
            t.seen.naive = True
            t.stop(case, f"got {show(found[0])}, which has no time zone")
        got = [x.astimezone(UTC) for x in found]
        right = [x.astimezone(UTC) for x in want]
        for name, a, b in zip(("start", "end"), got, right, strict=True):
            t.true(
                a == b, f"{case}; the {name}", f"expected {show(b.astimezone(zone))}, got {show(a.astimezone(zone))}"
            )
        _note_interval(t, case, tick, zone, got, right)


def _note_interval(t: Trial, case: str, tick: datetime, zone: ZoneInfo, got: list, right: list) -> None:
    length = right[1] - right[0]
    if case == "a tick at 06:00 in New York":
        kinds = {"the day of the tick": (right[1], right[1] + length), "24 hours to the tick": (tick - length, tick)}
        t.seen.six = next((name for name, pair in kinds.items() if list(pair) == got), None)
        t.seen.right = got == right
        if t.seen.six is None and got[0] != right[0] and all(x.time() == time() for x in got):
            t.seen.six = "a day of UTC"
    if timedelta() < right[1] - got[1] <= timedelta(seconds=1):
        t.seen.end = got[1].astimezone(zone)
    one_right = got[0] == right[0] or got[1] == right[1]
    if one_right and got[1] - got[0] == timedelta(hours=24) != length:
        t.seen.day, t.seen.hours = right[0].astimezone(zone), length.total_seconds() / 3600
    local = [x.astimezone(zone) for x in got]
    if t.seen.right and "0 on" in case and local[0].time() == time() and got[0] != right[0] and not t.seen.at:
        t.seen.at, t.seen.gave = case[len("a tick at ") :].partition(",")[0], local[0]
    if t.seen.right and "02:00 UTC" in case:
        t.seen.label = local == [_midnight(tick.date() - timedelta(days=1), zone), _midnight(tick.date(), zone)]
    if "quarter" in case and all(a - b == timedelta(milliseconds=250) for a, b in zip(got, right, strict=True)):
        t.seen.start = got[0].astimezone(zone).strftime("%H:%M:%S.%f")[:-4]
    if t.seen.right:
        t.seen.two_days = t.seen.two_days or ("the same tick" in case and got != right)
        t.seen.too_far = t.seen.too_far or ("00:00:00" in case and got[1] == right[0])


# ---- 7.4 ------------------------------------------------------------------------------------------------------------

four = Exercise(
    "7.4",
    "A tick that loads what is there to load",
    star=True,
    none=True,
    hints=(
        "The day of the tick plays no part. Which days have landed, and are not loaded in the form in which they lie "
        "there now?",
        "Of those leave out what has been given up: this day with this content. Take the oldest, as many as the limit "
        "allows. What fails has been tried, and the next one's turn comes.",
        "`todo = sorted(day for day, found in landed.items() if receipts.get(day) != found and (day, found) not in "
        "given_up)`; then `for day in todo[:limit]:` with a `try` around `run_one(day)`.",
    ),
    passed="Ticks may be missed, doubled or late: what to do is read from state each time, and nothing is lost.",
)


@four.stub
def tick(
    landed: dict[date, str],
    receipts: dict[date, str],
    given_up: set[tuple[date, str]],
    run_one: Callable[[date], object],
    limit: int,
) -> None:
    """Load what there is to load, oldest first, with `run_one(day)`, at most `limit` times.

    `landed`: day -> content hash of what lies there. `receipts`: day -> content hash of
    what was loaded. `given_up`: pairs (day, content hash) that failed for good. All three
    are kept by others, and a tick only reads them. `run_one` raises an error where a day
    fails; a tick survives that.
    """
    ...  # your code here


@four.solution
def tick(
    landed: dict[date, str],
    receipts: dict[date, str],
    given_up: set[tuple[date, str]],
    run_one: Callable[[date], object],
    limit: int,
) -> None:
    """Load what there is to load, oldest first, at most `limit` days."""
    pending = [day for day, found in landed.items() if receipts.get(day) != found]
    todo = [day for day in sorted(pending) if (day, landed[day]) not in given_up]
    for day in todo[:limit]:
        try:
            run_one(day)
        except Exception as error:
            print(f"{day}: {error}")


def _todo(landed, receipts, given_up):
    return sorted(d for d, found in landed.items() if receipts.get(d) != found and (d, found) not in given_up)


@four.wrong(
    "After the outage {count} days are missing for good, and no run of theirs has failed. Your tick loads the newest "
    "day; those whose ticks did not happen are nobody's.",
    when=lambda seen: seen.count and 3 < seen.count < 10 and not seen.older,
)
def yesterday_only(landed, receipts, given_up, run_one, limit):
    day = max(landed, default=None)
    if day and receipts.get(day) != landed[day] and (day, landed[day]) not in given_up:
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "{again:%d %B} failed and was tried {tries} times within one tick. Whether and when to try again is the business "
    "of retries; a tick that insists holds up the days behind it.",
    when=lambda seen: seen.again,
)
def insists(landed, receipts, given_up, run_one, limit):
    for day in _todo(landed, receipts, given_up)[:limit]:
        for _ in range(3):
            try:
                run_one(day)
                break
            except Exception:
                pass


@four.wrong(
    "5 January had been given up, and with a limit of one day a tick it was tried again at {starved} ticks, as the "
    "only one. As long as it fails, no other day is loaded.",
    when=lambda seen: seen.starved > 2,
)
def retries_given_up(landed, receipts, given_up, run_one, limit):
    for day in sorted(d for d, found in landed.items() if receipts.get(d) != found)[:limit]:
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "With a limit of 31 days a tick all was well; with a limit of one, nothing was tried any more at {idle} ticks, "
    "though nothing had been given up. The day that is loaded already still takes a place.",
    when=lambda seen: seen.enough and seen.idle > 20,
)
def limits_first(landed, receipts, given_up, run_one, limit):
    for day in sorted(landed)[:limit]:
        if receipts.get(day) == landed[day] or (day, landed[day]) in given_up:
            continue
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "5 January was given up, and it still takes a place among those that the limit allows: with a limit of one day a "
    "tick, nothing was tried any more at {stuck} ticks.",
    when=lambda seen: seen.enough and seen.stuck > 4 and not seen.beyond,
)
def given_up_takes_a_place(landed, receipts, given_up, run_one, limit):
    for day in sorted(day for day, found in landed.items() if receipts.get(day) != found)[:limit]:
        if (day, landed[day]) in given_up:
            continue
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "{many} days were to be loaded, the limit was {limit}, and your tick tried {few}. A limit is how many a tick may "
    "try: after an outage of a month, a tick that does less than it may takes weeks to make up for it.",
    when=lambda seen: seen.few,
)
def one_a_tick(landed, receipts, given_up, run_one, limit):
    for day in _todo(landed, receipts, given_up)[:1]:
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "One day failed, and those after it were not tried at that tick, or the error went on to the scheduler. Days do "
    "not depend on each other: one bad file holds up all the others.",
    when=lambda seen: seen.stopped,
)
def stops_at_failure(landed, receipts, given_up, run_one, limit):
    for day in _todo(landed, receipts, given_up)[:limit]:
        run_one(day)


@four.wrong(
    "With a limit of {limit} your tick tried {tried} days. The limit is how many it may try, those that fail included: "
    "without it, a tick after a long outage works for hours, and everything else waits.",
    when=lambda seen: seen.tried,
)
def unlimited(landed, receipts, given_up, run_one, limit):
    for day in _todo(landed, receipts, given_up):
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "A corrected file of 5 January came, and your tick left it alone, because the day had been given up. What was "
    "given up is the day with its old content.",
    when=lambda seen: seen.unforgiven,
)
def gives_up_the_day(landed, receipts, given_up, run_one, limit):
    days = {day for day, _ in given_up}
    todo = sorted(day for day, found in landed.items() if receipts.get(day) != found and day not in days)
    for day in todo[:limit]:
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "7 January came late, when later days had been loaded, and your tick never loaded it. Days do not arrive in order; "
    "whoever looks only at those after a certain one does not see what comes behind it.",
    when=lambda seen: seen.gap,
)
def high_watermark(landed, receipts, given_up, run_one, limit):
    newest = max(receipts, default=date.min)
    for day in [day for day in _todo(landed, receipts, given_up) if day > newest][:limit]:
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "A corrected file of 3 January came, and your tick did not load it, as the day had been loaded before. Its receipt "
    "speaks of another content.",
    when=lambda seen: seen.stale,
)
def loaded_is_loaded(landed, receipts, given_up, run_one, limit):
    for day in sorted(d for d, found in landed.items() if d not in receipts and (d, found) not in given_up)[:limit]:
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "Your tick takes the days in the order in which they stand in `landed`, and that is no order. With a limit, which "
    "days are loaded is an accident, and an old one may wait for ever.",
    when=lambda seen: seen.order == {"as found"},
)
def as_found(landed, receipts, given_up, run_one, limit):
    todo = set(_todo(landed, receipts, given_up))
    for day in [day for day in landed if day in todo][:limit]:
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "Where more days were to be loaded than the limit allows, your tick took the newest, or it began with them. As "
    "long as more come in than it loads, the oldest wait.",
    when=lambda seen: seen.order == {"newest"},
)
def newest_first(landed, receipts, given_up, run_one, limit):
    for day in _todo(landed, receipts, given_up)[::-1][:limit]:
        try:
            run_one(day)
        except Exception:
            pass


@four.wrong(
    "Ctrl-C in the middle of a day's load did not get out of your tick. Whoever wants to stop the scheduler has to "
    "kill the process.",
    when=lambda seen: seen.went_on,
)
def bare_except_in_tick(landed, receipts, given_up, run_one, limit):
    for day in _todo(landed, receipts, given_up)[:limit]:
        try:
            run_one(day)
        except:  # noqa: E722
            pass


@four.wrong(
    "{wrote:%d %B} failed at this tick, and your tick wrote it into given_up. Which failures are for good is not the "
    "tick's to say: the network was away for a moment, and the day would never be tried again.",
    when=lambda seen: seen.wrote,
)
def writes_given_up(landed, receipts, given_up, run_one, limit):
    for day in _todo(landed, receipts, given_up)[:limit]:
        try:
            run_one(day)
        except Exception:
            given_up.add((day, landed[day]))


@four.wrong(
    "{claimed:%d %B} failed, and your tick gave it a receipt. It counts as loaded from then on, and nobody looks for "
    "it again. A receipt is written by the load, in the transaction of its rows.",
    when=lambda seen: seen.claimed,
)
def writes_receipts(landed, receipts, given_up, run_one, limit):
    for day in _todo(landed, receipts, given_up)[:limit]:
        try:
            run_one(day)
        except Exception as error:
            print(error)
        receipts[day] = landed[day]


@four.wrong(
    "2 January was loaded, and later its file was taken away. Your tick tried to load it, and nothing is there.",
    when=lambda seen: seen.gone,
)
def loads_what_is_gone(landed, receipts, given_up, run_one, limit):
    days = sorted(day for day in {*landed, *receipts} if receipts.get(day) != landed.get(day))
    for day in [day for day in days if (day, landed.get(day)) not in given_up][:limit]:
        try:
            run_one(day)
        except Exception as error:
            print(error)


@four.wrong(
    "Your tick changed `{changed}`, and a tick only reads it. What has landed, what is loaded and what is given up is "
    "written by others; whoever writes there, too, answers for what the others read.",
    when=lambda seen: seen.changed,
)
def writes_loaded(landed, receipts, given_up, run_one, limit):
    for day in _todo(landed, receipts, given_up)[:limit]:
        try:
            run_one(day)
            receipts[day] = landed[day]
        except Exception as error:
            print(error)


@four.right
def counts_down(landed, receipts, given_up, run_one, limit):
    for day in sorted(landed):
        if limit == 0:
            break
        if receipts.get(day) == landed[day] or (day, landed[day]) in given_up:
            continue
        limit -= 1
        try:
            run_one(day)
        except Exception as error:
            print(day, error)


@four.right
def with_the_package(landed, receipts, given_up, run_one, limit):
    import etl_core

    left = {day: found for day, found in landed.items() if (day, found) not in given_up}
    tried = []
    for day in etl_core.pending(left, receipts)[:limit]:
        try:
            run_one(day)
        except Exception:
            continue
        tried.append(day)
    return tried


class Month:
    """January and the first days of February, a tick each day at six: files that come, are late, corrected or bad.

    Each day's file is there at the next day's tick. 7 January comes on the 17th; 3 January is corrected on the 20th;
    5 January has no flights, which is bad for good, and is mended on the 25th; the 22nd and 23rd really have none; the
    first load of 12 January fails, and would succeed then; and the file of the 2nd is taken away on the 15th.
    """

    LATE, CORRECTED, BAD, FLAKY, GONE = (date(2013, 1, n) for n in (7, 3, 5, 12, 2))
    EMPTY = "no flights"
    OUTAGE = tuple(date(2013, 1, n) for n in (10, 11, 12, 13, 14))  # no tick on these days

    def __init__(self) -> None:
        self.receipts: dict[date, str] = {}
        self.given_up: set[tuple[date, str]] = set()
        self.tried: list[date] = []

    def landed(self, today: date) -> dict[date, str]:
        arrives, leaves = {self.LATE: date(2013, 1, 17)}, {self.GONE: date(2013, 1, 15)}
        days = [date(2013, 1, n) for n in range(1, 32)]
        there = [d for d in days if arrives.get(d, d + timedelta(days=1)) <= today < leaves.get(d, date.max)]
        changed = {self.CORRECTED: date(2013, 1, 20), self.BAD: date(2013, 1, 25)}
        found = {day: f"{day} {'mended' if day in changed and changed[day] <= today else 'first'}" for day in there}
        empty = (22, 23) if today >= changed[self.BAD] else (self.BAD.day, 22, 23)
        found |= {day: self.EMPTY for day in there if day.day in empty}
        return dict(sorted(found.items(), key=lambda pair: (pair[0].day * 7) % 31))  # in no order

    def run_one(self, day: date, content: str | None) -> None:
        self.tried.append(day)
        if content is None:
            raise FileNotFoundError(f"{day}.csv")
        if (day, content) == (self.BAD, self.EMPTY):
            self.given_up.add((day, content))
            raise ValueError("no flights on a day that had some")
        if day == self.FLAKY and self.tried.count(day) == 1:
            raise ConnectionError("the network is away")
        self.receipts[day] = content


@four.grade
def grade_tick(t: Trial) -> None:
    t.seen.idle = t.seen.stuck = t.seen.starved = 0
    for limit in (31, 2, 1):
        month = Month()
        for today in [date(2013, 1, 2) + timedelta(days=n) for n in range(45)]:
            if today not in month.OUTAGE:
                _one_tick(t, month, today, limit)
        landed = month.landed(date(2013, 2, 28))
        missing = [day for day in landed if month.receipts.get(day) != landed[day]]
        lost = [day for day in missing if day not in (month.BAD, month.CORRECTED)]
        if limit == 31:  # with less, a bad day may be what held them up
            t.seen.count, t.seen.gap = len({*lost} - {month.LATE}), month.LATE in lost and len(lost) < 10
            t.seen.unforgiven = missing == [month.BAD]
            t.seen.stale = month.CORRECTED in missing and month.CORRECTED in month.receipts
            t.seen.enough = not t.failure
        case = f"a month with an outage, a late, a corrected and a bad file, limit {limit}"
        t.equal(sorted(missing), [], f"{case}; what is missing at the end")

    case, tried = "Ctrl-C in the first of three days", []

    def stopped(day: date) -> None:
        tried.append(day)
        raise KeyboardInterrupt

    landed = {date(2013, 1, n): f"content {n}" for n in (3, 1, 2)}
    found = t.call(landed, {}, set(), stopped, 31, case=case, allow=KeyboardInterrupt)
    t.seen.went_on = bool(tried) and not isinstance(found, Raised)
    t.true(isinstance(found, Raised), case, f"expected KeyboardInterrupt to get out; tried {len(tried)} days")


def _one_tick(t: Trial, month: Month, today: date, limit: int) -> None:
    landed = month.landed(today)
    pending = _todo(landed, month.receipts, month.given_up)
    before, case = len(month.tried), f"the tick of {today:%d %B}, limit {limit}"
    failed, odd = [], []
    given = {"landed": dict(landed), "receipts": dict(month.receipts), "given_up": set(month.given_up)}
    was = {name: type(value)(value) for name, value in given.items()}

    def run_one(day: date, *more: object) -> None:
        if more or type(day) is not date:
            odd.append(", ".join(map(show, (day, *more))))
        try:
            month.run_one(day, landed.get(day))
        except Exception:
            failed.append(day)
            raise

    allowed = (ValueError, ConnectionError, FileNotFoundError)
    found = t.call(*given.values(), run_one, limit, case=case, allow=allowed)
    tried = month.tried[before:]
    if odd:
        t.stop(case, f"run_one was called with ({odd[0]}); it takes the day, a date, and nothing else")
    _note_written(t, case, given, was, failed)
    _note_tried(t, month, tried, failed, pending, landed, limit)
    t.seen.stopped = t.seen.stopped or isinstance(found, Raised)
    t.true(not isinstance(found, Raised), case, f"your tick let the error of a day out: {found!r}")
    t.equal(tried, pending[:limit], f"{case}; the days that were tried")


def _note_tried(
    t: Trial, month: Month, tried: list[date], failed: list[date], pending: list[date], landed: dict, limit: int
) -> None:
    right = pending[:limit]
    repeated = [day for day in tried if tried.count(day) > 1 and day in failed]
    if repeated:
        t.seen.again, t.seen.tries = repeated[0], tried.count(repeated[0])
    if len({*tried}) > limit:
        t.seen.limit, t.seen.tried = limit, len({*tried})
    short = tried == right[: len(tried)] and len(tried) < len(right)
    t.seen.stopped = t.seen.stopped or (short and tried and tried[-1] in failed)
    if short and tried and tried[-1] not in failed:
        t.seen.many, t.seen.limit, t.seen.few = len(pending), limit, len(tried)
    if limit == 1 and len(pending) > 2 and month.tried and not tried:
        t.seen.idle, t.seen.stuck = t.seen.idle + (not month.given_up), t.seen.stuck + bool(month.given_up)
    if limit == 1 and tried == [month.BAD] == failed and right and month.BAD not in right:
        t.seen.starved += 1
    if limit == 1 and month.BAD in landed and (month.BAD, landed[month.BAD]) in month.given_up:
        t.seen.beyond = t.seen.beyond or any(day > month.BAD for day in tried)
    t.seen.older = t.seen.older or any(day != max(landed) for day in tried)
    t.seen.gone = t.seen.gone or month.GONE in {*tried} - {*landed}
    if tried != right:
        newest = pending[::-1][:limit]
        orders = {"newest": (newest, sorted(newest)), "as found": ([day for day in landed if day in pending][:limit],)}
        fits = {name for name, days in orders.items() if tried in days}
        t.seen.order = fits if t.seen.order is None else t.seen.order & fits


def _note_written(t: Trial, case: str, given: dict[str, Any], was: dict[str, Any], failed: list[date]) -> None:
    """What the tick wrote into what it was to read."""
    for day in failed:
        if given["receipts"].get(day) == was["landed"].get(day) != was["receipts"].get(day):
            t.seen.claimed = day
        if {day, (day, was["landed"].get(day))} & (given["given_up"] - was["given_up"]) and day == Month.FLAKY:
            t.seen.wrote = day
    for name, value in given.items():
        if value != was[name]:
            t.seen.changed = t.seen.changed or name
            t.fail(case, f"your tick changed `{name}`, which it is to read only")
