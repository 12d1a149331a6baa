"""Answers that nobody named: what is said to them has to be true, be it a mistake's message or the first difference."""

from __future__ import annotations

import functools
import hashlib
import http.client
import os
import shutil
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

import exercises
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


def with_its_header(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False)
    return frame.set_axis(frame.iloc[0], axis="columns").assign(source_line=frame.index + 1)


def in_a_cell(text: str) -> Answer:
    """The function `mark` of a notebook's cell."""
    cell: dict[str, Any] = {"__name__": "__main__"}
    needed = "import hashlib\nfrom functools import cache, lru_cache, wraps\n"
    exec(f"{needed}def sha(path): return hashlib.sha256(path.read_bytes()).hexdigest()\n{text}", cell)
    return cell["mark"]


def head_and_tail(data: bytes, size: int) -> bytes:
    return f"{len(data)}".encode() + data[:size] + data[-size:]


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


def commas_differ(frame: pd.DataFrame, data: bytes) -> str | None:
    return "cut off" if len({text.count(b",") for text in data.splitlines()}) > 1 else None


def more_cells_than_columns(path: Path) -> str | None:
    rows = path.read_bytes().decode("latin-1").splitlines()
    if not rows or NEEDED - set(rows[0].split(",")):
        return "not a flights file"
    return "cut off" if rows[-1].count(",") > rows[0].count(",") + 1 else None


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


def replaces_before_it_closes(url: str, target: Path) -> None:
    part = target.with_suffix(".part")
    with urllib.request.urlopen(url) as reply, open(part, "wb") as file:
        file.write(reply.read())
        os.replace(part, target)


def in_pieces(mode: str) -> Answer:
    def answer(url: str, target: Path) -> None:
        part = target.with_suffix(".part")
        with urllib.request.urlopen(url) as reply, open(part, mode) as file:
            shutil.copyfileobj(reply, file)
        if part.stat().st_size < int(reply.headers["Content-Length"]):
            raise OSError("cut off")
        os.replace(part, target)

    return answer


appends_to_what_is_there, wants_to_be_first = in_pieces("ab"), in_pieces("xb")


async def only_later(url: str, target: Path) -> None:
    os.replace(downloaded(url, target), target)


def removes_it_and_returns(url: str, target: Path) -> None:
    target.unlink()


FIRST_LESSONS: list[tuple[str, Answer, str, str]] = [  # exercise, answer, name of its mistake ("" for none), words
    ("0.1", only_january_31, "end_included", "Your interval of 31 January starts and ends on that day"),
    ("0.1", last_of_the_year, "", "month must be in 1..12"),
    ("0.1", lambda day: (day, datetime.combine(day, time(12)) + DAY), "", "got (2013-01-15, 2013-01-16 12:00:00)"),
    (
        "0.1",
        lambda day: (f"{day}", f"{day + DAY}"),
        "",
        "expected two dates, not text; got ('2013-01-15', '2013-01-16')",
    ),
    ("0.1", lambda day: (day + DAY, day + 2 * DAY), "", "got (2013-01-16, 2013-01-17)"),
    ("1.1", lambda path: text_of(path, dtype="string", keep_default_na=True), "dtype_str_only", "'NA' in carrier"),
    ("1.1", lambda path: text_of(path, na_values=["N14228"]), "", "tailnum: expected 'N14228', got nan"),
    ("1.1", lambda path: text_of(path).assign(source_line=1), "", "expected [2, 3, 5, 6], got [1, 1, 1, 1]"),
    ("1.1", lambda path: text_of(path).assign(source_line=lambda all: all.index), "", "got [0, 1, 3, 4]"),
    ("1.1", lambda path: text_of(path, skipinitialspace=True), "strips", "you have 'N1422 '"),
    ("1.1", lambda path: text_of(path).replace("", pd.NA), "", "arr_time: expected ''"),
    ("1.1", lambda path: text_of(path).replace("N14,22", '"N14,22"'), "", "expected 'N14,22', got '\"N14,22\"'"),
    ("1.1", lambda path: text_of(path)[lambda all: all.dep_time != "NA"], "", "line 5 is missing"),
    (
        "1.1",
        lambda path: text_of(path, keep_default_na=True).fillna("NA"),
        "",
        "a row for line 4, on which is no flight",
    ),
    ("1.1", with_its_header, "", "a row for line 1, on which is no flight"),
    ("1.1", lambda path: text_of(path).astype({"source_line": float}), "", "source_line is 2.0; a whole number"),
    ("1.1", lambda path: text_of(path).astype({"source_line": str}), "", "source_line is '2'; a whole number"),
    (
        "1.1",
        lambda path: text_of(path).sort_values("tailnum").replace("007", "7"),
        "",
        "line 2, flight: expected '007'",
    ),
    ("1.2", lambda path: sha(head_and_tail(path.read_bytes(), 1024)), "", "a correction in its middle"),
    ("1.2", lambda path: sha(head_and_tail(path.read_bytes(), 4096)), "", "a correction in its middle"),
    ("1.2", lambda path: sha(b"".join(path.read_bytes().splitlines(True)[1:])), "", "another name in the header"),
    ("1.2", lambda path: sha(path.read_bytes().lower()), "", "a code in small letters"),
    ("1.2", lambda path: sha(path.read_bytes().lstrip()), "", "a blank line before its first"),
    ("1.2", lambda path: sha(path.open(errors="replace", newline="").read().encode()), "", "which is not UTF-8"),
    ("1.2", lambda path: sha(path.open(errors="ignore", newline="").read().encode()), "", "which is not UTF-8"),
    ("1.2", in_a_cell("@lru_cache\ndef mark(path): return sha(path)"), "remembers", "gives the old fingerprint"),
    ("1.2", in_a_cell("@cache\ndef mark(path): return str(hash(sha(path)))"), "builtin_hash", "Another process"),
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
    ("1.2", ever_seen, "remembers", "whose content has changed meanwhile"),
    ("1.3", lambda path: "bad", "", "a whole file"),
    ("1.3", lambda path: judged(path, commas_differ), "", "a comma in a cell, in quotes"),
    (
        "1.3",
        lambda path: judged(path, lambda frame, data: None) and None,
        "suffix_only",
        "an empty file your function re",
    ),
    ("1.3", lambda path: print(judged(path, lambda frame, data: None)), "suffix_only", "returned None, and about the"),
    (
        "1.3",
        lambda path: "",
        "suffix_only",
        "your function returned '', and about the four",
    ),
    ("1.3", lambda path: judged(path, lambda frame, data: None) or "", "yes_or_no", "For a whole file you answer ''"),
    ("1.3", more_cells_than_columns, "header_only", "its last line has 13 cells of 19"),
    ("1.3", lambda path: "it is empty" if not path.read_bytes() else None, "", "an HTML page"),
    ("1.3", lambda path: judged(path, lambda frame, data: "CRLF" if b"\r" in data else None), "", "CRLF line ends"),
    ("1.3", lambda path: judged(path, lambda frame, data: "too long" if len(frame) > 9 else None), "", "a real day"),
    ("1.3", lambda path: judged(path, lambda frame, data: pd.NA), "", "expected None, got <NA>"),
    ("1.3", lambda path: path.readbytes(), "", "has no attribute 'readbytes'"),
    ("1.4", only_asks, "", "the target still is the old file"),
    ("1.4", lambda url, target: None if url else target, "", "the target still is the old file"),
    ("1.4", misspelt, "", "write_byte"),
    ("1.4", replaces_before_it_closes, "still_open", "0 of its 1,000 bytes were in it"),
    ("1.4", appends_to_what_is_there, "", "expected the 1,000 bytes of the file; the target has 1,400"),
    ("1.4", wants_to_be_first, "", "FileExistsError"),
    ("1.4", only_later, "", "returns a coroutine: nothing was done yet"),
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


def signed(hhmm: str) -> int | None:
    if hhmm == "NA":
        return None
    hours, rest = divmod(int(hhmm), 100)
    if rest > 59 or hours * 60 + rest > 1440:
        raise ValueError(hhmm)
    return hours * 60 + rest


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


def next_day_if_late_and_smaller(day: date, s: str, p: str, delay: str, hours: int = 25) -> datetime:
    day += DAY * (int(delay) > 0 and int(p) < int(s))
    return datetime(day.year, day.month, day.day, int(p) // 100 % hours, int(p) % 100, tzinfo=WALL)


def dated(day: date, departed: str) -> datetime:
    return (datetime.combine(day, time(), WALL) + timedelta(minutes=minutes(departed) % 1440)).astimezone(UTC)


by_day_of_the_sum = of_departed(lambda day, s, p, delay: dated(day + (minutes(s) + int(delay)) // 1440 * DAY, p))
by_minutes_late = of_departed(
    lambda day, s, p, d: dated(day + (p == "2400" or (int(d) > 0 and int(p) < int(s))) * DAY, p)
)


def offset_of_midnight(day: date, s: str, p: str, delay: str) -> datetime:
    offset = datetime.combine(day, time(), WALL).utcoffset()
    return datetime.combine(day, time(), UTC) + timedelta(minutes=minutes(s) + int(delay)) - offset


def by_clock_in_a_dict(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    on = ["origin", "month", "day", "hour"]
    known = dict(zip(weather[on].itertuples(index=False, name=None), weather["temp"], strict=True))
    return flights.assign(temp=[known.get(key) for key in flights[on].itertuples(index=False, name=None)])


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


def numbers(raw: pd.DataFrame) -> pd.Series:
    return pd.to_numeric(raw["dep_time"], errors="coerce")


def renumbers(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    good, rejected = sort_out(raw.assign(dep_time=raw["dep_time"].astype(str)))
    good = good.reset_index(drop=True)
    return good.assign(source_line=good.index + 2), rejected


SEEN: set[tuple[str, ...]] = set()


def remembers_in_a_set(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    good, rejected = sort_out(raw)
    keys = [*good[KEY].itertuples(index=False, name=None)]
    old = pd.Series([key in SEEN for key in keys], index=good.index, dtype=bool)
    SEEN.update(keys)
    return good[~old], pd.concat([rejected, good[old].assign(reason="seen before")])


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
    ("2.1", signed, "", "expected a ValueError, got -5"),
    ("2.1", lambda hhmm: None if hhmm in ("", "NA") else minutes(hhmm), "", "expected a ValueError, got None"),
    ("2.1", lambda hhmm: float("nan") if hhmm == "NA" else minutes(hhmm), "", "expected None, got nan"),
    ("2.1", lambda hhmm: pd.NA if hhmm == "NA" else minutes(hhmm), "", "expected None, got <NA>"),
    ("2.2", of_departed(next_day_if_late_and_smaller), "", "hour must be in 0..23"),
    ("2.2", of_departed(lambda *f: next_day_if_late_and_smaller(*f, hours=24)), "", "2013-02-07, left at 24:00"),
    ("2.2", by_day_of_the_sum, "", "clocks showed 1:30 for the second time"),
    ("2.2", by_minutes_late, "", "left at 10:00, 1,500 minutes late"),
    ("2.2", of_departed(offset_of_midnight), "hours_since_midnight", "midnight's offset from UTC is not that"),
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
    ("2.3", by_clock_in_a_dict, "dedupe_after", "New York's clock names two rows"),
    ("2.3", lambda flights, weather: weather, "", "the column 'carrier' is not there"),
    ("2.4", sorted_by(lambda x: pd.to_numeric(x, errors="coerce").between(0, 2400)), "any_number", "the time 1275"),
    (
        "2.4",
        sorted_by(lambda x: clocks(x) | x.str.contains(":")),
        "",
        "line 16 (sched_dep_time '515', dep_time '5:17')",
    ),
    ("2.4", sorted_by(lambda x: x.str.fullmatch(r"\d{0,2}[0-5]?\d")), "any_number", "the time 2530"),
    ("2.4", sorted_by(clocks, ["carrier", "flight"]), "", "line 14 (sched_dep_time '515'"),
    ("2.4", sorted_by(lambda x: clocks(x) & (x != "2400")), "", "dep_time '2400'): expected among the good ones"),
    ("2.4", all_twice, "", "expected among the rejected ones, got rejected and rejected"),
    ("2.4", lambda raw: (sort_out(raw)[0], sort_out(raw)[1].iloc[1:]), "", "among the rejected ones, got lost"),
    ("2.4", remembers_in_a_set, "remembers", "has 0 good lines; the first time it had 7"),
    (
        "2.4",
        lambda raw: [part[[*KEY, "source_line", *part.columns[20:]]] for part in sort_out(raw)],
        "",
        "no column 'year'",
    ),
    (
        "2.4",
        lambda raw: (sort_out(raw)[0], sort_out(raw)[1][["source_line", "reason"]]),
        "",
        "rejected lines have no col",
    ),
    ("2.4", lambda raw: sort_out(raw)[::-1], "", "first of your two tables has it"),
    ("2.4", sorted_by(clocks, [*KEY, "dest"]), "duplicates_kept", "lines 2 and 6 have the same"),
    (
        "2.4",
        sorted_by(lambda texts: clocks(texts) | (texts == "")),
        "",
        "dep_time ''): expected among the rejected ones",
    ),
    ("2.4", renumbers, "", "source_line 3 is flight"),
    ("2.4", lambda raw: renumbers(raw.assign(dep_time=numbers)), "", "expected '517', as in"),
    (
        "2.4",
        lambda raw: (sort_out(raw)[0].assign(dep_time=numbers), sort_out(raw)[1]),
        "",
        "expected '517', as in the file",
    ),
    ("2.4", reasons_too_many, "", "Length of values"),
    ("2.4", refuses_bad_files, "raises", "your function raised ValueError: there are bad lines"),
    ("2.4", lambda raw: (raw.iloc[:0], raw.assign(reason="bad")), "", "line 2 (sched_dep_time '515'"),
    ("2.4", plain_lists, "", "expected two DataFrames, got a tuple of a list and a list"),
    (
        "2.4",
        lambda raw: [*sort_out(raw), 16],
        "",
        "got a list of a DataFrame of 7 rows and 20 columns and a DataFrame of 10",
    ),
    ("2.4", lambda raw: raw.pd, "", "has no attribute 'pd'"),
]


CASES = FIRST_LESSONS + SECOND_LESSON


@pytest.mark.slow
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


RIGHT: list[tuple[str, Answer]] = [
    ("1.2", in_a_cell("@lru_cache\ndef digest(data): return data.hex()[-64:] + hashlib.sha256(data).hexdigest()\n"
                      "def mark(path): return digest(path.read_bytes())")),
    ("1.2", in_a_cell("OPEN = open(__import__('os').devnull)\ndef mark(path): return OPEN.read() + sha(path)")),
    ("1.2", in_a_cell("def kept(f):\n @wraps(f)\n def g(path): return f(path)\n return g\nmark = kept(sha)")),
    ("1.4", in_pieces("wb")),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_a_right_answer_in_another_style(number: str, answer: Answer) -> None:
    outcome = grade(model.find(number), answer)
    assert outcome.passed, outcome


def test_what_was_printed_keeps_its_indent(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check("0.1", lambda day: print("\n   a  b\n0  1  2\n"))
    assert "printed:\n       a  b\n    0  1  2\n" in capsys.readouterr().out


def test_a_second_check_tells_the_same() -> None:
    """Though what the answer remembers is there from the first."""
    told = [grade(model.find("2.4"), remembers_in_a_set).mistake for _ in range(2)]
    assert told == ["remembers", "remembers"]


@pytest.mark.slow
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
