"""Lesson 3, load: what if it dies half-way?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import pandas as pd

from exercises.model import Exercise
from exercises.tools.compare import show
from exercises.tools.crash import Images, crash_images, database
from exercises.tools.toy import TABLES
from exercises.trial import Raised, Trial

DAY, NEXT = "2013-01-15", "2013-01-16"
OLD = [(DAY, "UA", 1545, "EWR", 2), (DAY, "AA", 1141, "JFK", 33), (DAY, "B6", 725, "JFK", -1)]
NEW = [(DAY, "UA", 1545, "EWR", 2), (DAY, "AA", 1141, "JFK", 35)]  # B6 725 is gone, AA 1141 was later than they said
NEIGHBOUR = [(NEXT, "UA", 1545, "EWR", 0), (NEXT, "DL", 461, "LGA", -6)]


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection as a reader opens it, closed at the end, whatever was done to it."""
    with closing(sqlite3.connect(path, timeout=1)) as conn:
        yield conn


def flights_of(conn: sqlite3.Connection, day: str) -> list[tuple]:
    found = conn.execute("SELECT day, carrier, flight, origin, delay FROM flights WHERE day = ?", (day,)).fetchall()
    return sorted(found, key=str)


# ---- 3.1 ------------------------------------------------------------------------------------------------------------

one = Exercise(
    "3.1",
    "Load a day as often as you like",
    none=True,
    hints=(
        "Write down what has to be true afterwards, whatever was there before: the day's rows are these, and no "
        "others.",
        "A flight that is missing from a corrected file can only go away if somebody deletes it. Which rows may be "
        "deleted?",
        "`DELETE FROM flights WHERE day = ?`, then insert all rows with `conn.executemany`.",
    ),
    passed="It may run once, twice or after a correction: the table holds what the newest file says.",
)


@one.stub
def replace_day(conn: sqlite3.Connection, day: str, rows: list[tuple]) -> None:
    """Make `rows` all there is of `day` in the table flights.

    Its columns are day, carrier, flight, origin, delay, the first four are the key. Other days
    stay as they are.
    """
    ...  # your code here


@one.solution
def replace_day(conn: sqlite3.Connection, day: str, rows: list[tuple]) -> None:
    """Make `rows` all there is of `day` in the table flights (day, carrier, flight, origin, delay)."""
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)


@one.wrong(
    "16 January is gone. Your code treats the table as if it held this one day; after a year of runs it would hold "
    "the last.",
    when=lambda seen: seen.neighbour_lost,
)
def replaces_table(conn, day, rows):
    with conn:
        conn.execute("DELETE FROM flights")
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)


@one.wrong(
    "The second load of the same day did not work ({again}), though your code deletes first: `{delete}` found no row. "
    "Is the day in it a text? Without quotes 2013-01-15 is a subtraction, and makes 1997.",
    when=lambda seen: seen.again and seen.delete,
)
def day_without_quotes(conn, day, rows):
    with conn:
        conn.execute(f"DELETE FROM flights WHERE day = {day}")  # noqa: S608
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)


@one.wrong(
    "The second load of the same day did not work: {again}. Retries, restarts and corrections all load a day again, "
    "so a load that can only be done once will be done twice on a bad night.",
    when=lambda seen: seen.again,
)
def append(conn, day, rows):
    with conn:
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)


@one.wrong(
    "The corrected file says that AA 1141 was 35 minutes late; the table still says 33. A known key is not a known "
    "row: corrections keep the key and change the rest.",
    when=lambda seen: seen.corrected and (DAY, "AA", 1141, "JFK", 33) in seen.corrected,
)
def insert_or_ignore(conn, day, rows):
    with conn:
        conn.executemany("INSERT OR IGNORE INTO flights VALUES (?, ?, ?, ?, ?)", rows)


@one.wrong(
    "A file that was corrected once more has as many flights as the one before, and the table still says that AA 1141 "
    "was 35 minutes late; it was 36. A count tells how many rows there are, not which.",
    when=lambda seen: seen.as_many and NEW[1] in seen.as_many,
)
def same_count_is_done(conn, day, rows):
    if len(flights_of(conn, day)) != len(rows):
        replace_day(conn, day, rows)


@one.wrong(
    "B6 725 is still in the table, although the corrected file has no such flight any more. Writing over the keys that "
    "come back leaves those that do not.",
    when=lambda seen: seen.corrected and OLD[2] in seen.corrected,
)
def upsert(conn, day, rows):
    with conn:
        conn.executemany("INSERT OR REPLACE INTO flights VALUES (?, ?, ?, ?, ?)", rows)


@one.wrong(
    "The corrected file of 15 January has no flight any more, and {left} of the old ones are still in the table. No "
    "rows is also something that a file can say.",
    when=lambda seen: seen.emptied,
)
def nothing_to_do(conn, day, rows):
    if rows:
        replace_day(conn, day, rows)


@one.right
def with_pandas(conn, day, rows):
    conn.execute("DELETE FROM flights WHERE day = ?", [day])
    frame = pd.DataFrame(rows, columns=["day", "carrier", "flight", "origin", "delay"])
    frame.to_sql("flights", conn, if_exists="append", index=False)


@one.right
def key_by_key(conn, day, rows):
    keep = {row[:4] for row in rows}
    for key in conn.execute("SELECT day, carrier, flight, origin FROM flights WHERE day = ?", (day,)).fetchall():
        if key not in keep:
            conn.execute("DELETE FROM flights WHERE (day, carrier, flight, origin) = (?, ?, ?, ?)", key)
    for row in rows:
        conn.execute("INSERT OR REPLACE INTO flights VALUES (?, ?, ?, ?, ?)", row)
    conn.commit()
    conn.close()


@one.grade
def grade_replace_day(t: Trial) -> None:
    path = database(t.folder / "toy.db", TABLES)
    with opened(path) as conn, conn:
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", NEIGHBOUR)
    steps = (
        ("first", OLD, "15 January, for the first time"),
        ("second", OLD, "15 January, for the second time"),
        ("corrected", NEW, "a corrected 15 January: one flight fewer, one delay changed"),
        ("as_many", [NEW[0], (*NEW[1][:4], 36)], "15 January, corrected once more: as many flights, one delay changed"),
        ("emptied", [], "a corrected 15 January from which every flight was withdrawn"),
    )
    for name, rows, case in steps:
        with opened(path) as conn:
            told: list[str] = []
            conn.set_trace_callback(told.append)
            if name == "second":  # an error here is what the exercise is about
                found = t.call(conn, DAY, list(rows), case=case, allow=sqlite3.IntegrityError)
                t.seen.again = repr(found) if found is not None else None
                t.seen.delete = next((text for text in told if text.upper().startswith("DELETE")), None)
                if t.seen.again:
                    t.stop(case, f"your code raised {found!r}")
            else:
                t.call(conn, DAY, list(rows), case=case)
            day, neighbour = _now(conn, path)
        if name == "second" and len(day) == 2 * len(rows):
            t.seen.again = f"there are {len(day)} rows instead of {len(rows)}"
        setattr(t.seen, name, day)
        t.seen.left = len(day)
        t.seen.neighbour_lost = t.seen.neighbour_lost or not neighbour
        t.equal(day, sorted(rows, key=str), case)
        t.equal(neighbour, sorted(NEIGHBOUR, key=str), f"{case}; the neighbouring day")
        with opened(path) as conn, conn:  # whether it was committed is what 3.2 asks
            conn.execute("DELETE FROM flights")
            conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", day + neighbour)


def _now(conn: sqlite3.Connection, path: Path) -> tuple[list[tuple], list[tuple]]:
    """The rows of both days as the answer's own connection sees them, or another one if it was closed."""
    try:
        found = flights_of(conn, DAY), flights_of(conn, NEXT)
        conn.rollback()
    except sqlite3.ProgrammingError:
        with opened(path) as other:
            found = flights_of(other, DAY), flights_of(other, NEXT)
    return found


# ---- 3.2 ------------------------------------------------------------------------------------------------------------

two = Exercise(
    "3.2",
    "Rows and receipt, together or not at all",
    star=True,
    none=True,
    hints=(
        "Imagine the power fails between any two lines of the function. What does the next run find, and what will it "
        "believe?",
        "Everything between the first change and the one `commit` either stays or goes as a whole. How many commits "
        "are there in your function, counting those that others make for you? `to_sql` and `executescript` commit.",
        "`with conn:` commits once, at its end. All four statements belong inside: delete and insert the rows, delete "
        "and insert the receipt; with `execute` and `executemany` only.",
    ),
    passed="There is no moment at which a kill leaves rows without their receipt, or a receipt without its rows.",
)


@two.stub
def load_day(conn: sqlite3.Connection, day: str, rows: list[tuple], source_hash: str) -> None:
    """Replace the rows of `day` and its receipt (day, rows, source_hash).

    Killed anywhere: all of it or nothing. This version works, as long as nobody kills it.
    Repair it.
    """
    conn.execute("DELETE FROM flights WHERE day = ?", (day,))
    conn.commit()
    conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
    conn.commit()
    conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))
    conn.commit()


@two.solution
def load_day(conn: sqlite3.Connection, day: str, rows: list[tuple], source_hash: str) -> None:
    """Replace the rows of `day` and its receipt (day, rows, source_hash). Killed anywhere: all of it or nothing."""
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
        conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))


@two.wrong(
    "After your function has returned, another process sees the old day: nothing was committed. You see your own "
    "changes, as everybody does before a commit; the end of the process throws them away.",
    when=lambda seen: seen.states and set(seen.states) == {("old", "old")} and not seen.again,
)
def never_commits(conn, day, rows, source_hash):
    conn.execute("DELETE FROM flights WHERE day = ?", (day,))
    conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
    conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))


@two.wrong(
    "A kill can leave the new receipt with {data} rows. The receipt says done, so nobody will ever load this day "
    "again, and it stays wrong for good.",
    when=lambda seen: seen.receipt_ahead,
)
def receipt_first(conn, day, rows, source_hash):
    with conn:
        conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)


@two.wrong(
    "A kill can leave {data} rows under the old receipt, although your code may look like one transaction: `to_sql` "
    "commits on its own, in the middle of your `with` block. Nothing protects a transaction from a commit inside it.",
    when=lambda seen: seen.torn and seen.to_sql,
)
def to_sql_commits(conn, day, rows, source_hash):
    frame = pd.DataFrame(rows, columns=["day", "carrier", "flight", "origin", "delay"])
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        frame.to_sql("flights", conn, if_exists="append", index=False)
        conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))


@two.wrong(
    "A kill between your commits leaves {data} rows under the old receipt. Soon after each other is not together: "
    "with a run an hour, the gap is hit some night.",
    when=lambda seen: seen.torn,
)
def two_commits(conn, day, rows, source_hash):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
    with conn:
        conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))


@two.wrong(
    "The second load of a day fails ({again}): after a crash the day could not be repaired by running it again.",
    when=lambda seen: seen.again,
)
def plain_insert(conn, day, rows, source_hash):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
        conn.execute("INSERT INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))


@two.wrong(
    "A day that is loaded for the first time has no receipt afterwards: there was none to change. Its rows are there, "
    "and it counts as not loaded, for ever.",
    when=lambda seen: seen.first_time and seen.first_time[1] == "no",
)
def updates_the_receipt(conn, day, rows, source_hash):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
        conn.execute("UPDATE receipts SET rows = ?, source_hash = ? WHERE day = ?", (len(rows), source_hash, day))


@two.wrong(
    "The database refused the rows of a load, and afterwards the day has {refused_rows} rows under its old receipt: "
    "what had been done until then was committed. After an error it belongs rolled back, not kept.",
    when=lambda seen: seen.refused_rows,
)
def commits_finally(conn, day, rows, source_hash):
    try:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
        conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))
    finally:
        conn.commit()


@two.wrong(
    "The database refused a row, nothing was loaded, and your function returned as if all were well. Rolling back is "
    "half of it; whoever called has to hear of it.",
    when=lambda seen: seen.silent,
)
def swallows(conn, day, rows, source_hash):
    try:
        load_day(conn, day, rows, source_hash)
    except sqlite3.Error:
        conn.rollback()


@two.right
def begin_and_commit(conn, day, rows, source_hash):
    cursor = conn.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    cursor.execute("DELETE FROM receipts WHERE day = ?", [day])
    cursor.execute("INSERT INTO receipts (rows, source_hash, day) VALUES (?, ?, ?)", [len(rows), source_hash, day])
    cursor.execute("DELETE FROM flights WHERE day = ?", [day])
    for row in rows:
        cursor.execute("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", row)
    conn.commit()
    conn.close()


@two.right
def to_sql_at_the_end(conn, day, rows, source_hash):
    conn.execute("DELETE FROM flights WHERE day = ?", (day,))
    conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))
    frame = pd.DataFrame(rows, columns=["day", "carrier", "flight", "origin", "delay"])
    frame.to_sql("flights", conn, if_exists="append", index=False)  # its commit is the only one


@two.grade
def grade_load_day(t: Trial) -> None:
    path = database(t.folder / "toy.db", TABLES)
    with opened(path) as conn, conn:
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", OLD + NEIGHBOUR)
        conn.executemany("INSERT INTO receipts VALUES (?, ?, ?)", [(DAY, 3, "old hash"), (NEXT, 2, "its hash")])
    with opened(path) as conn, crash_images(conn, path, t.folder / "images") as images:
        case = "a corrected 15 January, killed at every moment"
        again = t.call(conn, DAY, list(NEW), "new hash", case=case, allow=sqlite3.IntegrityError)
        t.seen.again = repr(again) if again is not None else None
    t.seen.to_sql = any("sqlite_master" in statement for statement in images.statements)
    t.seen.states = images.each(_state)
    for (data, receipt), statement in zip(t.seen.states, images.before, strict=True):
        if (data, receipt) not in (("old", "old"), ("new", "new")):
            t.seen.torn, t.seen.data = True, t.seen.data or data
            t.seen.receipt_ahead = t.seen.receipt_ahead or receipt == "new"
            t.fail(case, f"killed before `{statement}`: {data} rows, {receipt} receipt")
    if again is not None:
        t.stop(case, f"your code raised {again!r}")
    t.equal(t.seen.states[-1], ("new", "new"), "what another process sees afterwards: rows, receipt")
    _rerun(t, images)
    _first_time_and_refused(t)


REFUSE = "CREATE TRIGGER full BEFORE INSERT ON flights BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"


def _first_time_and_refused(t: Trial) -> None:
    path, case = database(t.folder / "first.db", TABLES), "a day that is loaded for the first time"
    with opened(path) as conn:
        t.call(conn, DAY, list(NEW), "new hash", case=case)
    with opened(path) as conn:
        t.seen.first_time = _state(conn)
        t.equal(t.seen.first_time, ("new", "new"), f"{case}: rows, receipt")
        conn.executescript(REFUSE)
    case = "a load whose rows the database refuses"
    with opened(path) as conn:
        found = t.call(conn, DAY, list(OLD), "old hash", case=case, allow=True)
    t.seen.silent = not isinstance(found, Raised)
    t.true(isinstance(found, Raised), case, "expected its error; your function returned")
    with opened(path) as conn:
        rows, receipt = _state(conn)
    t.seen.refused_rows = rows if (rows, receipt) != t.seen.first_time and receipt == "new" else None
    t.equal((rows, receipt), t.seen.first_time, f"{case}: rows, receipt")


def _state(conn: sqlite3.Connection) -> tuple[str, str]:
    """The rows and the receipt of the day: old, new, no, or mixed."""
    rows, receipt = flights_of(conn, DAY), conn.execute("SELECT * FROM receipts WHERE day = ?", (DAY,)).fetchall()
    kinds = {str(sorted(OLD, key=str)): "old", str(sorted(NEW, key=str)): "new", "[]": "no"}
    receipts = {str([(DAY, 3, "old hash")]): "old", str([(DAY, 2, "new hash")]): "new", "[]": "no"}
    return kinds.get(str(rows), "mixed"), receipts.get(str(receipt), "wrong")


def _rerun(t: Trial, images: Images) -> None:
    for image, path in enumerate(images.paths):
        case = f"started again after a kill before `{images.before[image]}`"
        with opened(path) as conn:
            t.call(conn, DAY, list(NEW), "new hash", case=case)
        with opened(path) as conn:
            t.equal(_state(conn), ("new", "new"), f"{case}: rows, receipt")
            t.equal(flights_of(conn, NEXT), sorted(NEIGHBOUR, key=str), f"{case}: the neighbouring day")


# ---- 3.3 ------------------------------------------------------------------------------------------------------------

three = Exercise(
    "3.3",
    "Audit the warehouse",
    hints=(
        "Two lists of days, and for each day two numbers. In how many ways can they disagree?",
        "A join drops the days that only one side has, and those are the worst. Which days are there in either table?",
        "Take the days of both tables (`UNION`), count the rows of each, look up what its receipt says, and treat no "
        "rows as 0 rows. A day without rows and with a receipt of 0 is right.",
    ),
    passed="`etl verify` does this and more: it also transforms each day again and compares the values.",
)


@three.stub
def audit(conn: sqlite3.Connection) -> list[date]:
    """The days on which the tables flights and receipts (day, rows, source_hash) disagree.

    Oldest first.
    """
    ...  # your code here


@three.solution
def audit(conn: sqlite3.Connection) -> list[date]:
    """The days on which the table flights and the table receipts (day, rows, source_hash) disagree, oldest first."""
    there = dict(conn.execute("SELECT day, COUNT(*) FROM flights GROUP BY day"))
    said = dict(conn.execute("SELECT day, rows FROM receipts"))
    return [
        date.fromisoformat(day)
        for day in sorted(there.keys() | said.keys())
        if day not in said or there.get(day, 0) != said[day]
    ]


AUDITED = {  # day -> rows there, rows in the receipt (None: no receipt), what is wrong with it
    "2013-01-01": (3, 3, ""),
    "2013-01-02": (2, 3, "short"),
    "2013-01-03": (4, 3, "long"),
    "2013-01-04": (2, None, "no receipt"),
    "2013-01-05": (0, 2, "no rows"),
    "2013-01-06": (0, 0, ""),
}


@three.wrong(
    "You found nothing. 11 rows are there and 11 are in the receipts, so the totals agree; a day that is one short "
    "and a day that is one too long hide each other in a sum.",
    when=lambda seen: seen.kinds == set(),
)
def grand_total(conn):
    there, said = conn.execute("SELECT (SELECT COUNT(*) FROM flights), (SELECT SUM(rows) FROM receipts)").fetchone()
    return [] if there == said else [row[0] for row in conn.execute("SELECT day FROM receipts")]


@three.wrong(
    "You did not find the days that only one of the tables has: rows without a receipt, a receipt without rows. A join "
    "keeps the days that both sides have; what is absent does not show up by itself.",
    when=lambda seen: seen.kinds is not None and not seen.kinds & {"no receipt", "no rows"},
)
def inner_join(conn):
    return [
        date.fromisoformat(day)
        for (day,) in conn.execute(
            "SELECT r.day FROM receipts r JOIN flights f ON f.day = r.day GROUP BY r.day, r.rows HAVING COUNT(*) <> "
            "r.rows"
        )
    ]


@three.wrong(
    "You did not find the day that has rows and no receipt. Starting from the receipts, you see only what somebody "
    "admits to.",
    when=lambda seen: seen.kinds is not None and "no receipt" not in seen.kinds,
)
def receipts_only(conn):
    receipts = conn.execute("SELECT day, rows FROM receipts ORDER BY day").fetchall()
    count = "SELECT COUNT(*) FROM flights WHERE day = ?"
    return [date.fromisoformat(day) for day, rows in receipts if conn.execute(count, (day,)).fetchone()[0] != rows]


@three.wrong(
    "You did not find the day whose receipt speaks of rows that are not there. Starting from the rows, a lost day is "
    "no day.",
    when=lambda seen: seen.kinds is not None and "no rows" not in seen.kinds,
)
def flights_only(conn):
    said = dict(conn.execute("SELECT day, rows FROM receipts"))
    counts = conn.execute("SELECT day, COUNT(*) FROM flights GROUP BY day ORDER BY day").fetchall()
    return [date.fromisoformat(day) for day, rows in counts if said.get(day) != rows]


@three.wrong(
    "You reported 6 January: no rows, and a receipt that says 0. That day was loaded, and had nothing in it. Empty is "
    "not missing; whoever mixes them loads the empty days again and again.",
    when=lambda seen: seen.false_alarm == "2013-01-06",
)
def zero_is_missing(conn):
    there = dict(conn.execute("SELECT day, COUNT(*) FROM flights GROUP BY day"))
    said = dict(conn.execute("SELECT day, rows FROM receipts"))
    days = sorted(there.keys() | said.keys())
    return [date.fromisoformat(day) for day in days if not there.get(day) or there.get(day) != said.get(day)]


@three.right
def in_sql(conn):
    found = conn.execute("""
        SELECT day FROM (SELECT day, COUNT(*) AS n, NULL AS said FROM flights GROUP BY day
                         UNION ALL SELECT day, NULL, rows FROM receipts)
        GROUP BY day HAVING MAX(said) IS NULL OR COALESCE(MAX(n), 0) <> MAX(said) ORDER BY day""")
    return [day for (day,) in found]  # days as text will do


@three.grade
def grade_audit(t: Trial) -> None:
    path = database(t.folder / "toy.db", TABLES)
    with opened(path) as conn, conn:
        for day, (there, said, _) in AUDITED.items():
            rows = [(day, "UA", number, "EWR", 0) for number in range(there)]
            conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
            if said is not None:
                conn.execute("INSERT INTO receipts VALUES (?, ?, 'a hash')", (day, said))
    case = "a warehouse of six days"
    with opened(path) as conn:
        found = t.call(conn, case=case)
        if not isinstance(found, list | tuple | set | pd.Series):
            t.stop(case, f"expected a list of days, got {show(found)}")
        days = [str(day)[:10] for day in found]
    t.seen.kinds = {AUDITED[day][2] for day in days if day in AUDITED} - {""}
    t.seen.false_alarm = next((day for day in days if not AUDITED.get(day, ("", "", ""))[2]), None)
    t.equal(days, [day for day, (_, _, kind) in AUDITED.items() if kind], case)
    empty = database(t.folder / "empty.db", TABLES)
    with opened(empty) as conn:
        t.equal(list(t.call(conn, case="an empty warehouse")), [], "an empty warehouse")
