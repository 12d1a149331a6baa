"""Answers that nobody named: what is said to them has to be true, be it a mistake's message or the first difference."""

from __future__ import annotations

import functools
import hashlib
import http.client
import os
import time as clock
import urllib.request
import uuid
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from exercises import model
from exercises.lesson_02 import left_at, minutes, sort_out
from exercises.tools.clock import machine_in
from exercises.trial import grade

Answer = Callable[..., Any]
NEEDED = {"carrier", "flight", "origin", "sched_dep_time", "dep_time"}
KEY = ["carrier", "flight", "origin", "sched_dep_time"]
WALL = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# ---- 0 and 1 --------------------------------------------------------------------------------------------------------


def only_january_31(day: date) -> tuple[date, date]:
    return (day, day + DAY) if day.day < 31 else (day, day)


def last_of_the_year(day: date) -> tuple[date, date]:
    return day, (day + DAY if day.day < 31 else date(day.year, day.month + 1, 1))


def text_of(path: Path, **how: Any) -> pd.DataFrame:
    options = {"dtype": str, "keep_default_na": False, "skip_blank_lines": False, **how}
    frame = pd.read_csv(path, **options)
    return frame.assign(source_line=range(2, len(frame) + 2))


@functools.cache
def ever_seen(path: Path) -> str:
    return sha(path.read_bytes())


def judged(path: Path, rest: Callable[[pd.DataFrame, bytes], Any]) -> Any:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except Exception as error:
        return str(error)
    if NEEDED - set(frame.columns):
        return "columns are missing"
    return "cut off" if not path.read_bytes().endswith(b"\n") else rest(frame, path.read_bytes())


def only_asks(url: str, target: Path) -> None:
    urllib.request.urlopen(url).close()


def ignores_the_status(url: str, target: Path) -> None:
    _, _, host, path = url.split("/", 3)
    connection = http.client.HTTPConnection(host)
    connection.request("GET", f"/{path}")
    data = connection.getresponse().read()
    connection.close()
    target.with_suffix(".part").write_bytes(data)
    os.replace(target.with_suffix(".part"), target)


def misspelt(url: str, target: Path) -> None:
    with urllib.request.urlopen(url) as reply:
        target.with_suffix(".part").write_byte(reply.read())


def downloaded(url: str, target: Path) -> Path:
    """Beside the target, whole; else an error."""
    with urllib.request.urlopen(url) as reply:
        data = reply.read()
    part = target.with_suffix(".part")
    part.write_bytes(data)
    return part


def renames_the_old_one_away(url: str, target: Path) -> None:
    part = downloaded(url, target)
    os.rename(target, target.with_suffix(".old"))
    os.rename(part, target)


def removes_the_old_one_at_first(url: str, target: Path) -> None:
    target.unlink()
    os.replace(downloaded(url, target), target)


def removes_the_old_one_after_an_error(url: str, target: Path) -> None:
    try:
        os.replace(downloaded(url, target), target)
    except OSError:
        os.remove(target)
        raise


def removes_it_and_returns(url: str, target: Path) -> None:
    target.unlink()


FIRST_LESSONS: list[tuple[str, Answer, str, str]] = [  # exercise, answer, name of its mistake ("" for none), words
    ("0.1", only_january_31, "end_included", "Your interval of 31 January starts and ends on that day"),
    ("0.1", last_of_the_year, "", "month must be in 1..12"),
    ("0.1", lambda day: (day, datetime.combine(day, time(12)) + DAY), "", "got (2013-01-15, 2013-01-16 12:00:00)"),
    ("0.1", lambda day: (day + DAY, day + 2 * DAY), "", "got (2013-01-16, 2013-01-17)"),
    ("1.1", lambda path: text_of(path, dtype="string", keep_default_na=True), "dtype_str_only", "'NA' in carrier"),
    ("1.1", lambda path: text_of(path, na_values=["N14228"]), "", "tailnum: expected 'N14228', got nan"),
    ("1.1", lambda path: text_of(path).assign(source_line=1), "", "expected [2, 3, 5, 6], got [1, 1, 1, 1]"),
    ("1.1", lambda path: text_of(path).assign(source_line=lambda all: all.index), "", "got [0, 1, 3, 4]"),
    ("1.1", lambda path: text_of(path, skipinitialspace=True), "strips", "you have 'N1422 '"),
    ("1.1", lambda path: text_of(path).replace("", pd.NA), "", "arr_time: expected ''"),
    ("1.1", lambda path: text_of(path).replace("N14,22", '"N14,22"'), "", "expected 'N14,22', got '\"N14,22\"'"),
    ("1.2", lambda path: str(clock.time_ns()), "new_each_time", "has two fingerprints"),
    ("1.2", lambda path: str(uuid.uuid4()), "new_each_time", "has two fingerprints"),
    ("1.2", lambda path: f"{os.getpid()}{sha(path.read_bytes())}", "builtin_hash", "Another process computes another"),
    ("1.2", lambda path: "the same", "", "a correction of the same size"),
    ("1.2", lambda path: sha(path.read_bytes().splitlines()[-1]), "", "a correction of the same size"),
    ("1.2", lambda path: path.stem, "includes_name", "A copy under another name"),
    ("1.2", lambda path: sha(path.read_text().encode()), "hash_of_frame", "end with CRLF"),
    (
        "1.2",
        lambda path: sha(b"".join(sorted(path.read_bytes().splitlines(True)))),
        "",
        "the same lines in another order",
    ),
    ("1.2", lambda path: sha(path.read_bytes().rstrip()), "strips_first", "one more blank line at its end"),
    ("1.2", lambda path: sha(path.read_text().strip().encode()), "hash_of_frame", "end with CRLF"),
    ("1.2", lambda path: f"{zlib.adler32(path.read_bytes()):08x}", "", "expected 1000, got"),
    ("1.2", lambda path: sha(path.read_bytes())[:2], "four_digits", "Yours has 2 characters"),
    ("1.2", ever_seen, "", "expected 1000, got 1"),
    ("1.3", lambda path: "bad", "", "a whole file"),
    ("1.3", lambda path: "it is empty" if not path.read_bytes() else None, "", "an HTML page"),
    ("1.3", lambda path: judged(path, lambda frame, data: "CRLF" if b"\r" in data else None), "", "CRLF line ends"),
    ("1.3", lambda path: judged(path, lambda frame, data: "too long" if len(frame) > 9 else None), "", "a real day"),
    ("1.3", lambda path: judged(path, lambda frame, data: pd.NA), "", "expected None, got <NA>"),
    ("1.3", lambda path: path.readbytes(), "", "has no attribute 'readbytes'"),
    ("1.4", only_asks, "", "the target still is the old file"),
    ("1.4", lambda url, target: None if url else target, "", "the target still is the old file"),
    ("1.4", misspelt, "", "write_byte"),
    ("1.4", renames_the_old_one_away, "unlinks_first", "finds no file at all"),
    ("1.4", removes_the_old_one_at_first, "unlinks_first", "finds no file at all"),
    ("1.4", removes_it_and_returns, "", "the 1,000 bytes of the file; the target is gone"),
    ("1.4", removes_the_old_one_after_an_error, "", "expected the target as it was before; it is gone"),
    ("1.4", ignores_the_status, "swallows", "(a server that answers 503) and your function returned without an error"),
]


# ---- 2 --------------------------------------------------------------------------------------------------------------


def forgets_to_return(hhmm: str) -> int | None:
    if hhmm == "NA":
        return None
    hours, rest = divmod(int(hhmm), 100)
    hours * 60 + rest


def error_as_value(hhmm: str) -> Any:
    try:
        return minutes(hhmm)
    except ValueError:
        return ValueError


def none_for_letters(hhmm: str) -> int | None:
    return int(hhmm) // 100 * 60 + int(hhmm) % 100 if hhmm.isdecimal() else None


def of_departed(answer: Answer) -> Answer:
    """For the flights that left; the others are cancelled."""
    return lambda day, scheduled, departed, delay: None if departed == "NA" else answer(day, scheduled, departed, delay)


def planned(day: date, scheduled: str) -> datetime:
    return datetime.combine(day, time(int(scheduled) // 100, int(scheduled) % 100), WALL).astimezone(UTC)


def added(unit: str) -> Answer:
    return of_departed(lambda day, s, p, delay: planned(day, s) + timedelta(**{unit: int(delay)}))


def by_clock(limit: int) -> Answer:
    """Tomorrow, if the clock says that it left more than so many minutes early."""

    def answer(day: date, scheduled: str, departed: str, delay: str) -> datetime:
        later = minutes(departed) - minutes(scheduled) < -limit
        midnight = datetime.combine(day + later * DAY, time(), WALL)
        return (midnight + timedelta(minutes=minutes(departed))).astimezone(UTC)

    return of_departed(answer)


def naively(convert: Callable[[datetime], datetime]) -> Answer:
    """The timetable's clock as a datetime without a zone, converted in one way or another."""
    return of_departed(
        lambda day, s, p, delay: (
            convert(datetime.combine(day, time(int(s) // 100, int(s) % 100))) + int(delay) * DAY / 1440
        )
    )


HA_51 = "HA 51, 2013-01-09: scheduled 900, departed 641, delay 1301"


def joined(on: list[str], keep: str = "", **how: Any) -> Answer:
    def answer(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
        known = weather.drop_duplicates(on, keep=keep) if keep else weather
        return flights.merge(known[[*on, "temp"]], on=on, **{"how": "left", **how})

    return answer


def sorted_by(times: Callable[[pd.Series], pd.Series], key: list[str] = KEY) -> Answer:
    def answer(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        fine = (times(raw["dep_time"]) | (raw["dep_time"] == "NA")) & times(raw["sched_dep_time"])
        good = raw[fine].drop_duplicates(key)
        return good, raw.drop(good.index).assign(reason="bad")

    return answer


def clocks(texts: pd.Series) -> pd.Series:
    return texts.str.fullmatch(r"(?:\d|[1-5]\d|(?:1?\d|2[0-3])[0-5]\d|2400)")


def all_twice(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    good, rejected = sort_out(raw)
    return good, pd.concat([rejected, rejected])


def reasons_too_many(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    good, rejected = sort_out(raw)
    rejected["reason"] = ["bad"] * (len(rejected) + 1)
    return good, rejected


def refuses_bad_files(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    if len(sort_out(raw)[1]):
        raise ValueError("there are bad lines")
    return sort_out(raw)


def plain_lists(raw: pd.DataFrame) -> Any:
    good = raw.drop_duplicates(KEY)
    return good.to_dict("records"), raw.drop(good.index).to_dict("records")


SECOND_LESSON: list[tuple[str, Answer, str, str]] = [
    ("2.1", forgets_to_return, "", "Your function returned None"),
    ("2.1", lambda hhmm: print(hhmm), "", "Your function returned None"),
    ("2.1", error_as_value, "", "expected a ValueError, got <class 'ValueError'>, returned and not raised"),
    ("2.1", lambda hhmm: 0, "", "expected 917, got 0"),
    ("2.1", none_for_letters, "bad_is_none", "You made None of '-5'"),
    ("2.1", lambda hhmm: int(hhmm) // 100 * 60 + int(hhmm) % 100, "", "invalid literal for int() with base 10: 'NA'"),
    ("2.2", of_departed(lambda day, s, p, d: planned(day, "0") + timedelta(minutes=int(s) + int(d))), "", HA_51),
    ("2.2", added("days"), "", HA_51),
    ("2.2", added("seconds"), "", HA_51),
    ("2.2", added("hours"), "", HA_51),
    ("2.2", of_departed(lambda *flight: left_at(*flight).isoformat()), "", "got '2013-01-10T11:41:00+00:00'"),
    ("2.2", of_departed(lambda *flight: left_at(*flight).timestamp()), "", "got 1357818060.0"),
    ("2.2", of_departed(lambda day, s, p, delay: planned(day, s) - timedelta(minutes=int(delay))), "", HA_51),
    ("2.2", of_departed(lambda day, s, p, delay: planned(day, s)), "", HA_51),
    (
        "2.2",
        of_departed(lambda day, s, p, d: planned(day, p[-4:].replace("2400", "0")) + int(d) * DAY / 1440),
        "",
        HA_51,
    ),
    ("2.2", of_departed(lambda *flight: left_at(*flight) + DAY), "", HA_51),
    ("2.2", of_departed(lambda *flight: left_at(*flight) + DAY / 24), "", HA_51),
    ("2.2", naively(lambda wall: wall.astimezone(UTC)), "zone_of_the_machine", "at 2013-01-10 00:56:00+00:00"),
    ("2.2", naively(lambda wall: datetime.fromtimestamp(wall.timestamp(), UTC)), "zone_of_the_machine", "Kathmandu at"),
    ("2.2", naively(lambda wall: wall.replace(tzinfo=UTC).astimezone()), "replace_utc", "A label does not convert"),
    ("2.2", naively(lambda wall: wall.astimezone(UTC).replace(tzinfo=None)), "without_zone", "does not know its zone"),
    ("2.2", of_departed(lambda *flight: datetime.now(UTC)), "", HA_51),
    ("2.2", of_departed(lambda *flight: None), "", "Your function returned None"),
    ("2.2", by_clock(720), "twelve_hours", "139 minutes early"),
    ("2.2", by_clock(60), "one_hour", "had it left at 8:21"),
    ("2.2", by_clock(30), "one_hour", "had it left at 8:50"),
    ("2.2", by_clock(10), "tomorrow_if_smaller", "71 flights"),
    ("2.2", of_departed(lambda *f: left_at(*f).replace(tzinfo=None)), "without_zone", "2013-01-10 11:41:00 is a clock"),
    ("2.3", joined(["origin", "hour"]), "hour_of_any_day", "your flights have that of the 30th"),
    ("2.3", joined(["origin"]), "", "expected 894 rows, got 21,456"),
    ("2.3", joined(["time_hour"], keep="first"), "", "a row with temp = 37.04 is expected"),
    ("2.3", joined(["origin", "time_hour"], how="outer"), "", "expected 894 rows, got 913"),
    ("2.3", lambda *both: joined(["origin", "time_hour"])(*both).dropna(), "", "expected 894 rows, got 881"),
    ("2.3", lambda *both: joined(["origin", "time_hour"])(*both).dropna(subset="temp"), "inner", "883 are left"),
    ("2.3", lambda *both: joined(["origin", "time_hour"])(*both).fillna({"temp": 0}), "fills_gaps", "have 0 °F"),
    ("2.3", joined(["origin", "year", "month", "day", "hour"], keep="last"), "dedupe_after", "the other hour"),
    ("2.3", lambda flights, weather: weather, "", "the column 'carrier' is not there"),
    ("2.4", sorted_by(lambda x: pd.to_numeric(x, errors="coerce").between(0, 2400)), "any_number", "the time 1275"),
    ("2.4", sorted_by(lambda x: clocks(x) | x.str.contains(":")), "", "got [2, 4, 5, 9, 10, 14, 15, 16]"),
    ("2.4", sorted_by(lambda x: x.str.fullmatch(r"\d{0,2}[0-5]?\d")), "any_number", "the time 2530"),
    ("2.4", sorted_by(clocks, ["carrier", "flight"]), "", "expected [2, 4, 5, 9, 10, 14, 15], got [2, 4, 5, 9, 10]"),
    ("2.4", sorted_by(lambda x: clocks(x) & (x != "2400")), "", "got [2, 4, 5, 10, 14, 15]"),
    ("2.4", all_twice, "", "got [3, 3, 6, 6,"),
    ("2.4", reasons_too_many, "", "Length of values"),
    ("2.4", refuses_bad_files, "raises", "your function raised ValueError: there are bad lines"),
    ("2.4", lambda raw: (raw.iloc[:0], raw.assign(reason="bad")), "", "the good lines"),
    ("2.4", plain_lists, "", "expected two DataFrames, got a tuple of a list and a list"),
    (
        "2.4",
        lambda raw: [*sort_out(raw), 16],
        "",
        "got a list of a DataFrame of 7 rows and 20 columns and a DataFrame of 9",
    ),
    ("2.4", lambda raw: raw.pd, "", "has no attribute 'pd'"),
]


CASES = FIRST_LESSONS + SECOND_LESSON


@pytest.mark.parametrize(
    ("number", "answer", "mistake", "words"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)]
)
def test_what_is_said_is_true(number: str, answer: Answer, mistake: str, words: str) -> None:
    if mistake == "zone_of_the_machine" and not hasattr(clock, "tzset"):
        pytest.skip("the zone of a process cannot be changed here")
    outcome = grade(model.find(number), answer)
    assert not outcome.passed
    assert outcome.mistake == mistake, outcome
    assert words in f"{outcome.message}\n{outcome.case}\n{outcome.detail}", outcome


@pytest.mark.skipif(not hasattr(clock, "tzset"), reason="the zone of a process cannot be changed here")
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "UTC"])
def test_no_verdict_depends_on_the_zone_of_the_machine(zone: str) -> None:
    exercise = model.find("2.2")
    with machine_in(zone):
        for answer in (exercise.parts["solution"], *exercise.rights):
            assert grade(exercise, answer).passed
        for wrong in exercise.wrongs:
            assert grade(exercise, wrong.example).mistake == wrong.name
            assert os.environ["TZ"] == zone
