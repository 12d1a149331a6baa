"""What lesson 07 tells about answers that nobody named: right ones pass, and what is said of wrong ones is true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from exercises import model
from exercises.tools.clock import Clock
from exercises.trial import grade

Answer = Callable[..., Any]
DAY = timedelta(days=1)

# ---- 7.1: how a loop waits for its slot, and what it takes for the next one ------------------------------------------


def once(due: datetime, now: Answer, sleep: Answer) -> None:
    sleep(max(0.0, (due - now()).total_seconds()))


def in_slices(seconds: float) -> Answer:
    def wait(due: datetime, now: Answer, sleep: Answer) -> None:
        while (left := (due - now()).total_seconds()) > 0:
            sleep(min(left, seconds))

    return wait


def halving(due: datetime, now: Answer, sleep: Answer) -> None:
    while (left := (due - now()).total_seconds()) > 0:
        sleep(max(left / 2, 0.05))


def by_each(seconds: float) -> Answer:
    def wait(due: datetime, now: Answer, sleep: Answer) -> None:
        while now() < due:
            sleep(seconds)

    return wait


def seconds_of_the_day(due: datetime, now: Answer, sleep: Answer) -> None:
    sleep((due - now()).seconds if due > now() else 0)


def by_another_clock(due: datetime, now: Answer, sleep: Answer) -> None:
    sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))


def never(due: datetime, now: Answer, sleep: Answer) -> None:
    """Goes on at once."""


def ahead(start: datetime, due: datetime, step: timedelta, now: Answer) -> datetime:
    due += step
    while due < now():
        due += step
    return due


def counted_from_the_first(start: datetime, due: datetime, step: timedelta, now: Answer) -> datetime:
    n = 0
    while start + n * step <= max(due, now()):
        n += 1
    return start + n * step


def found_among_all(start: datetime, due: datetime, step: timedelta, now: Answer) -> datetime:
    return next(start + n * step for n in count() if start + n * step > max(due, now()))


def one_too_many(start: datetime, due: datetime, step: timedelta, now: Answer) -> datetime:
    return start + step * (-((start - now()) // step) + 1)


def leaves_out_one(start: datetime, due: datetime, step: timedelta, now: Answer) -> datetime:
    return due + step if due + step >= now() else due + 2 * step


def never_counts(start: datetime, due: datetime, step: timedelta, now: Answer) -> datetime:
    while due <= now():
        due + step
    return due


def loop(later: Answer = ahead, wait: Answer = once) -> Answer:
    def run_every(period: float, work: Answer, now: Answer, sleep: Answer, until: datetime) -> None:
        start = due = now()
        while due < until:
            wait(due, now, sleep)
            try:
                work()
            except Exception as error:
                print(error)
            due = later(start, due, timedelta(seconds=period), now)

    return run_every


def a_whole_number_of_slots(period: float, work: Answer, now: Answer, sleep: Answer, until: datetime) -> None:
    loop()(period, work, now, sleep, now() + timedelta(seconds=period) * ((until - now()).total_seconds() // period))


def a_minute_after_each(period: float, work: Answer, now: Answer, sleep: Answer, until: datetime) -> None:
    while now() < until:
        try:
            work()
        except Exception as error:
            print(error)
        sleep(60)


def once_more(period: float, work: Answer, now: Answer, sleep: Answer, until: datetime) -> None:
    def twice() -> None:
        try:
            work()
        except Exception:
            work()

    loop()(period, twice, now, sleep, until)


def hangs(period: float, work: Answer, now: Answer, sleep: Answer, until: datetime) -> None:
    while True:
        pass


RIGHT_LOOPS = [
    loop(ahead, in_slices(60)),
    loop(ahead, in_slices(1)),
    loop(ahead, halving),
    loop(ahead, by_each(0.1)),
    loop(counted_from_the_first),
    loop(found_among_all),
]
WRONG_LOOPS = [
    (loop(lambda start, due, step, now: due + step), "burst", "4 starts one after the other"),
    (loop(lambda start, due, step, now: due + step), "burst", "its last start came 360 hours after its slot"),
    (loop(one_too_many), "skips_a_slot", "it is 2 hours, and the work takes 40 seconds. In 30 days that is 360 starts"),
    (loop(ahead, never), "never_sleeps", "it was started 24 times in the first hour"),
    (loop(ahead, seconds_of_the_day), "", "start 2 was due at 02 January 08:17:00 and came at 01 January 08:17:00"),
    (
        a_whole_number_of_slots,
        "",
        "2 days, every 26 hours, 40 seconds of work; how often it started\nexpected 2",
    ),
    (loop(leaves_out_one), "", "start 3 was due at 01 January 12:17:00 and came at 01 January 11:47:00"),
    (loop(lambda start, due, step, now: max(due + step, now())), "", "due at 01 January 08:17:00 and came at 01 Jan"),
    (loop(ahead, by_each(60)), "", "start 2 was due at 01 January 07:17:00 and came at 01 January 07:17:"),
    (loop(ahead, by_each(0)), "busy_wait", "100,000 times in a row"),
    (loop(ahead, by_each(1e-9)), "busy_wait", "100,000 times in a row"),
    (loop(never_counts), "busy_wait", "keeps a processor core busy"),
    (loop(ahead, by_another_clock), "same_slot_again", "all its sleeps were of 0 seconds"),
    (a_minute_after_each, "", "start 2 was due at 01 January 07:17:00 and came at 01 January 06:18:40"),
    (once_more, "retries_at_once", "the business of retries"),
    (hangs, "", "Does every loop in it come to an end?"),
]

# ---- 7.2: which slots have passed, and which of them run -------------------------------------------------------------


def passed(next_run: datetime, every: timedelta, now: datetime) -> list[datetime]:
    return [next_run + n * every for n in range(99) if next_run + n * every <= now]


def waking(keep: Answer, due: Answer = passed) -> Answer:
    """`keep(slots, within, coalesce, now, grace)`."""

    def slots(
        next_run: datetime, every: timedelta, now: datetime, grace: timedelta | None, coalesce: bool
    ) -> list[datetime]:
        def within(slot: datetime) -> bool:
            return grace is None or now - slot <= grace

        return keep(due(next_run, every, now), within, coalesce, now, grace)

    return slots


def of_all(within: Answer) -> Answer:
    """With `within(late, grace)` in place of the right question."""
    return waking(lambda due, _, coalesce, now, grace: [s for s in due[-coalesce:] if within(now - s, grace)])


def newest_is_missing(next_run: datetime, every: timedelta, now: datetime) -> list[datetime]:
    return passed(next_run + every, every, now) and passed(next_run, every, now - every)


def until_too_old(due: list[datetime], within: Answer, coalesce: bool, *_: Any) -> list[datetime]:
    return [] if due and not within(due[0]) else due[-coalesce:]


RIGHT_SLOTS = [
    waking(lambda due, within, coalesce, *_: tuple(filter(within, due[-coalesce:]))),
    waking(lambda due, within, coalesce, *_: [slot for slot in due if within(slot)][-coalesce:]),
    of_all(lambda late, grace: grace is None or late.total_seconds() <= grace.total_seconds()),
]
WRONG_SLOTS = [
    (
        waking(lambda due, within, coalesce, *_: list(filter(within, due[-coalesce:])), newest_is_missing),
        "ends_before_newest",
        "the newest of them, a quarter of an hour ago",
    ),
    (
        waking(lambda due, within, coalesce, *_: list(filter(within, due[:1] if coalesce else due))),
        "coalesce_first",
        "you run the oldest",
    ),
    (lambda next_run, *_: [next_run], "", "waking up before the first slot"),
    (waking(lambda due, within, *_: [s for s in due[:1] if within(s)]), "coalesce_first", "you run the oldest"),
    (of_all(lambda late, grace: grace is None or late.seconds <= grace.seconds), "", "third daily slot; grace 2:00:00"),
    (of_all(lambda late, grace: grace is None or late.total_seconds() <= grace.seconds), "", "grace 1 day, 0:00:00"),
    (of_all(lambda late, grace: not grace or late <= grace), "ignores_grace", "0:30:00 late, with a grace of 0:00:00"),
    (of_all(lambda late, grace: grace is None or late < grace), "", "30 minutes after a slot; grace 0:30:00"),
    (of_all(lambda late, grace: False), "", "at the moment of a slot; grace None"),
    (waking(until_too_old), "grace_from_first", "those that were still in time included"),
    (waking(lambda due, within, *_: list(filter(within, due[-1:]))), "", "after five slots"),
    (waking(lambda due, within, coalesce, *_: list(filter(within, due[-coalesce:]))[::-1]), "", "after five slots"),
]

# ---- 7.3 ------------------------------------------------------------------------------------------------------------


def days_of(calendar: Answer) -> Answer:
    """The day before the one that `calendar(tick, zone)` gives, between midnights of the zone."""

    def interval_of(tick: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        day = calendar(tick, zone)
        return datetime.combine(day - DAY, time(), zone), datetime.combine(day, time(), zone)

    return interval_of


WRONG_INTERVALS = [
    (days_of(lambda tick, zone: tick.astimezone(UTC).date()), "replaces_zone", "You give the 15th, which is not over"),
    (days_of(lambda tick, zone: tick.date()), "replaces_zone", "You give the 15th, which is not over"),
    (days_of(lambda tick, zone: tick.astimezone(ZoneInfo("America/New_York")).date()), "", "06:00 in Tokyo; the start"),
    (days_of(lambda tick, zone: tick.astimezone(zone).date() - DAY), "", "expected 2013-01-15 00:00:00-05:00, got"),
]

# ---- 7.4: what is to be loaded, and what becomes of it ---------------------------------------------------------------


def pending(landed: dict, receipts: dict, given_up: set) -> list[date]:
    return sorted(day for day, found in landed.items() if receipts.get(day) != found and (day, found) not in given_up)


def ticking(
    which: Answer = pending,
    limited: Answer = lambda days, limit: days[:limit],
    before: Answer = lambda *state: None,
    after: Answer = lambda day, *state: None,
) -> Answer:
    def tick(landed: dict, receipts: dict, given_up: set, run_one: Answer, limit: int) -> None:
        before(landed, receipts, given_up)
        for day in limited(which(landed, receipts, given_up), limit):
            try:
                run_one(day)
                after(day, landed, receipts, given_up)
            except Exception as error:
                print(error)

    return tick


def limited_first(newest: bool) -> Answer:
    def tick(landed: dict, receipts: dict, given_up: set, run_one: Answer, limit: int) -> None:
        some = sorted(landed)[-limit:] if newest else sorted(landed)[:limit]
        ticking()({day: landed[day] for day in some}, receipts, given_up, run_one, limit)

    return tick


def given(arguments: Answer) -> Answer:
    def tick(landed: dict, receipts: dict, given_up: set, run_one: Answer, limit: int) -> None:
        ticking()(landed, receipts, given_up, lambda day: run_one(*arguments(day, landed)), limit)

    return tick


def that(pick: Answer) -> Answer:
    """The days of what has landed for which `pick(day, found, receipts, given_up)`."""
    return lambda landed, receipts, given_up: sorted(d for d, f in landed.items() if pick(d, f, receipts, given_up))


def forgets_what_is_mended(landed: dict, receipts: dict, given_up: set) -> None:
    given_up -= {(day, found) for day, found in given_up if landed.get(day) != found}


def also_what_is_gone(landed: dict, receipts: dict, given_up: set) -> list[date]:
    days = {*landed, *receipts}
    return sorted(d for d in days if receipts.get(d) != landed.get(d) and (d, landed.get(d)) not in given_up)


def remembers() -> Answer:
    done: set[date] = set()
    return ticking(
        lambda *state: [day for day in pending(*state) if day not in done], after=lambda day, *_: done.add(day)
    )


def last_week(landed: dict, *state: Any) -> list[date]:
    return [day for day in pending(landed, *state) if day > max(landed) - 7 * DAY]


RIGHT_TICKS = [
    ticking(limited=lambda days, limit: (day for _, day in zip(range(limit), days, strict=False))),
    given(lambda day, landed: [day]),
]
WRONG_TICKS = [
    (ticking(limited=lambda days, limit: days[-limit:]), "newest_first", "your tick took the newest"),
    (ticking(after=lambda day, landed, *_: landed.pop(day)), "writes_loaded", "changed `landed`"),
    (ticking(before=lambda landed, receipts, _: receipts.setdefault(min(landed))), "writes_loaded", "`receipts`"),
    (ticking(before=forgets_what_is_mended), "writes_loaded", "changed `given_up`"),
    (
        ticking(that(lambda d, f, receipts, given_up: f not in receipts.values() and (d, f) not in given_up)),
        "",
        "expected [2013-01-23], got []",
    ),
    (
        ticking(that(lambda d, f, receipts, given_up: receipts.get(d) != f and f not in {x for _, x in given_up})),
        "",
        "expected [2013-01-22], got []",
    ),
    (
        ticking(that(lambda d, f, receipts, given_up: receipts.get(d) != f and d not in given_up)),
        "retries_given_up",
        "it was tried again at 12 ticks",
    ),
    (limited_first(newest=False), "limits_first", "though nothing had been given up"),
    (limited_first(newest=True), "", "limit 2; the days that were tried\nexpected [2013-01-09, 2013-01-10]"),
    (given(lambda day, landed: [(day, landed[day])]), "", "run_one was called with ((datetime.date(2013, 1, 1), '2013"),
    (given(lambda day, landed: [day, landed[day]]), "", "run_one was called with (2013-01-01, '2013-01-01 first')"),
    (given(lambda day, landed: [str(day)]), "", "run_one was called with ('2013-01-01'); it takes the day, a date"),
    (ticking(also_what_is_gone), "loads_what_is_gone", "its file was taken away"),
    (remembers(), "loaded_is_loaded", "as the day had been loaded before"),
    (ticking(last_week), "high_watermark", "looks only at those after a certain one"),
    (ticking(limited=lambda days, limit: days[: limit + 1]), "unlimited", "With a limit of 1 your tick tried 2 days"),
    (ticking(limited=lambda days, limit: (days * 2)[:limit]), "insists", "was tried 2 times within one tick"),
    (ticking(lambda *state: [date.today()]), "", "the tick of 02 January"),
]

CASES = {"7.1": WRONG_LOOPS, "7.2": WRONG_SLOTS, "7.3": WRONG_INTERVALS, "7.4": WRONG_TICKS}
RIGHT = {"7.1": RIGHT_LOOPS, "7.2": RIGHT_SLOTS, "7.4": RIGHT_TICKS}


def each(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(number, *(case if isinstance(case, tuple) else [case]), id=f"{number}-{n}")
        for number, cases in table.items()
        for n, case in enumerate(cases)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "answer"), each(RIGHT))
def test_a_right_answer_in_another_style_passes(number: str, answer: Answer) -> None:
    outcome = grade(model.find(number), answer)
    assert outcome.passed, outcome


@pytest.mark.slow
@pytest.mark.parametrize(("number", "answer", "mistake", "words"), each(CASES))
def test_what_is_said_is_true(number: str, answer: Answer, mistake: str, words: str) -> None:
    outcome = grade(model.find(number), answer)
    assert not outcome.passed
    assert outcome.mistake == mistake, outcome
    assert words in f"{outcome.message}\n{outcome.case}\n{outcome.detail}", outcome


def test_a_loop_that_passed_runs_on_the_clock_of_the_lesson() -> None:
    clock, starts = Clock(datetime(2013, 1, 1, tzinfo=UTC)), []
    loop(ahead, in_slices(60))(3600, lambda: starts.append(clock.time), clock.now, clock.sleep, clock.time + 30 * DAY)
    assert len(starts) == 720
