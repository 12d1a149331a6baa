"""Lesson 3, load: what if it dies half-way?"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from exercises.model import Exercise
from exercises.tools.again import LEFT_OVER, ask_again
from exercises.tools.compare import show
from exercises.tools.crash import Images, crash_images, database
from exercises.tools.toy import TABLES
from exercises.trial import Raised, Trial

BEFORE, DAY, NEXT = "2013-01-14", "2013-01-15", "2013-01-16"
CANCELLED = (DAY, "AA", 715, "LGA", None)
SAME = [(DAY, "UA", 1545, "EWR", 2), (DAY, "UA", 1545, "LGA", 7), CANCELLED]  # one flight number, from two airports
OLD = [(DAY, "AA", 1141, "JFK", 33), (DAY, "B6", 725, "JFK", -1), *SAME]
NEW = [(DAY, "AA", 1141, "JFK", 35), *SAME]  # B6 725 is gone, AA 1141 was later than they said
NEIGHBOUR = [(NEXT, "UA", 1545, "EWR", 0), (NEXT, "DL", 461, "LGA", -6)]
NEIGHBOUR_NEW = [(NEXT, "UA", 1545, "EWR", 3)]
EARLIER = [(BEFORE, "UA", 1545, "EWR", 12)]
LATER = [("2013-02-15", "UA", 1545, "EWR", 4)]  # of another month


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection as a reader opens it, closed at the end, whatever was done to it."""
    with closing(sqlite3.connect(path, timeout=1)) as conn:
        yield conn


def flights_of(conn: sqlite3.Connection, day: str) -> list[tuple]:
    found = conn.execute("SELECT day, carrier, flight, origin, delay FROM flights WHERE day = ?", (day,)).fetchall()
    return sorted(found, key=str)


FIXED = (
    "While 16 January was loaded, your code ran `{fixed}`, which is about the 15th. A day that is written out, or the "
    "notebook's `DAY`, is the same in every call; the day to load is the one that is given."
)


def _of_the_15th(statements: list[str]) -> str | None:
    """The first of them that changes 15 January, or would."""
    changes = (text for text in statements if text.split()[0].upper() in ("DELETE", "INSERT", "REPLACE", "UPDATE"))
    return next((text for text in changes if DAY in text), None)


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
    "All other days are gone, though only the 15th was to be replaced. Code that treats the table as if it held one "
    "day leaves, after a year of runs, the last.",
    when=lambda seen: seen.others == [],
)
def replaces_table(conn, day, rows):
    with conn:
        conn.execute("DELETE FROM flights")
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)


@one.wrong(
    "The second load of the same day did not work ({again}), though your code deletes first: `{delete}` found no row. "
    "Is the day in it a text? Without quotes 2013-01-15 is a subtraction, and makes 1997.",
    when=lambda seen: seen.again and seen.delete and re.search(r"[=<>(,]\s*2013-01-15\b", seen.delete),
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
    "The corrected file says that AA 1141 was 35 minutes late; the table still says 33. A known key, or a known day, "
    "is not a known row: corrections keep the key and change the rest.",
    when=lambda seen: seen.corrected and (DAY, "AA", 1141, "JFK", 33) in seen.corrected,
)
def insert_or_ignore(conn, day, rows):
    with conn:
        conn.executemany("INSERT OR IGNORE INTO flights VALUES (?, ?, ?, ?, ?)", rows)


@one.wrong(
    "A file that was corrected once more has as many flights as the one before, and the table still says that AA 1141 "
    "was 35 minutes late; it was 36. A count, or a set of keys, does not tell what the rows say.",
    when=lambda seen: seen.as_many and NEW[0] in seen.as_many,
)
def same_count_is_done(conn, day, rows):
    if len(flights_of(conn, day)) != len(rows):
        replace_day(conn, day, rows)


@one.wrong(
    "B6 725 is still in the table, although the corrected file has no such flight any more. Writing over the keys that "
    "come back leaves those that do not.",
    when=lambda seen: seen.corrected and OLD[1] in seen.corrected,
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


@one.wrong(
    "AA 715 was cancelled, so its delay is missing; it is a row of the file all the same, and {instead}. Missing is a "
    "fact, which a load passes on.",
    when=lambda seen: seen.instead,
)
def drops_the_cancelled(conn, day, rows):
    replace_day(conn, day, [row for row in rows if row[4] is not None])


@one.wrong(FIXED, when=lambda seen: seen.fixed)
def always_the_15th(conn, day, rows):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (DAY,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)


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
    table = EARLIER + NEIGHBOUR + LATER
    _write(path, table)
    as_many = [(*NEW[0][:4], 36), *SAME]
    steps = (
        ("first", DAY, OLD, "15 January, for the first time"),
        ("second", DAY, OLD, "15 January, for the second time"),
        ("corrected", DAY, NEW, "a corrected 15 January: one flight fewer, one delay changed"),
        ("as_many", DAY, as_many, "15 January, corrected once more: as many flights, one delay changed"),
        ("another", NEXT, NEIGHBOUR_NEW, "a corrected 16 January: one flight fewer, one delay changed"),
        ("emptied", DAY, [], "a corrected 15 January from which every flight was withdrawn"),
    )
    for name, day, rows, case in steps:
        others = sorted((row for row in table if row[0] != day), key=str)
        with opened(path) as conn:
            told: list[str] = []
            conn.set_trace_callback(told.append)
            # an error of the second load is what the exercise is about
            allow = sqlite3.IntegrityError if name in ("second", "another") else ()
            found = t.call(conn, day, list(rows), case=case, allow=allow)
            if name == "second":
                t.seen.again = repr(found) if isinstance(found, Raised) else None
                t.seen.delete = next((text for text in told if text.upper().startswith("DELETE")), None)
            if day == NEXT:
                t.seen.fixed = _of_the_15th(told)
            if isinstance(found, Raised):
                t.stop(case, f"your code raised {found!r}")
            table = _now(conn, path)
        here, elsewhere = ([row for row in table if (row[0] == day) is own] for own in (True, False))
        if name == "second" and len(here) == 2 * len(rows):
            t.seen.again = f"there are {len(here)} rows instead of {len(rows)}"
        if name == "first":
            t.seen.instead = _instead_of_cancelled(here)
        setattr(t.seen, name, here)
        t.seen.left = len(here)
        t.equal(here, sorted(rows, key=str), case)
        if not t.equal(elsewhere, others, f"{case}; the other days"):
            t.seen.others = elsewhere
            t.stop(case, "the other days are not what they were")
        _write(path, table)  # whether it was committed is what 3.2 asks


def _instead_of_cancelled(rows: list[tuple]) -> str | None:
    """What became of the one flight without a delay, where all others are as they should be."""
    found = [row for row in rows if row[:4] == CANCELLED[:4]]
    if [row for row in rows if row not in found] != sorted(set(OLD) - {CANCELLED}, key=str) or found == [CANCELLED]:
        return None
    return f"your table has {show(found[0][4])} as its delay" if found else "your table does not have it"


def _write(path: Path, rows: list[tuple]) -> None:
    """Make these rows all there is in the table flights."""
    with opened(path) as conn, conn:
        conn.execute("DELETE FROM flights")
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)


def _now(conn: sqlite3.Connection, path: Path) -> list[tuple]:
    """All rows: as the answer's own connection sees them, or another one if it was closed."""
    ask = "SELECT day, carrier, flight, origin, delay FROM flights"
    try:
        found = conn.execute(ask).fetchall()
        conn.rollback()
    except sqlite3.ProgrammingError:
        with opened(path) as other:
            found = other.execute(ask).fetchall()
    return sorted(map(tuple, found), key=str)


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
        "`with conn:` commits once, at its end. All three statements belong inside: delete the rows, insert the new "
        "ones, write the receipt; with `execute` and `executemany` only.",
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
    "changes, as everybody does before a commit; closing the connection throws them away.",
    when=lambda seen: seen.never_committed,
)
def never_commits(conn, day, rows, source_hash):
    conn.execute("DELETE FROM flights WHERE day = ?", (day,))
    conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
    conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))


@two.wrong(
    "A kill can leave the new receipt with {ahead} rows. The receipt says done, so nobody will ever load this day "
    "again, and it stays wrong for good.",
    when=lambda seen: seen.ahead,
)
def receipt_first(conn, day, rows, source_hash):
    with conn:
        conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)


@two.wrong(
    "A kill can leave {behind} rows under the old receipt, although your code may look like one transaction: `to_sql` "
    "commits on its own, in the middle of yours. Nothing protects a transaction from a commit inside it.",
    when=lambda seen: seen.to_sql and seen.behind in ("new", "mixed"),
)
def to_sql_commits(conn, day, rows, source_hash):
    frame = pd.DataFrame(rows, columns=["day", "carrier", "flight", "origin", "delay"])
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        frame.to_sql("flights", conn, if_exists="append", index=False)
        conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))


@two.wrong(
    "A kill can leave {behind} rows under the old receipt: `{alone} …` ran in no transaction, and so it was "
    "committed as soon as it had run. `executescript` commits what is open and opens nothing; with an "
    "`isolation_level` of None nothing is opened for you either, and `with conn:` only ends what is open.",
    when=lambda seen: seen.behind and seen.alone,
)
def script_commits(conn, day, rows, source_hash):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
        receipt = f"'{day}', {len(rows)}, '{source_hash}'"
        conn.executescript(f"INSERT OR REPLACE INTO receipts VALUES ({receipt})")  # noqa: S608


@two.wrong(
    "A kill between two of your commits leaves {behind} rows under the old receipt. Soon after each other is not "
    "together: with a run an hour, the gap is hit some night. (A `with conn:` inside another one, or in a function "
    "that you call, commits at its own end.)",
    when=lambda seen: seen.behind and seen.commits > 1,
)
def two_commits(conn, day, rows, source_hash):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (day,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
    with conn:
        conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))


@two.wrong(
    "Rows and receipt belong together now, and no kill is needed to see what is left: B6 725 is still in the table, "
    "under a receipt for four rows. As in 3.1, the corrected file has no such flight any more.",
    when=lambda seen: seen.withdrawn_stays,
)
def keeps_the_withdrawn(conn, day, rows, source_hash):
    with conn:
        conn.executemany("INSERT OR REPLACE INTO flights VALUES (?, ?, ?, ?, ?)", rows)
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
    "A day that is loaded for the first time has no receipt afterwards. Its rows are there, and it counts as not "
    "loaded, for ever. An UPDATE changes what it finds, and there was no receipt yet.",
    when=lambda seen: seen.first_time == ("new", "no"),
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
    "The database refused the rows, nothing was loaded, and your function returned as if all were well. Whoever called "
    "it has to hear of that.",
    when=lambda seen: seen.silent,
)
def swallows(conn, day, rows, source_hash):
    try:
        load_day(conn, day, rows, source_hash)
    except sqlite3.Error:
        conn.rollback()


@two.wrong(
    "The newest file of 15 January has no flight any more, and afterwards the old rows and the old receipt are there. "
    "No rows is also something that a file can say. (`to_sql` of an empty frame commits nothing.)",
    when=lambda seen: seen.not_emptied,
)
def nothing_to_do(conn, day, rows, source_hash):
    if rows:
        load_day(conn, day, rows, source_hash)


@two.wrong(FIXED, when=lambda seen: seen.fixed)
def always_the_15th(conn, day, rows, source_hash):
    with conn:
        conn.execute("DELETE FROM flights WHERE day = ?", (DAY,))
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
        conn.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (day, len(rows), source_hash))


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
    frame.to_sql("flights", conn, if_exists="append", index=False)  # commits, unless the frame is empty
    conn.commit()


OLD_RECEIPT, NEW_RECEIPT = (DAY, len(OLD), "old hash"), (DAY, len(NEW), "new hash")


@two.grade
def grade_load_day(t: Trial) -> None:
    path = database(t.folder / "toy.db", TABLES)
    with opened(path) as conn, conn:
        conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", OLD + NEIGHBOUR)
        conn.executemany("INSERT INTO receipts VALUES (?, ?, ?)", [OLD_RECEIPT, (NEXT, 2, "its hash")])
    with opened(path) as conn, crash_images(conn, path, t.folder / "images") as images:
        case = "a corrected 15 January, killed at every moment"
        again = t.call(conn, DAY, list(NEW), "new hash", case=case, allow=sqlite3.IntegrityError)
    t.seen.again = repr(again) if isinstance(again, Raised) else None
    states = images.each(_state)
    _look_at_kills(t, images, states, case)
    if t.seen.again:
        t.stop(case, f"your code raised {again!r}")
    _look_at_the_end(t, images)
    _rerun(t, images)
    _other_files(t, images.paths[-1])
    _first_time_and_refused(t)


def _look_at_kills(t: Trial, images: Images, states: list[tuple[str, str]], case: str) -> None:
    """What kills would leave that is neither the old pair, nor the new one, nor what the whole call leaves."""
    verbs = [statement.split()[0].upper().rstrip(";") for statement in images.statements]  # a script's BEGIN has one
    t.seen.commits, pending, alone = _commits(verbs)
    t.seen.alone = " ".join(images.statements[alone].split()[:3]) if alone is not None else None
    t.seen.never_committed = pending and not t.seen.commits and not t.seen.again
    t.seen.to_sql = any("sqlite_master" in statement for statement in images.statements)
    whole = (("old", "old"), ("new", "new"), states[-1])
    for (data, receipt), statement in zip(states, images.before, strict=True):
        if (data, receipt) not in whole:
            t.seen.ahead = t.seen.ahead or (data if receipt == "new" else None)
            t.seen.behind = data if receipt == "old" else t.seen.behind
            t.fail(case, f"killed before `{statement}`: {data} rows, {receipt} receipt")
    changes = [text for text in images.statements if not text.upper().startswith(("SELECT", "PRAGMA"))]
    rows, receipts = (any(table in text.lower() for text in changes) for table in ("flights", "receipts"))
    if states[-1] == ("new", "new") and rows != receipts:
        there, absent = ("rows", "receipt") if rows else ("receipt", "rows")
        t.fail(case, f"the {there} changed through `conn`, and the {absent} by another way: that makes two commits")


def _commits(verbs: list[str]) -> tuple[int, bool, int | None]:
    """How often these statements commit, whether there are changes in the end that are not committed, and which is the
    first change that stands in no transaction."""
    commits, begun, pending, alone = 0, False, False, None
    for number, verb in enumerate(verbs):
        change = verb in ("INSERT", "DELETE", "REPLACE", "UPDATE")
        commits += verb in ("COMMIT", "END") or (change and not begun)
        if change and not begun and alone is None and "SAVEPOINT" not in verbs:  # which opens one, too
            alone = number
        begun = verb == "BEGIN" or (begun and verb not in ("COMMIT", "END", "ROLLBACK"))
        pending = begun and (pending or change)
    return commits, pending, alone


def _look_at_the_end(t: Trial, images: Images) -> None:
    case = "a corrected 15 January; what another process sees afterwards"
    with opened(images.paths[-1]) as conn:
        rows = flights_of(conn, DAY)
        receipts = conn.execute("SELECT * FROM receipts ORDER BY day").fetchall()
        t.seen.withdrawn_stays = OLD[1] in rows and NEW_RECEIPT in receipts
        fits = t.equal(rows, sorted(NEW, key=str), f"{case}: the rows")
        fits = t.equal(receipts, [NEW_RECEIPT, (NEXT, 2, "its hash")], f"{case}: the receipts") and fits
        fits = t.equal(flights_of(conn, NEXT), sorted(NEIGHBOUR, key=str), f"{case}: the neighbouring day") and fits
    if not fits:
        t.stop(case, "neither the old day nor the new one")


REFUSE = "CREATE TRIGGER full BEFORE INSERT ON flights BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"


def _other_files(t: Trial, path: Path) -> None:
    """Loads of another day, and of a file without rows, into a database that holds the new 15 January."""
    case = "a corrected 16 January"
    with opened(path) as conn:
        told: list[str] = []
        conn.set_trace_callback(told.append)
        found = t.call(conn, NEXT, list(NEIGHBOUR_NEW), "another hash", case=case, allow=sqlite3.IntegrityError)
        t.seen.fixed = _of_the_15th(told)
    if isinstance(found, Raised):
        t.stop(case, f"your code raised {found!r}")
    _holds(t, path, case, NEW + NEIGHBOUR_NEW, [NEW_RECEIPT, (NEXT, 1, "another hash")])

    case = "15 January, from which every flight was withdrawn"
    with opened(path) as conn:
        t.call(conn, DAY, [], "the last hash", case=case)
    with opened(path) as conn:
        t.seen.not_emptied = _state(conn) == ("new", "new")
    _holds(t, path, case, NEIGHBOUR_NEW, [(DAY, 0, "the last hash"), (NEXT, 1, "another hash")])


def _holds(t: Trial, path: Path, case: str, rows: list[tuple], receipts: list[tuple]) -> None:
    with opened(path) as conn:
        t.equal(_now(conn, path), sorted(rows, key=str), f"{case}; the rows afterwards")
        found = conn.execute("SELECT * FROM receipts ORDER BY day").fetchall()
        t.equal(found, receipts, f"{case}; the receipts afterwards")


def _first_time_and_refused(t: Trial) -> None:
    path, case = database(t.folder / "first.db", TABLES), "a day that is loaded for the first time"
    with opened(path) as conn:
        t.call(conn, DAY, list(NEW), "new hash", case=case)
    with opened(path) as conn:
        t.seen.first_time = _state(conn)
        if not t.equal(t.seen.first_time, ("new", "new"), f"{case}: rows, receipt"):
            t.stop(case, "the day is not there")
        conn.executescript(REFUSE)
    case = "a load whose rows the database refuses"
    with opened(path) as conn:
        found = t.call(conn, DAY, list(OLD), "old hash", case=case, allow=True)
    t.true(isinstance(found, Raised), case, "expected its error; your function returned")
    with opened(path) as conn:
        rows, receipt = _state(conn)
    t.seen.silent = not isinstance(found, Raised) and (rows, receipt) == ("new", "new")
    t.seen.refused_rows = rows if (rows, receipt) != t.seen.first_time and receipt == "new" else None
    t.equal((rows, receipt), t.seen.first_time, f"{case}: rows, receipt")


def _state(conn: sqlite3.Connection) -> tuple[str, str]:
    """The rows and the receipt of the day: old, new, no, or mixed."""
    rows, receipt = flights_of(conn, DAY), conn.execute("SELECT * FROM receipts WHERE day = ?", (DAY,)).fetchall()
    kinds = {str(sorted(OLD, key=str)): "old", str(sorted(NEW, key=str)): "new", "[]": "no"}
    receipts = {str([OLD_RECEIPT]): "old", str([NEW_RECEIPT]): "new", "[]": "no"}
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
    "2013-01-01": (3, 3, ""),  # one of its flights was cancelled
    "2013-01-02": (2, 3, "short"),
    "2013-01-03": (4, 3, "long"),
    "2013-01-04": (2, None, "no receipt"),
    "2013-01-05": (0, 2, "no rows"),
    "2013-01-06": (0, 0, ""),
}
BAD = {day for day, (_, _, kind) in AUDITED.items() if kind}


@three.wrong(LEFT_OVER, when=lambda seen: seen.kept)
def keeps_a_list(conn, bad=[]):  # noqa: B006
    bad += audit(conn)
    return bad


@three.wrong(
    "The first item of your list is {first}, a tuple: a query gives a tuple for each row, also where it has one "
    "column. What is asked for is the day in it.",
    when=lambda seen: seen.first,
)
def tuples_of_one(conn):
    return conn.execute("""
        SELECT day FROM (SELECT day, COUNT(*) AS n, NULL AS said FROM flights GROUP BY day
                         UNION ALL SELECT day, NULL, rows FROM receipts)
        GROUP BY day HAVING MAX(said) IS NULL OR COALESCE(MAX(n), 0) <> MAX(said) ORDER BY day""").fetchall()


@three.wrong(
    "You found nothing where 11 rows are there and 11 are in the receipts, and something where the totals differ. A "
    "day that is one short and a day that is one too long hide each other in a sum.",
    when=lambda seen: seen.by_totals,
)
def grand_total(conn):
    there, said = conn.execute("SELECT (SELECT COUNT(*) FROM flights), (SELECT SUM(rows) FROM receipts)").fetchone()
    return [] if there == said else [row[0] for row in conn.execute("SELECT day FROM receipts")]


@three.wrong(
    "You did not find the days that only one of the tables has: rows without a receipt, a receipt without rows. A join "
    "keeps the days that both sides have, and a comparison with NULL holds for none; what is absent does not show up "
    "by itself.",
    when=lambda seen: seen.kinds == {"short", "long"},
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
    "You did not find the day that has rows and no receipt. Starting from the receipts, or comparing with the NULL of "
    "one that is not there, you see only what somebody admits to.",
    when=lambda seen: seen.kinds == {"short", "long", "no rows"},
)
def receipts_only(conn):
    receipts = conn.execute("SELECT day, rows FROM receipts ORDER BY day").fetchall()
    count = "SELECT COUNT(*) FROM flights WHERE day = ?"
    return [date.fromisoformat(day) for day, rows in receipts if conn.execute(count, (day,)).fetchone()[0] != rows]


@three.wrong(
    "You did not find the day whose receipt speaks of rows that are not there. Starting from the rows, or comparing "
    "with a count that is NULL, a lost day is no day.",
    when=lambda seen: seen.kinds == {"short", "long", "no receipt"},
)
def flights_only(conn):
    said = dict(conn.execute("SELECT day, rows FROM receipts"))
    counts = conn.execute("SELECT day, COUNT(*) FROM flights GROUP BY day ORDER BY day").fetchall()
    return [date.fromisoformat(day) for day, rows in counts if said.get(day) != rows]


@three.wrong(
    "You reported 6 January: no rows, and a receipt that says 0. That day was loaded, and had nothing in it. Empty is "
    "not missing; whoever mixes them loads the empty days again and again.",
    when=lambda seen: seen.days == BAD | {"2013-01-06"},
)
def zero_is_missing(conn):
    there = dict(conn.execute("SELECT day, COUNT(*) FROM flights GROUP BY day"))
    said = dict(conn.execute("SELECT day, rows FROM receipts"))
    days = sorted(there.keys() | said.keys())
    return [date.fromisoformat(day) for day in days if not there.get(day) or there.get(day) != said.get(day)]


@three.wrong(
    "You reported 1 January: three rows, and a receipt for three. One of the three was cancelled and has no delay. "
    "Counting a column counts the values in it, which is less than the rows.",
    when=lambda seen: seen.days == BAD | {"2013-01-01"},
)
def counts_a_column(conn):
    there = dict(conn.execute("SELECT day, COUNT(delay) FROM flights GROUP BY day"))
    said = dict(conn.execute("SELECT day, rows FROM receipts"))
    days = sorted(there.keys() | said.keys())
    return [date.fromisoformat(day) for day in days if day not in said or there.get(day, 0) != said[day]]


@three.right
def in_sql(conn):
    found = conn.execute("""
        SELECT day FROM (SELECT day, COUNT(*) AS n, NULL AS said FROM flights GROUP BY day
                         UNION ALL SELECT day, NULL, rows FROM receipts)
        GROUP BY day HAVING MAX(said) IS NULL OR COALESCE(MAX(n), 0) <> MAX(said) ORDER BY day""")
    return [day for (day,) in found]  # days as text will do


@three.right
def in_pandas(conn):
    there = pd.read_sql("SELECT day, COUNT(*) AS n FROM flights GROUP BY day", conn)
    both = pd.read_sql("SELECT day, rows FROM receipts", conn).merge(there, on="day", how="outer").sort_values("day")
    wrong = both["rows"].isna() | (both["n"].fillna(0) != both["rows"])
    return pd.to_datetime(both["day"][wrong])


@three.grade
def grade_audit(t: Trial) -> None:
    case = "a warehouse of six days"
    path = _warehouse(t.folder / "toy.db", AUDITED)
    before = _tables(path)
    found = _audited(t, path, case)
    days = [_as_text(item) for item in found]
    if all(isinstance(day, str) for day in days):
        t.seen.days = set(days)
        t.seen.kinds = {AUDITED[day][2] for day in days if day in BAD} if t.seen.days <= BAD else None
    elif isinstance(found[0], tuple | sqlite3.Row):
        t.seen.first = show(tuple(found[0]))
    t.equal(days, sorted(BAD), case)
    t.equal(_tables(path), before, f"{case}; its tables, which an audit leaves as they are")
    if t.seen.days == set():
        two_days = {day: AUDITED[day] for day in ("2013-01-01", "2013-01-02")}
        t.seen.by_totals = _audited(t, _warehouse(t.folder / "short.db", two_days), "two days, the second one short")
    empty = _audited(t, database(t.folder / "empty.db", TABLES), "an empty warehouse")
    t.equal(empty, [], "an empty warehouse")
    fresh = _warehouse(t.folder / "again.db", AUDITED)
    ask_again(t, days, lambda: [_as_text(item) for item in _audited(t, fresh, case)], case)


def _warehouse(path: Path, days: dict[str, tuple[int, int | None, str]]) -> Path:
    with opened(database(path, TABLES)) as conn, conn:
        for day, (there, said, _) in days.items():
            rows = [(day, "UA", number, "EWR", 0) for number in range(there)]
            conn.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows)
            if said is not None:
                conn.execute("INSERT INTO receipts VALUES (?, ?, 'a hash')", (day, said))
        conn.execute("UPDATE flights SET delay = NULL WHERE day = '2013-01-01' AND flight = 2")
    return path


def _tables(path: Path) -> list[tuple]:
    """How many rows each day has in each table."""
    with opened(path) as conn:
        count = "SELECT '{0}', day, COUNT(*) FROM {0} GROUP BY day"
        return conn.execute(f"{count.format('flights')} UNION ALL {count.format('receipts')}").fetchall()


def _audited(t: Trial, path: Path, case: str) -> list:
    with opened(path) as conn:
        found = t.call(conn, case=case)
        if not isinstance(found, list | tuple | pd.Series):
            t.stop(case, f"expected a list of days, got {show(found)}")
        return list(found)


def _as_text(item: object) -> object:
    """A day as 2013-01-15, be it a date, a timestamp or text; anything else as it is."""
    item = pd.Timestamp(item) if isinstance(item, np.datetime64) else item
    try:
        return str(datetime.fromisoformat(item).date()) if isinstance(item, str) else f"{item:%Y-%m-%d}"
    except (ValueError, TypeError):
        return item
