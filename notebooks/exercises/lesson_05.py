"""Lesson 5, run by hand: can I run it, and see what it did?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

import pandas as pd

from exercises.model import Exercise
from exercises.tools.again import LEFT_OVER, ask_again
from exercises.tools.compare import plain, same, show
from exercises.trial import Raised, Trial

DAY = date(2013, 1, 15)

# ---- 5.1 ------------------------------------------------------------------------------------------------------------

one = Exercise(
    "5.1",
    "Take a parameter for what it is",
    hints=(
        "What arrives is text, usually. papermill makes a number of what looks like one: 20130115 is an int.",
        "One form is enough, and all else may be an error. `date.fromisoformat` knows the calendar; what does it do "
        "with values that are no text?",
        "A date is returned as it is. `date.fromisoformat(value)` for text raises ValueError, for other things "
        "TypeError: let it. A `datetime` is a `date` too, for isinstance, and no day.",
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
    when=lambda seen: seen.of_int,
)
def to_datetime(value):
    return pd.to_datetime(value).date()


@one.wrong(
    "For {today} you returned today. A run with a forgotten parameter succeeds, and nobody knows which day is missing.",
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
    "'13-01-15' became {of_short}. Three numbers with dashes are no day yet: nobody has said which of them is the "
    "year, and the run is for a day that nobody meant.",
    when=lambda seen: seen.of_short,
)
def three_numbers(value):
    return value if type(value) is date else date(*map(int, value.split("-", 2)))


@one.wrong(
    "You return the text itself. A file name is made of it later: `../..` is a path to another folder.",
    when=lambda seen: seen.text,
)
def returns_text(value):
    return str(value)


@one.wrong(
    "For {none} you returned {nothing}, and leave it to the caller to ask. Somewhere a caller will not, and the error "
    "will be reported in another place, about another thing.",
    when=lambda seen: seen.none,
)
def none_on_error(value):
    try:
        return value if isinstance(value, date) else date.fromisoformat(value)
    except (ValueError, TypeError):
        return None


@one.wrong(
    "For {ended} you ended the whole program (`SystemExit`). An error that is raised says what was wrong, and whoever "
    "called can handle it.",
    when=lambda seen: seen.ended,
)
def exits(value):
    try:
        return value if type(value) is date else date.fromisoformat(value)
    except (ValueError, TypeError):
        raise SystemExit(1) from None


@one.wrong(
    "You took the datetime {a_datetime} for a day, as `isinstance` does, and handed it back as it is. It equals no "
    "date, so its receipt would not be found, and a file name made of it has a time in it.",
    when=lambda seen: seen.a_datetime,
)
def a_datetime_is_a_date(value):
    return value if isinstance(value, date) else date.fromisoformat(value)


@one.right
def with_strptime(value):
    if type(value) is date:
        return value
    return datetime.strptime(value, "%Y-%m-%d").date()


@one.right
def ints_too(value):
    if isinstance(value, bool):
        raise ValueError("a day, please")
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value))


@one.grade
def grade_parse_day(t: Trial) -> None:
    for value in ("2013-01-15", DAY):
        found = t.call(value, case=f"the {type(value).__name__} {value}")
        t.equal(found, DAY, f"the {type(value).__name__} {value}")
    moment = datetime(2013, 1, 15, 10, 30)
    meant = 20130115, "13-01-15", moment  # can be meant as a day, and only as 15 January
    left_over = "2013-01-155", "2013-01-15 to 2013-01-20"
    for value in (*meant, "2013-02-30", "../..", "", True, None, "yesterday", "2013-01", *left_over):
        case = f"{value!r}"
        found = t.call(value, case=case, allow=(Exception, SystemExit), none=True)
        if isinstance(found, Raised):
            t.seen.ended = t.seen.ended or (repr(value) if isinstance(found.error, SystemExit) else None)
            fits = isinstance(found.error, ValueError | TypeError)
            t.true(fits, case, f"expected a ValueError or a TypeError, got {found!r}")
        elif value not in meant or not same(found, DAY):
            _note(t, value, found)
            or_day = " or the date 2013-01-15" if value in meant else ""
            t.fail(case, f"expected an error{or_day}, got {show(found)}")


def _note(t: Trial, value: object, returned: object) -> None:
    """What is telling about an answer to a value that is no day."""
    found = None if plain(returned) is None else returned  # NaT is a datetime, for isinstance
    day = found.date() if isinstance(found, datetime) else found if isinstance(found, date) else None
    if day == date.today():
        t.seen.today = t.seen.today or repr(value)
    elif value == 20130115 and day and day != DAY:
        t.seen.of_int = show(found)
    elif value == "13-01-15" and day and day != DAY:
        t.seen.of_short = show(found)
    elif value == "2013-01" and day and (day.year, day.month) == (2013, 1):
        t.seen.of_month = show(found)
    elif value == "../..":
        t.seen.text = found == value
    elif isinstance(value, datetime) and found == value:
        t.seen.a_datetime = show(found)
    if found is None and not t.seen.none:
        t.seen.none, t.seen.nothing = repr(value), show(returned)


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
    "sys.exit(0) in a cell: exit code 0, a run that failed": (0, "failed", "2013-01-15"),
    "a process that ended with 0, its run still running": (0, "running", "2013-01-15"),
    "exit code 0, a run that was found dead and is called crashed": (0, "crashed", "2013-01-15"),
    "exit code 0, and no run at all": (0, None, ""),
    "a mistyped parameter: exit code 0, another day was loaded": (0, "succeeded", "2013-01-14"),
    "exit code 0, and a later day was loaded": (0, "succeeded", "2013-01-16"),
    "exit code 1 after the load had succeeded": (1, "succeeded", "2013-01-15"),
    "the kernel died after the load had succeeded, exit code 138": (138, "succeeded", "2013-01-15"),
    "killed after the load had succeeded, exit code -15": (-15, "succeeded", "2013-01-15"),
}


QUIT, RUNNING, CRASHED, NONE, MISTYPED, LATER, AFTER, DIED, KILLED = list(ENDINGS)[4:]


@two.wrong(
    "Where all is well you call somebody, and slept through everything else. True means that somebody has to look; is "
    "it the other way round?",
    when=lambda seen: seen.called and seen.count == len(ENDINGS) - 1,
)
def upside_down(returncode, run, day):
    return returncode == 0 and run is not None and run["status"] == "succeeded" and run["interval_start"] == day


@two.wrong(
    "You slept through {count} of {bad} bad endings, the first of them: {missed}. You wait until both witnesses "
    "complain; one who does is enough.",
    when=lambda seen: {QUIT, RUNNING, AFTER, DIED, KILLED} <= seen.slept and "a stage failed" not in seen.slept,
)
def both_must_complain(returncode, run, day):
    return returncode != 0 and run is not None and run["status"] == "failed"


@two.wrong(
    "You believe the exit code alone, and slept through: {missed}. `sys.exit(0)` in a cell ends a notebook half-way "
    "with 0.",
    when=lambda seen: seen.slept - {KILLED} == {QUIT, RUNNING, CRASHED, NONE, MISTYPED, LATER},
)
def code_only(returncode, run, day):
    return returncode != 0


@two.wrong(
    "You slept through: {another_day}. The history says that some day succeeded, and it was another one.",
    when=lambda seen: seen.another_day and seen.slept <= {MISTYPED, LATER, RUNNING, CRASHED, AFTER, DIED, KILLED},
)
def ignores_day(returncode, run, day):
    return returncode != 0 or run is None or run["status"] != "succeeded"


@two.wrong(
    "You believe the history alone, and slept through: {missed}. The load was done, and what should have come after "
    "it was not.",
    when=lambda seen: seen.slept == {AFTER, DIED, KILLED},
)
def history_only(returncode, run, day):
    return run is None or run["status"] != "succeeded" or run["interval_start"] != day


@two.wrong(
    "You slept through: {missed}. A process that was killed has a negative exit code.",
    when=lambda seen: seen.slept == {KILLED},
)
def positive_only(returncode, run, day):
    return returncode > 0 or run is None or run["status"] != "succeeded" or run["interval_start"] != day


@two.wrong(
    "You slept through: {missed}. Of all that a status can be, `succeeded` alone says that the day is there; a run "
    "that is still `running` when its process has ended, or was found `crashed`, was left half-way.",
    when=lambda seen: seen.slept and seen.slept <= {RUNNING, CRASHED},
)
def running_is_fine(returncode, run, day):
    bad = run is None or run["status"] in ("failed", "crashed") or run["interval_start"] != day
    return returncode != 0 or bad


@two.right
def by_comparison(returncode, run, day):
    return (returncode, (run or {}).get("status"), (run or {}).get("interval_start")) != (0, "succeeded", day)


@two.right
def with_all_there_is(returncode, run, day):
    if returncode or not run:
        return True
    loaded = run["status"] == "succeeded" and run["error"] is None and run["rows_loaded"] > 0
    return not (loaded and run["pipeline"] == "flights" and run["interval_start"] == day)


@two.grade
def grade_needs_attention(t: Trial) -> None:
    misses: list[str] = []
    t.seen.bad = len(ENDINGS) - 1
    for case, (code, status, day) in ENDINGS.items():
        found = t.call(code, _run_of(day, status) if status else None, "2013-01-15", case=case)
        looks, truth = case != "all well", plain(found)
        if isinstance(truth, bool | int):
            t.seen.called = t.seen.called or (truth and not looks)
            if looks and not truth:
                misses.append(case)
        run = f"{{'status': {status!r}, 'interval_start': {day!r}, …}}" if status else "None"
        given = f"needs_attention({code}, {run}, '2013-01-15')"
        fits = isinstance(truth, bool | int) and bool(truth) == looks
        t.true(fits, case, f"{given}: expected {looks}, got {show(found)}")
    t.seen.count, t.seen.missed = len(misses), (misses or [None])[0]
    t.seen.slept = set() if t.seen.called else set(misses)  # who always says the same has not decided anything
    t.seen.another_day = next((case for case in (MISTYPED, LATER) if case in t.seen.slept), None)


def _run_of(day: str, status: str) -> dict[str, object]:
    """As `etl history --json` has it."""
    ended, good = status != "running", status == "succeeded"
    return {
        "run_id": "8f14e45fceea167a",
        "pipeline": "flights",
        "interval_start": day,
        "interval_end": (date.fromisoformat(day) + timedelta(days=1)).isoformat(),
        "trigger": "manual",
        "attempt": 1,
        "retry_of": None,
        "retry_at": None,
        "status": status,
        "started_at": "2013-01-16T03:00:00Z",
        "finished_at": "2013-01-16T03:00:02Z" if ended else None,
        "duration_s": 2.0 if ended else None,
        "rows_extracted": 894,
        "rows_loaded": 894 if good else None,
        "rows_rejected": 0 if good else None,
        "error": "OperationalError: database is locked" if status == "failed" else None,
        "notebook": None,
    }


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
FIRST, SECOND, THIRD = JANUARY[:3]


def _recent() -> list[date]:
    """Yesterday and today, by the clock: what an answer names that asks it."""
    return [date.today() - timedelta(days=1), date.today()]


@three.wrong(LEFT_OVER, when=lambda seen: seen.kept)
def keeps_days(landed, receipts, days=[]):  # noqa: B006
    days += [day for day in landed if receipts.get(day) != landed[day]]
    return sorted(set(days))


@three.wrong(
    "2 January landed and you did not name it; a file that landed yesterday or today you did. You asked the clock, "
    "which knows nothing of files. Whoever was down for two days comes back and loads one.",
    when=lambda seen: seen.recent and set(seen.new + seen.recent) <= set(_recent()),
)
def yesterday(landed, receipts):
    day = date.today() - timedelta(days=1)
    return [day] if day in landed and day not in receipts else []


@three.wrong(
    "2 January landed after 3 January had been loaded, and you do not name it. Days do not arrive in order, and a "
    "mark of how far you have come hides every gap behind it.",
    when=lambda seen: seen.new == [SECOND] and seen.gap == [],
)
def high_watermark(landed, receipts):
    newest = max(receipts, default=date.min)
    return sorted(day for day in landed if day > newest)


@three.wrong(
    "A corrected file landed for a day that was loaded, and you do not name it. The wrong numbers stay in the "
    "warehouse, and nothing will ever look at them again.",
    when=lambda seen: seen.new == seen.gap == [SECOND] and seen.corrected == [],
)
def set_difference(landed, receipts):
    return sorted(set(landed) - set(receipts))


@three.wrong(
    "You name 2 January, whose file is gone although it was loaded: there is nothing to load. The run would fail "
    "every day, for ever.",
    when=lambda seen: SECOND in seen.gone,
)
def missing_file_pending(landed, receipts):
    return sorted(day for day in landed.keys() | receipts.keys() if landed.get(day) != receipts.get(day))


@three.wrong(
    "You name 2 January, of which nothing has landed. That a day lies between two others does not mean that its file "
    "is there; its run would fail until it comes.",
    when=lambda seen: SECOND in seen.never,
)
def fills_the_range(landed, receipts):
    days = (max(landed) - min(landed)).days + 1 if landed else 0
    calendar = [min(landed) + timedelta(days=n) for n in range(days)]
    return [day for day in calendar if day not in receipts or receipts[day] != landed.get(day, receipts[day])]


@three.wrong(
    "These are the right days, in another order: {other} stands where {day} belongs. Whoever loads them as you name "
    "them, and is stopped half-way, leaves old gaps behind newer days, where nobody looks for them.",
    when=lambda seen: seen.order and seen.order != seen.month and sorted(seen.order) == seen.month,
)
def any_order(landed, receipts):
    return [day for day in landed if receipts.get(day) != landed[day]]


@three.wrong(
    "31 days with the same content landed, and one was loaded; you name none of the others. You ask whether a hash was "
    "ever loaded, for whatever day, and not whether this day was.",
    when=lambda seen: seen.new == seen.gap == [SECOND] and seen.order == [],
)
def hash_of_any_day(landed, receipts):
    return sorted(day for day, found in landed.items() if found not in receipts.values())


@three.wrong(
    "You name 1 January, which is loaded: its receipt has the hash of what has landed. Your code takes two equal texts "
    "for different ones, unless they are one object; `is` asks for that.",
    when=lambda seen: seen.by_identity,
)
def is_not(landed, receipts):
    return sorted(day for day in landed if receipts.get(day) is not landed[day])


@three.wrong(
    "Your function changed the dicts that it was given: {changed}. They are the caller's, who asks them again.",
    when=lambda seen: seen.changed,
)
def pops(landed, receipts):
    return sorted(day for day, found in landed.items() if receipts.pop(day, None) != found)


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
    late = dict.fromkeys(reversed(JANUARY), "x")
    recent = [SECOND, *_recent()]
    cases = {
        "new": ("2 January landed, 1 January is loaded", {FIRST: "a", SECOND: "b"}, {FIRST: "a"}, [SECOND]),
        "gap": ("2 January landed late", {FIRST: "a", SECOND: "b", THIRD: "c"}, {FIRST: "a", THIRD: "c"}, [SECOND]),
        "corrected": ("1 January was corrected", {FIRST: "A", SECOND: "b"}, {FIRST: "a", SECOND: "b"}, [FIRST]),
        "gone": (
            "2 January's file is gone",
            {FIRST: "a", THIRD: "c"},
            {FIRST: "a", SECOND: "b", THIRD: "c"},
            [],
        ),
        "never": ("2 January has not landed", {FIRST: "a", THIRD: "c"}, {FIRST: "a"}, [THIRD]),
        "order": ("a month, in any order", late, {THIRD: "x"}, [FIRST, SECOND, *JANUARY[3:]]),
        "recent": ("2 January 2013, yesterday and today landed", dict.fromkeys(recent, "x"), {}, recent),
        "nothing": ("nothing landed", {}, {}, []),
    }
    for name, (case, landed, receipts, want) in cases.items():
        found = _pending(t, landed, receipts, case)
        setattr(t.seen, name, list(found) if isinstance(found, list | tuple) else None)
        t.equal(found, want, case)
    if t.seen.new == [FIRST, SECOND]:
        one_object = "a" * 64
        t.seen.by_identity = t.call({FIRST: one_object}, {FIRST: one_object}, case="1 January is loaded") == []
    t.seen.month = cases["order"][3]
    if t.seen.order and sorted(t.seen.order) == t.seen.month:
        pairs = zip(t.seen.order, t.seen.month, strict=True)
        t.seen.other, t.seen.day = next(((show(a), show(b)) for a, b in pairs if a != b), ("", ""))
    case, landed, receipts, _ = cases["new"]
    if t.seen.new is not None:
        ask_again(t, t.seen.new, lambda: _pending(t, landed, receipts, case), case)


def _pending(t: Trial, landed: dict[date, str], receipts: dict[date, str], case: str) -> object:
    """The answer for these, whose letters become hashes: equal ones are two objects, others differ at the end alone."""
    both = [{day: f"{'5e0d' * 15}{ord(letter):04x}" for day, letter in side.items()} for side in (landed, receipts)]
    given = [dict(side) for side in both]
    found = t.call(*given, case=case)
    found = list(found) if isinstance(found, list) else found  # as it is now, should it be kept and changed
    for name, before, now in zip(("landed", "receipts"), both, given, strict=True):
        if now != before:
            days = [day for day in before if now.get(day) != before[day]] or [day for day in now if day not in before]
            t.seen.changed = t.seen.changed or f"{show(days[0])} in `{name}`"
            t.fail(f"{case}; the dict {name} afterwards", f"expected it as it was; {show(days[0])} has changed")
    return found


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


WEEK = JANUARY[6:13]  # Monday 7 to Sunday 13


@four.stub
def run_week(days: list[date], run_one: Callable[[date], object]) -> int:
    """Run every day with `run_one(day)`, which raises an error where the day fails.

    Returns the exit code of it all. Ctrl-C is no failed day: it goes on to the caller.
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


@four.wrong(LEFT_OVER, when=lambda seen: seen.kept)
def keeps_failures(days, run_one, failed=[]):  # noqa: B006
    for day in days:
        try:
            run_one(day)
        except Exception:
            failed.append(day)
    return 1 if failed else 0


@four.wrong(
    "Wednesday failed, and Thursday to Sunday were not even tried. Days do not depend on each other; one bad file "
    "would hold up all that come after it.",
    when=lambda seen: seen.tried == WEEK[:3],
)
def stops(days, run_one):
    for day in days:
        run_one(day)
    return 0


@four.wrong(
    "Wednesday failed, and the exit code is {zero}. What is printed, or noted and then overwritten by the next day, "
    "nobody reads at night: the number is all that cron knows.",
    when=lambda seen: seen.good == seen.code == 0 and seen.tried == WEEK,
)
def always_zero(days, run_one):
    for day in days:
        try:
            run_one(day)
        except Exception as error:
            print(day, "failed:", error)
    return 0


@four.wrong(
    "You return True for a week in which all went well. As an exit code True is 1, which says that it failed, and "
    "False is 0: every good week would wake somebody up, and no bad one.",
    when=lambda seen: seen.good is True and seen.code is False,
)
def true_is_success(days, run_one):
    fine = True
    for day in days:
        try:
            run_one(day)
        except Exception:
            fine = False
    return fine


@four.wrong(
    "Ctrl-C in the middle of a day counts as a failed day, and the week goes on. Whoever wants to stop cannot.",
    when=lambda seen: seen.after_stop == WEEK,
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
    "256 days failed, and your exit code of {many} arrives as 0: a process can end with 0 to 255, and the "
    "rest is cut off. The worst week of all looks like the best.",
    when=lambda seen: seen.many and seen.many % 256 == 0,
)
def exit_count(days, run_one):
    failed = 0
    for day in days:
        try:
            run_one(day)
        except Exception:
            failed += 1
    return failed


@four.wrong(
    "Your function ended the program itself (`SystemExit`). Return the number: a caller who has more to do after the "
    "week would not get to it.",
    when=lambda seen: seen.ended,
)
def exits(days, run_one):
    raise SystemExit(run_week(days, run_one))


@four.wrong(
    "ValueError is a failed day with you, and {got_out} got out of your function and stopped the week. What may go "
    "wrong with a day is not known beforehand.",
    when=lambda seen: seen.got_out and isinstance(seen.code, int),
)
def some_errors(days, run_one):
    failed = 0
    for day in days:
        try:
            run_one(day)
        except ValueError:
            failed = 1
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


GOOD = "a week in which all goes well"


@four.grade
def grade_run_week(t: Trial) -> None:
    def run(days: list[date], error: Mapping[date, BaseException], case: str) -> tuple[object, list[date]]:
        """What the answer returns, and the days that it ran."""
        tried: list[date] = []

        def run_one(day: date) -> None:
            tried.append(day)
            if day in error:
                raise error[day]

        raised = (KeyboardInterrupt, SystemExit, *map(type, error.values()))
        given = list(days)
        found = t.call(given, run_one, case=case, allow=raised)
        t.equal(given, list(days), f"{case}; the list of days, which is the caller's, afterwards")
        t.seen.ended = t.seen.ended or (isinstance(found, Raised) and isinstance(found.error, SystemExit))
        if not isinstance(found, int) and isinstance(plain(found), int):  # numpy's: sys.exit takes it for a text
            text = f"expected an int, got {show(found)} of numpy, with which a process ends with 1, whatever it is"
            t.stop(case, text)
        return found, tried

    case = GOOD
    t.seen.good, tried = run(WEEK, {}, case)
    counts = ", which counts as 1" if t.seen.good is True else ""
    t.true(isinstance(t.seen.good, int) and t.seen.good == 0, case, f"expected 0, got {show(t.seen.good)}{counts}")
    t.equal(tried, WEEK, f"{case}; the days that were run")

    case = "a week in which Wednesday fails"
    t.seen.code, t.seen.tried = run(WEEK, {WEEK[2]: ValueError("more than half of the lines rejected")}, case)
    t.equal(t.seen.tried, WEEK, f"{case}; the days that were run")
    fits = isinstance(t.seen.code, int) and 0 < t.seen.code < 256
    arrives = f": no process can end with it, it arrives as {t.seen.code % 256}" if type(t.seen.code) is int else ""
    t.seen.zero = "False, which counts as 0" if t.seen.code is False else "0"
    t.true(fits, case, f"expected 1, or another number up to 255; got {show(t.seen.code)}{arrives}")

    case = "Ctrl-C on Wednesday"
    found, tried = run(WEEK, {WEEK[2]: KeyboardInterrupt()}, case)
    t.seen.after_stop = None if isinstance(found, Raised) else tried
    t.true(isinstance(found, Raised), case, f"expected KeyboardInterrupt to get out, got {show(found)}")

    case = "256 days that all fail"
    days = [JANUARY[0] + timedelta(days=n) for n in range(256)]
    many, tried = run(days, dict.fromkeys(days, OSError("no connection")), case)
    t.seen.many = int(many) if isinstance(many, int) else None
    t.seen.got_out = type(many.error).__name__ if isinstance(many, Raised) and len(tried) == 1 else None
    t.true(isinstance(many, int) and 0 < many < 256, case, f"expected a number from 1 to 255, got {show(many)}")

    case = "no day at all, as when nothing is pending"
    t.equal(int(none) if isinstance(none := run([], {}, case)[0], bool) else none, 0, case)
    ask_again(t, t.seen.good, lambda: run(WEEK, {}, GOOD)[0], GOOD)
