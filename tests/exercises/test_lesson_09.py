"""What lesson 09 says of answers that combine mistakes, or make one that nobody thought of: nothing that is not so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl_core import Interval, RetryPolicy, faults, flights, history
from exercises.lesson_09 import RIGHT, triage
from exercises.model import find
from exercises.tools import cases
from exercises.trial import Outcome, grade

FILE = find("9.3").solution_text
HOUR = 'pd.to_datetime(frame.time_hour, utc=True).dt.strftime("%Y-%m-%d %H:%M:%S")'
READ = "pd.read_csv(BytesIO(content))"
DELETE = '            conn.execute(sa.text("DELETE FROM weather WHERE day = :day"), {"day": str(day)})\n'
HASH = "sha256(file.read_bytes()).hexdigest() for file"
KEYS = "date.fromisoformat(file.stem): sha256"
LISTED = f'return {{{KEYS}(file.read_bytes()).hexdigest() for file in folder().glob("*.csv")}}'
RECEIPTS = "(content, len(rows), 0) for day, (content, rows) in days.items()"
RECEIVED = "(sha256(content).hexdigest(), rows"
BYTES = '(folder() / f"{day}.csv").read_bytes()'
TABLE = "        conn.execute(sa.text(TABLE))\n"
BEGIN = "    with warehouse.begin() as conn:\n"
MADE = f"{BEGIN}{TABLE}"
DELETED_FIRST = """        for day in days:
            conn.execute(sa.text("DELETE FROM weather WHERE substr(hour, 1, 10) = :day"), {"day": str(day)})
"""
OR_NOTHING = """def content(file):
    file = folder() / file.name
    return file.read_bytes() if file.exists() else b""


def landed()"""
TUPLE = "(sha256(content).hexdigest(), rows_of(day, content))"
TRANSFORMED = f"    return {{day: {TUPLE} for day, content in files.items()}}"
KEPT = "(one.source_hash, one.rows_loaded, 0)"
THEIRS = 'receipts_of("weather")'
AND_RAISE = """    except Exception as error:
        raise RuntimeError("the load has failed") from None
"""
LOCAL = 'pd.to_datetime(frame[["year", "month", "day", "hour"]])'

# What is changed in the solution; the mistake that is named, or the kind of the outcome; words that are shown.
FILES: dict[str, tuple[list[tuple[str, str]], str, str]] = {
    "ignores rows that it knows": (
        [(DELETE, ""), ("INSERT INTO", "INSERT OR IGNORE INTO")],
        "loads_a_day_once",
        "its old rows were left where they are",
    ),
    "the date of the hour, and the rest is overwritten": (
        [(DELETE, ""), (MADE, f"{MADE}{DELETED_FIRST}"), ("INSERT INTO", "INSERT OR REPLACE INTO")],
        "deletes_by_the_date_of_the_hour",
        "rows of the day before are gone, all of them hours after 19:00",
    ),
    "the time of change is the hash": ([(HASH, "str(file.stat().st_mtime) for file")], "another_hash", "for ever"),
    "a number is the hash": (
        [(HASH, "hash(file.name) % 9 for file"), (RECEIVED, "(hash(f'{day}.csv') % 9, rows")],
        "wrong",
        "the hashes of landed() are int, expected text",
    ),
    "the time of change, in both": (
        [
            (HASH, "str(file.stat().st_mtime) for file"),
            (RECEIVED, '(str((folder() / f"{day}.csv").stat().st_mtime), rows'),
        ],
        "wrong",
        "every copy would be taken for a correction",
    ),
    "hash() is salted": (
        [(HASH, "str(hash(file.read_bytes())) for file"), (RECEIVED, "(str(hash(content)), rows")],
        "wrong",
        "after a restart every day is pending",
    ),
    "the size is the hash": (
        [(HASH, "str(file.stat().st_size) for file"), (RECEIVED, "(str(len(content)), rows")],
        "hash_of_the_name",
        "a size",
    ),
    "fills forward": ([(READ, f"{READ}.ffill().bfill()")], "fills_with_zero", "is 25.3172 where the file has NA"),
    "the hour as Germans write it": (
        [("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M")],
        "hour_as_it_came",
        "`hour` holds '22.01.2013 05:00'",
    ),
    "the hour with a Z": ([(HOUR, "frame.time_hour")], "hour_as_it_came", "'2013-01-22T05:00:00Z'"),
    "NA stays a text": ([(READ, f"{READ[:-1]}, keep_default_na=False)")], "keeps_the_text", "holds the text 'NA'"),
    "days are texts": ([(KEYS, "file.stem: sha256")], "wrong", "str, expected datetime.date"),
    "days are timestamps": ([(KEYS, "pd.Timestamp(file.stem): sha256")], "wrong", "Timestamp"),
    "no delete, and a key": (
        [(DELETE, "")],
        "append",
        "UNIQUE constraint failed: weather.origin, weather.hour). A rerun",
    ),
    "a last line is lost": ([(READ, f"{READ}.iloc[:-1]")], "wrong", "2 of 144 rows are missing"),
    "one airport": ([(READ, f"{READ}.query(\"origin == 'JFK'\")")], "wrong", "96 of 144 rows are missing"),
    "no gust, no hour": (
        [(READ, f'{READ}.dropna(subset=["wind_gust"])')],
        "dropna",
        "the 53 with an NA in `wind_gust` are gone",
    ),
    "each day deletes all days": (
        [(' WHERE day = :day"), {"day": str(day)}', '")')],
        "first_day_only",
        "a delete take more than its own",
    ),
    "the local hour, and no zone": ([(HOUR, f'{LOCAL}.dt.strftime("%Y-%m-%d %H:%M:%S")')], "clock_of_new_york", "UTC"),
    "winter all year": (
        [(HOUR, f'({LOCAL} + pd.Timedelta(hours=5)).dt.strftime("%Y-%m-%d %H:%M:%S")')],
        "five_hours_all_year",
        "hours of 4 July are an hour late",
    ),
    "summer all year": (
        [(HOUR, f'({LOCAL} + pd.Timedelta(hours=4)).dt.strftime("%Y-%m-%d %H:%M:%S")')],
        "five_hours_all_year",
        "hours of 22 and 23 January in one run are an hour early",
    ),
    "a dict of the module": (
        [
            ("def transform(", "OUT = {}\n\n\ndef transform("),
            (TRANSFORMED, f"    for day, content in files.items():\n        OUT[day] = {TUPLE}\n    return OUT"),
        ],
        "mutable_default",
        "the receipts of 22 and 23 January, too",
    ),
    "the rows of all days that it has seen, and the receipts of its own": (
        [
            ("def load(", "KNOWN = {}\n\n\ndef load("),
            (BEGIN, f"    KNOWN.update(days)\n{BEGIN}"),
            ("for day, (_, rows) in days.items():", "for day, (_, rows) in KNOWN.items():"),
        ],
        "mutable_default",
        "the rows of 22 and 23 January, too",
    ),
    "all receipts anew, at every run": (
        [
            (
                f"{RECEIPTS}}}",
                f"{RECEIPTS}}}\n        counts = {{day: {KEPT} for day, one in {THEIRS}.items()}} | counts",
            ),
            ("import Interval, Pipeline, settings,", "import Interval, Pipeline, receipts_of, settings,"),
        ],
        "wrong",
        "the receipts of 22 and 23 January were written again by this run",
    ),
    "all that has landed": (
        [("for day in interval.days}", "for day in landed()}")],
        "wrong",
        "rows of 4 July, 3 November, 30 December, which this run is not for",
    ),
    "a file is read once": (
        [
            (f"    return {{day: {BYTES}", f"    return {{day: SEEN.setdefault(day, {BYTES})"),
            ("def extract(", "SEEN = {}\n\n\ndef extract("),
        ],
        "remembers_the_file",
        "Imported anew, your file loads the correction",
    ),
    "the reading is cached": (
        [
            (BYTES, "content(day)"),
            ("def extract(", f"@functools.cache\ndef content(day):\n    return {BYTES}\n\n\ndef extract("),
            ("import sqlalchemy", "import functools\nimport sqlalchemy"),
        ],
        "remembers_the_file",
        "Imported anew, your file loads the correction",
    ),
    "all but the last day of the year": (
        [("for day in interval.days}", "for day in interval.days if day != date(2013, 12, 31)}")],
        "wrong",
        "file came late there is no row of 31 December; load of",
    ),
    "nothing of 3 November": (
        [(BEGIN, f"    if date(2013, 11, 3) in days:\n        return\n{BEGIN}")],
        "wrong",
        "there is no row of 3 November; load of",
    ),
    "the last day of a run": (
        [("for day in interval.days}", "for day in interval.days[-1:]}")],
        "first_day_only",
        "Loading 22 and 23 January in one run, your table has 72 of 144 rows: those of 22 January",
    ),
    "another error instead": (
        [(BEGIN, f"    try:\n        warehouse.begin().__enter__().close()\n{AND_RAISE}{BEGIN}")],
        "wrong",
        "the run: RuntimeError: the load has failed",
    ),
    "another error, from the database's": (
        [
            (
                BEGIN,
                f"    try:\n        warehouse.begin().__enter__().close()\n{AND_RAISE.replace('None', 'error')}{BEGIN}",
            )
        ],
        "passed",
        "pipeline like the flights",
    ),
    "rows, then the hash": (
        [("(content, len(rows), 0)", "(len(rows), content, 0)")],
        "receipt_in_another_order",
        "You give `write_receipts` datetime.date(2013, 1, 22): (72, '",
    ),
    "the repeated hour is not known": (
        [(HOUR, HOUR.replace("frame.time_hour", "frame.time_hour.where(frame.hour.ne(1) | frame.month.ne(11))"))],
        "wrong",
        "hour is NULL",
    ),
    "no receipt": (
        [('        write_receipts(conn, "weather", run_id, counts)', "        pass")],
        "wrong",
        "0 of 2 days",
    ),
    "a receipt for one day": (
        [(RECEIPTS, RECEIPTS.replace("days.items()", "list(days.items())[:1]"))],
        "wrong",
        "1 of 2 days",
    ),
    "load is not written": ([(BEGIN, f"    return\n{BEGIN}")], "never_commits", "it has written nothing"),
    "deletes by itself": (
        [
            (DELETE, ""),
            (MADE, f"{MADE}        for day in days:\n{DELETE}{BEGIN}"),
        ],
        "two_transactions",
        "leaves no rows of the day",
    ),
    "rejects what has an NA": (
        [("(content, len(rows), 0)", '(content, len(rows), sum(row["wind_gust"] is None for row in rows))')],
        "wrong",
        "11 rejected",
    ),
    "the table is made twice": (
        [("CREATE TABLE IF NOT EXISTS", "CREATE TABLE")],
        "raised",
        "table weather already exists",
    ),
    "extract gives nothing": (
        [("    return {day: (folder()", "    {day: (folder()")],
        "wrong",
        "extract() returned None",
    ),
    "a column is missing": ([(", visib REAL", ""), (", :visib", "")], "wrong", "no such column: visib"),
    "not in use yet is no day": (
        [
            (LISTED, f"{LISTED[:-1]} if date.fromisoformat(file.stem) not in etl_core.receipts_of('weather')}}"),
            ("import pandas as pd", "import etl_core\nimport pandas as pd"),
        ],
        "wrong",
        "does not name 2013-01-22 once it is loaded",
    ),
    "a file for every flight": (
        [
            ("file.read_bytes()", "content(file)"),
            ('folder().glob("*.csv")', 'folder().parent.glob("*/*.csv")'),
            (BYTES, 'content(folder() / f"{day}.csv")'),
            ("def landed()", OR_NOTHING),
            (f"    frame = {READ}", f"    if not content:\n        return []\n    frame = {READ}"),
        ],
        "missing_fails_forever",
        "Its run succeeds, with nothing to load.",
    ),
    "the flights' files": ([('/ "weather"\n', '/ "flights"\n')], "wrong", "names 2013-01-22, 2013-12-30, 2013-12-31"),
    "numbers of half the width": (
        [(READ, f'{READ}.astype(dict.fromkeys(MEASURED, "float32"))')],
        "passed",
        "pipeline like the flights",
    ),
    "a transaction for the table": (
        [(MADE, f"{MADE}{BEGIN}")],
        "passed",
        "pipeline like the flights",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_told_what_is_so(name: str, tmp_path: Path) -> None:
    changes, expected, words = FILES[name]
    text = FILE
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "weather.py"
    path.write_text(text, encoding="utf-8")
    found = grade(find("9.3"), path)
    assert (found.mistake or found.kind) == expected, found
    assert words in said(found)
    assert "[SQL" not in said(found) and "the no receipt" not in said(found)


def said(found: Outcome) -> str:
    return f"{found.message} {found.case} {found.detail}"


def by_the_oldest(case: dict[str, Any]) -> str:
    return triage({**case, "runs": case["runs"][-1:]})


def by_the_alphabet(case: dict[str, Any]) -> str:
    return triage({**case, "runs": sorted(case["runs"], key=lambda run: run["status"])})


def twice_is_rerun(case: dict[str, Any]) -> str:
    return "rerun" if len(case["runs"]) > 1 and case["landed"] != case["receipt"] else triage(case)


def any_that_is_permanent(case: dict[str, Any]) -> str:
    found = triage(case)
    return "fix file" if found == "rerun" and any(run["permanent"] for run in case["runs"][1:]) else found


def fault_before_life(case: dict[str, Any]) -> str:
    bad = any(run["permanent"] and run["content"] == case["landed"] for run in case["runs"])
    return "fix file" if bad and case["landed"] != case["receipt"] else triage(case)


def takes_the_run_out(case: dict[str, Any]) -> str:
    newest = case["runs"].pop(0) if case["runs"] else None
    return triage({**case, "runs": [newest] if newest else []})


BY_DAY = {case["day"]: RIGHT[name] for name, case in cases.recorded().items()}


@pytest.mark.parametrize(
    ("answer", "mistake", "words"),
    [
        (by_the_oldest, "oldest_run", "20 January: offline at first, then the header is wrong, you said rerun"),
        (by_the_alphabet, "", "21 January: failed before, and at work now expected 'wait', got 'rerun'"),
        (twice_is_rerun, "", "19 January: died, then failed, and a retry waits expected 'wait', got 'rerun'"),
        (any_that_is_permanent, "", "the load of a new file died expected 'rerun', got 'fix file'"),
        (fault_before_life, "", "and somebody is running it again expected 'wait', got 'fix file'"),
        (takes_the_run_out, "", "11 January: at work, asked a second time expected 'wait', got 'rerun': the first"),
        (lambda case: triage(case).capitalize(), "", "'ask source'; got 'Nothing'"),
        (lambda case: f" {triage(case)}", "", "'ask source'; got ' nothing'"),
        (lambda case: "rerun" if case["landed"] else "ask source", "red_is_rerun", "a retry waits"),
        (lambda case: "nothing", "silence_is_health", "Its file has landed"),
        (lambda case: "wait", "trusts_running", "whose process is dead"),
        (lambda case: "fix_file", "", "expected one of 'nothing', 'wait', 'rerun', 'fix file', 'ask source'"),
        (lambda case: "wait" if triage(case) == "nothing" else triage(case), "trusts_running", "nobody will come"),
        (lambda case: "rerun" if triage(case) == "nothing" else triage(case), "", "expected 'nothing', got 'rerun'"),
        (lambda case: "fix file" if case["receipt"] else triage(case), "", "expected 'nothing', got 'fix file'"),
    ],
)
def test_triage_is_told_what_it_did(answer: Callable[[Any], str], mistake: str, words: str) -> None:
    found = grade(find("9.1"), answer)
    assert (found.mistake, found.kind) == (mistake, "mistake" if mistake else "wrong"), found
    assert words in said(found)


def test_a_list_of_the_days_is_no_rule() -> None:
    found = grade(find("9.1"), lambda case: BY_DAY[case["day"]])
    assert (found.kind, found.mistake) == ("raised", "") and "another day, 25 March: loaded" in found.case, found
    found = grade(find("9.1"), lambda case: BY_DAY.get(case["day"], "rerun"))
    assert "another day, 25 March: loaded expected 'nothing', got 'rerun'" in said(found)


def test_a_retry_is_overdue_by_as_much_as_the_message_says() -> None:
    case = cases.recorded()["a retry is overdue"]
    found = grade(find("9.1"), lambda given: "wait" if given["day"] == case["day"] else triage(given))
    minutes = (case["now"] - case["retry_at"]).total_seconds() / 60
    assert found.mistake == "trusts_the_promise" and f"over by {minutes:.0f} minutes" in found.message
    assert RIGHT["a retry is overdue"] == "rerun"


def fails_twice(day: str) -> str:
    """A day whose load fails twice, without waits; returns the id of the run that loaded it."""
    quick = replace(flights, stage_retry=RetryPolicy(1, 0, 0), run_retry=RetryPolicy(4, base=0.01, cap=0.01))
    faults.inject("load=locked*2")
    run = quick.attempt(Interval.of(day), trigger="scheduled")
    while run.retry_at:
        run = quick.attempt(run.interval, trigger="retry", attempt=run.attempt + 1, retry_of=run.run_id)
    return run.run_id


def test_which_run_it_was() -> None:
    first, newest = fails_twice("2013-01-16"), fails_twice("2013-01-17")
    again = flights.run("2013-01-17").run_id
    other = flights.run("2013-01-18").run_id

    def told(run: str, **given: Any) -> Outcome:
        return grade(find("9.2"), lambda: {"run": run, "attempts": 3, "seconds": 0, **given})

    assert "2013-01-16, which failed twice, but earlier" in told(first).message
    assert "2013-01-17 too, but by manual" in told(again).message
    assert "2013-01-18, which did not fail twice" in told(other).message
    assert told(newest[:8]).passed
    assert "expected seconds as a number, got '3 s'" in told(newest, seconds="3 s").detail
    assert told(newest, seconds=77).detail.endswith("to the data, got 77") and not told(newest, seconds=77).mistake
    assert "nothing" not in told(newest, attempts=2).message and told(newest, attempts=2).mistake == "counts_retries"


def test_a_duration_is_told_by_its_name() -> None:
    find("9.2").parts["scene"]()
    runs = [run for run in history.newest_runs() if run.attempt > 1 or run.retry_at]
    healed, every = runs[0], sum(run.duration_s for run in runs)
    for seconds, words in ((healed.duration_s, "the last attempt took"), (every, "the three attempts took together")):
        found = grade(find("9.2"), lambda s=seconds: {"run": healed.run_id, "attempts": 3, "seconds": s})
        assert words in found.message, found


def test_a_span_from_or_to_a_start_is_told_where_it_is_exact() -> None:
    find("9.2").parts["scene"]()
    first, second, healed = reversed([run for run in history.newest_runs() if run.attempt > 1 or run.retry_at])
    whole = healed.finished_at - first.finished_at
    waits = healed.started_at - second.finished_at + (second.started_at - first.finished_at)
    wrong = {
        "from the start of the first attempt to the data": healed.finished_at - first.started_at,
        "from the first failure to the start of the last attempt": healed.started_at - first.finished_at,
        "the two waits were together": waits,
    }

    def told(seconds: object, characters: int = 8) -> Outcome:
        return grade(find("9.2"), lambda: {"run": healed.run_id[:characters], "attempts": 3, "seconds": seconds})

    for words, span in wrong.items():
        found = told(span.total_seconds())
        assert found.mistake == "from_the_start" and words in found.message, found
        for read_off in (round(span.total_seconds()), round(span.total_seconds(), 1)):
            close = abs(read_off - whole.total_seconds()) <= 1
            assert told(read_off).passed == close, "nobody reads milliseconds off a panel"
    assert told(whole, 6).passed and "expected the id" in told(whole, 5).detail
