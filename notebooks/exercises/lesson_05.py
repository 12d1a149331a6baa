"""Lesson 5, run by hand: can I run it, and see what it did?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

import pandas as pd

from exercises.model import Exercise
from exercises.tools.compare import show
from exercises.trial import Raised, Trial

# ---- 5.1 ------------------------------------------------------------------------------------------------------------

one = Exercise(
    "5.1",
    "Take a parameter for what it is",
    hints=(
        "What arrives is text, usually. papermill makes a number of what looks like one: 20130115 is an int.",
        "One form is enough, and everything else is an error. `date.fromisoformat` knows the calendar; what does it "
        "do with values that are no text?",
        "A date is returned as it is. `date.fromisoformat(value)` for text raises ValueError, for other things "
        "TypeError: let it. A `datetime` is a `date` too, for isinstance.",
    ),
    twin="etl_core:parse_day",
    passed="A wrong parameter is an error before anything runs, not a run for another day.",
)


@one.stub
def parse_day(value: object) -> date:
    """The day that papermill or a command line hands over.

    It may be text such as 2013-01-15, or a date. Anything that cannot be meant as a day raises
    ValueError or TypeError.
    """
    ...  # your code here


@one.solution
def parse_day(value: object) -> date:
    """The day that papermill or a command line hands over: text such as 2013-01-15, or a date."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise TypeError(f"day: found {value!r}, expected text such as 2013-01-15")
    return date.fromisoformat(value)


@one.wrong(
    "20130115, which somebody typed without dashes and papermill made a number, became {of_int}. The run would "
    "succeed, green, for a day that nobody asked for.",
    when=lambda seen: seen.of_int not in (None, date(2013, 1, 15), date.today()),
)
def to_datetime(value):
    return pd.to_datetime(value).date()


@one.wrong(
    "For {bad_value} you returned today. A run with a forgotten parameter succeeds, and nobody knows which day is "
    "missing.",
    when=lambda seen: seen.today,
)
def default_today(value):
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        return value if isinstance(value, date) else date.today()


@one.wrong(
    "For '2013-01', a month, you returned {of_month}: what was missing has been filled in. A guess loads a day, and "
    "the days that were meant stay away.",
    when=lambda seen: seen.of_month,
)
def fills_in(value):
    found = pd.to_datetime(str(value)) if value not in (True, None, 20130115) else pd.NaT
    if found is pd.NaT:
        raise ValueError(f"no day: {value!r}")
    return found.date()


@one.wrong(
    "You return the text itself. A file name is made of it later: {text!r} is a path to another folder.",
    when=lambda seen: seen.text is not None,
)
def returns_text(value):
    return str(value)


@one.wrong(
    "For {bad_value} you returned None, and leave it to the caller to ask. Somewhere a caller will not, and the error "
    "will be reported in another place, about another thing.",
    when=lambda seen: seen.none,
)
def none_on_error(value):
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except (ValueError, TypeError):
        return None


@one.right
def with_strptime(value):
    if isinstance(value, date):
        return value
    return datetime.strptime(value, "%Y-%m-%d").date()


@one.right
def ints_too(value):
    if isinstance(value, bool):
        raise ValueError("a day, please")
    return date.fromisoformat(str(value))


@one.grade
def grade_parse_day(t: Trial) -> None:
    day = date(2013, 1, 15)
    for value in ("2013-01-15", day):
        found = t.call(value, case=f"the {type(value).__name__} {value}")
        t.seen.text = "../.." if isinstance(found, str) else t.seen.text
        t.equal(found, day, f"the {type(value).__name__} {value}")
    for value in (20130115, "2013-02-30", "../..", "", True, None, "yesterday", "2013-01"):
        case = f"{value!r}"
        found = t.call(value, case=case, allow=True, none=True)
        if isinstance(found, Raised):
            fits = isinstance(found.error, ValueError | TypeError)
            t.true(fits, case, f"expected a ValueError or a TypeError, got {found!r}")
        elif value != 20130115 or found != day:
            t.seen.of_int = found if value == 20130115 and isinstance(found, date) else t.seen.of_int
            t.seen.of_month = found if value == "2013-01" and isinstance(found, date) else t.seen.of_month
            t.seen.bad_value = t.seen.bad_value or case
            t.seen.today = t.seen.today or found == date.today()
            t.seen.none = t.seen.none or found is None
            t.seen.text = found if isinstance(found, str) else t.seen.text
            t.fail(case, f"expected an error, got {show(found)}")


# ---- 5.2 ------------------------------------------------------------------------------------------------------------

two = Exercise(
    "5.2",
    "Decide whether somebody has to look",
    hints=(
        "There are two witnesses, the exit code and the history, and each is silent at times. When may you go to "
        "sleep?",
        "It is easier to say when nobody has to look, and to answer True for everything else. `run` may be None.",
        "`fine = returncode == 0 and run is not None and run['status'] == 'succeeded' and run['interval_start'] == "
        "day`",
    ),
    passed="Two witnesses have to agree, about the same day. Everything else is a reason to look.",
)


@two.stub
def needs_attention(returncode: int, run: dict | None, day: str) -> bool:
    """Whether somebody has to look after `papermill … -p day DAY`.

    `returncode` is what the process ended with: negative where a signal killed it. `run` is the
    newest run of the history, as `etl history --json` has it (status, interval_start, …), or
    None where there is none.
    """
    ...  # your code here


@two.solution
def needs_attention(returncode: int, run: dict | None, day: str) -> bool:
    """Whether somebody has to look after `papermill … -p day DAY`."""
    fine = returncode == 0 and run is not None and run["status"] == "succeeded" and run["interval_start"] == day
    return not fine


ENDINGS = {  # name -> returncode, status and day of the newest run
    "all well": (0, "succeeded", "2013-01-15"),
    "a stage failed": (1, "failed", "2013-01-15"),
    "killed, exit code -9": (-9, "running", "2013-01-15"),
    "the kernel died, exit code 138": (138, "running", "2013-01-15"),
    "sys.exit(0) in a cell: exit code 0, still running": (0, "running", "2013-01-15"),
    "exit code 0, and no run at all": (0, None, ""),
    "a mistyped parameter: exit code 0, another day was loaded": (0, "succeeded", "2013-01-14"),
    "exit code 1 after the load had succeeded": (1, "succeeded", "2013-01-15"),
    "killed after the load had succeeded, exit code -15": (-15, "succeeded", "2013-01-15"),
}


@two.wrong(
    "Where all is well you call somebody, and slept through: {missed}. True means that somebody has to look; is it the "
    "other way round?",
    when=lambda seen: seen.called and seen.misses,
)
def upside_down(returncode, run, day):
    return returncode == 0 and run is not None and run["status"] == "succeeded" and run["interval_start"] == day


@two.wrong(
    "You slept through {count} of the eight bad endings, the first of them: {missed}. You wait until both witnesses "
    "complain; one who does is enough.",
    when=lambda seen: len(seen.misses) >= 4,
)
def both_must_complain(returncode, run, day):
    return returncode != 0 and run is not None and run["status"] == "failed"


@two.wrong(
    "You believe the exit code alone, and slept through: {missed}. `sys.exit(0)` in a cell ends a notebook half-way "
    "with 0.",
    when=lambda seen: len([name for name in seen.misses if "exit code 0" in name]) >= 2,
)
def code_only(returncode, run, day):
    return returncode != 0


@two.wrong(
    "You slept through: {missed}. The history says that some day succeeded, and it was another one.",
    when=lambda seen: any("mistyped" in name for name in seen.misses),
)
def ignores_day(returncode, run, day):
    return returncode != 0 or run is None or run["status"] != "succeeded"


@two.wrong(
    "You believe the history alone, and slept through: {missed}. The load was done, and what should have come after "
    "it was not.",
    when=lambda seen: any("exit code 1 after" in name for name in seen.misses),
)
def history_only(returncode, run, day):
    return run is None or run["status"] != "succeeded" or run["interval_start"] != day


@two.wrong(
    "You slept through: {missed}. A process that was killed has a negative exit code.",
    when=lambda seen: any("-15" in name for name in seen.misses),
)
def positive_only(returncode, run, day):
    return returncode > 0 or run is None or run["status"] != "succeeded" or run["interval_start"] != day


@two.wrong(
    "You slept through: {missed}. The process has ended, so a run that is still `running` in the history was left "
    "half-way; `failed` and `crashed` are not the only bad words.",
    when=lambda seen: seen.misses == ["sys.exit(0) in a cell: exit code 0, still running"],
)
def running_is_fine(returncode, run, day):
    bad = run is None or run["status"] in ("failed", "crashed") or run["interval_start"] != day
    return returncode != 0 or bad


@two.right
def by_comparison(returncode, run, day):
    return (returncode, (run or {}).get("status"), (run or {}).get("interval_start")) != (0, "succeeded", day)


@two.grade
def grade_needs_attention(t: Trial) -> None:
    t.seen.misses = []
    for case, (code, status, day) in ENDINGS.items():
        run = None
        if status:
            end = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
            run = {"run_id": "8f14e45fceea167a", "status": status, "interval_start": day, "interval_end": end}
        found = t.call(code, run, "2013-01-15", case=case)
        if case == "all well":
            t.seen.called = bool(found)
        elif not found:
            t.seen.misses.append(case)
            t.seen.missed, t.seen.count = t.seen.misses[0], len(t.seen.misses)
        t.true(bool(found) == (case != "all well"), case, f"expected {case != 'all well'}, got {show(found)}")


# ---- 5.3 ------------------------------------------------------------------------------------------------------------

three = Exercise(
    "5.3",
    "Find what there is to do",
    star=True,
    hints=(
        "A day is done when what was loaded is what has landed. Which of the two dicts says which?",
        "Go through what has landed. A day has to be loaded if its receipt is absent, or speaks of another hash.",
        "`receipts.get(day) != found` for each `day, found` of `landed.items()`; sorted.",
    ),
    twin="etl_core:pending",
    passed="`etl_core.pending` is this function. Gaps, late files, corrections and restarts are all the same to it.",
)


@three.stub
def pending(landed: dict[date, str], receipts: dict[date, str]) -> list[date]:
    """The days to load, oldest first.

    `landed`: day -> content hash of the files that are there. `receipts`: day -> content hash
    of what was loaded.
    """
    ...  # your code here


@three.solution
def pending(landed: dict[date, str], receipts: dict[date, str]) -> list[date]:
    """The days to load, oldest first."""
    return sorted(day for day, found in landed.items() if receipts.get(day) != found)


JANUARY = [date(2013, 1, n) for n in range(1, 32)]


@three.wrong(
    "A day landed and you did not name it: you asked the clock, which knows nothing of files. Whoever was down for "
    "two days comes back and loads one.",
    when=lambda seen: seen.new is not None and date(2013, 1, 2) not in seen.new,
)
def yesterday(landed, receipts):
    day = date.today() - timedelta(days=1)
    return [day] if day in landed and day not in receipts else []


@three.wrong(
    "2 January landed after 3 January had been loaded, and you do not name it. Days do not arrive in order, and a "
    "mark of how far you have come hides every gap behind it.",
    when=lambda seen: seen.gap == [],
)
def high_watermark(landed, receipts):
    newest = max(receipts, default=date.min)
    return sorted(day for day in landed if day > newest)


@three.wrong(
    "A corrected file landed for a day that was loaded, and you do not name it. The wrong numbers stay in the "
    "warehouse, and nothing will ever look at them again.",
    when=lambda seen: seen.corrected == [],
)
def set_difference(landed, receipts):
    return sorted(set(landed) - set(receipts))


@three.wrong(
    "You name 1 January, whose file is gone although it was loaded: there is nothing to load. The run would fail "
    "every day, for ever.",
    when=lambda seen: seen.gone and date(2013, 1, 1) in seen.gone,
)
def missing_file_pending(landed, receipts):
    return sorted(day for day in landed.keys() | receipts.keys() if landed.get(day) != receipts.get(day))


@three.wrong(
    "These are the right days, in another order. Whoever loads them as you name them loads the newest first: if that "
    "is stopped half-way, the old gap is still there and nobody sees it.",
    when=lambda seen: seen.order and seen.order != seen.month and sorted(seen.order) == seen.month,
)
def any_order(landed, receipts):
    return [day for day in landed if receipts.get(day) != landed[day]]


@three.wrong(
    "30 days with the same content landed, and one was loaded; you name none of the others. You ask whether a hash was "
    "ever loaded, for whatever day, and not whether this day was.",
    when=lambda seen: seen.order == [],
)
def hash_of_any_day(landed, receipts):
    return sorted(day for day, found in landed.items() if found not in receipts.values())


@three.right
def in_a_loop(landed, receipts):
    days = []
    for day in landed:
        if day not in receipts or receipts[day] != landed[day]:
            days.append(day)
    days.sort()
    return days


@three.grade
def grade_pending(t: Trial) -> None:
    first, second, third = JANUARY[:3]
    cases = {
        "new": ("2 January landed, 1 January is loaded", {first: "a", second: "b"}, {first: "a"}, [second]),
        "gap": ("2 January landed late", {first: "a", second: "b", third: "c"}, {first: "a", third: "c"}, [second]),
        "corrected": ("1 January was corrected", {first: "A", second: "b"}, {first: "a", second: "b"}, [first]),
        "gone": ("1 January's file is gone", {second: "b"}, {first: "a", second: "b"}, []),
        "order": (
            "a month, in any order",
            dict.fromkeys(reversed(JANUARY), "x"),
            {third: "x"},
            [first, second, *JANUARY[3:]],
        ),
        "nothing": ("nothing landed", {}, {}, []),
    }
    for name, (case, landed, receipts, want) in cases.items():
        found = t.call(dict(landed), dict(receipts), case=case)
        setattr(t.seen, name, list(found) if isinstance(found, list | tuple | set) else None)
        t.seen.month = want if name == "order" else t.seen.month
        t.equal(found, want, case)


# ---- 5.4 ------------------------------------------------------------------------------------------------------------

four = Exercise(
    "5.4",
    "Run a week, and say how it went",
    hints=(
        "One bad day is no reason to leave out the others, and no reason to call the week a success either.",
        "An exit code is one byte: 0 is success, and whatever is a multiple of 256 becomes 0. Which errors are a "
        "failed day, and which are somebody who wants to stop?",
        "In a loop: `try: run_one(day)`, `except Exception: failed = True`. Then `return 1 if failed else 0`.",
    ),
    passed="cron, make and the scheduler of next week all read this number.",
)


@four.stub
def run_week(days: list[date], run_one: Callable[[date], object]) -> int:
    """Run every day with `run_one(day)`, which raises an error where the day fails.

    Returns the exit code of it all.
    """
    ...  # your code here


@four.solution
def run_week(days: list[date], run_one: Callable[[date], object]) -> int:
    """Run every day with `run_one(day)`, which raises an error where the day fails. Returns the exit code of it all."""
    failed = []
    for day in days:
        try:
            run_one(day)
        except Exception as error:
            print(f"{day}: {error}")
            failed.append(day)
    return 1 if failed else 0


@four.wrong(
    "Wednesday failed, and Thursday to Sunday were not even tried. Days do not depend on each other; one bad file "
    "would hold up all that come after it.",
    when=lambda seen: seen.tried and len(seen.tried) < 7,
)
def stops(days, run_one):
    for day in days:
        run_one(day)
    return 0


@four.wrong(
    "Wednesday failed, and the exit code is 0. What was printed, nobody reads at night: the number is all that cron "
    "knows.",
    when=lambda seen: seen.code == 0,
)
def always_zero(days, run_one):
    for day in days:
        try:
            run_one(day)
        except Exception as error:
            print(day, "failed:", error)
    return 0


@four.wrong(
    "Ctrl-C in the middle of a day counts as a failed day, and the week goes on. Whoever wants to stop cannot.",
    when=lambda seen: seen.after_stop,
)
def bare_except(days, run_one):
    failed = 0
    for day in days:
        try:
            run_one(day)
        except:  # noqa: E722
            failed = 1
    return failed


@four.wrong(
    "256 days failed, and your exit code of {many} arrives as {arrives}: a process can end with 0 to 255, and the "
    "rest is cut off. The worst week of all looks like the best.",
    when=lambda seen: seen.many is not None and not 0 < seen.many < 256,
)
def exit_count(days, run_one):
    failed = 0
    for day in days:
        try:
            run_one(day)
        except Exception:
            failed += 1
    return failed


@four.right
def any_of(days, run_one):
    def fails(day):
        try:
            run_one(day)
        except Exception:
            return True
        return False

    return int(sum([fails(day) for day in days]) > 0)


@four.right
def at_most_255(days, run_one):
    failed = 0
    for day in days:
        try:
            run_one(day)
        except Exception:
            failed += 1
    return min(failed, 255)


@four.right
def a_bool_is_a_number(days, run_one):
    failed = []
    for day in days:
        try:
            run_one(day)
        except Exception:
            failed.append(day)
    return bool(failed)


@four.grade
def grade_run_week(t: Trial) -> None:
    week = JANUARY[6:13]  # Monday 7 to Sunday 13

    def run(days: list[date], error: Mapping[date, BaseException], case: str) -> object:
        tried: list[date] = []

        def run_one(day: date) -> None:
            tried.append(day)
            if day in error:
                raise error[day]

        found = t.call(list(days), run_one, case=case, allow=(KeyboardInterrupt, *map(type, error.values())))
        t.seen.last = tried
        return found

    case = "a week in which all goes well"
    found = run(week, {}, case)
    t.true(isinstance(found, int) and found == 0, case, f"expected 0, got {show(found)}")
    t.equal(t.seen.last, week, f"{case}; the days that were run")

    case = "a week in which Wednesday fails"
    t.seen.code = run(week, {week[2]: ValueError("more than half of the lines rejected")}, case)
    t.seen.tried = t.seen.last
    t.equal(t.seen.tried, week, f"{case}; the days that were run")
    fits = isinstance(t.seen.code, int) and t.seen.code != 0
    t.true(fits, case, f"expected an exit code of 1, got {show(t.seen.code)}")

    case = "Ctrl-C on Wednesday"
    found = run(week, {week[2]: KeyboardInterrupt()}, case)
    t.seen.after_stop = not isinstance(found, Raised)
    t.true(isinstance(found, Raised), case, f"expected KeyboardInterrupt to get out, got {show(found)}")

    case = "256 days that all fail"
    days = [JANUARY[0] + timedelta(days=n) for n in range(256)]
    many = run(days, dict.fromkeys(days, OSError("no connection")), case)
    t.seen.many = int(many) if isinstance(many, int) else None
    t.seen.arrives = t.seen.many % 256 if t.seen.many is not None else None
    t.true(isinstance(many, int) and 0 < many < 256, case, f"expected a number from 1 to 255, got {show(many)}")
