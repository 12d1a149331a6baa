"""Lines that are rejected: one row each, with its line number, the reason and its text; all others are loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl_core.stages.columns import FLIGHTS
from etl_core.stages.extract import extract
from tests.stages.files import change, flights_file, lines_of, only_rejected, stages, weather_file, write_lines

GOOD = 894


def test_where_nothing_is_rejected_each_has_an_empty_table_of_its_own() -> None:
    first = extract("2013-01-15")
    first.rejected["mine"] = 1
    again = extract("2013-01-15").rejected
    assert (list(again), len(again)) == (["flight_date", "source_line", "reason", "row"], 0)


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("dep_time", "2460", "dep_time: found 2460, expected a time of day as HHMM, 0 to 2400 with minutes below 60"),
        ("sched_dep_time", "2500", "sched_dep_time: found 2500"),
        ("sched_dep_time", "2400", "sched_dep_time: found 2400, expected a time of day as HHMM, 0 to 2359"),
        ("sched_arr_time", "2500", "sched_arr_time: found 2500"),
        ("arr_time", "-5", "arr_time: found -5"),
        ("distance", "-5", "distance: found -5, expected a whole number from 1 to 12500"),
        ("distance", "0", "distance: found 0"),
        ("dep_delay", "1e3", "dep_delay: found '1e3', expected a whole number from -1440"),
        ("air_time", "NaN", "air_time: found 'NaN'"),
        ("arr_delay", "inf", "arr_delay: found 'inf'"),
        ("arr_delay", "-inf", "arr_delay: found '-inf'"),
        ("dep_delay", "1.5", "dep_delay: found '1.5'"),
        ("dep_delay", "0x1F", "dep_delay: found '0x1F'"),
        ("dep_delay", "99999", "dep_delay: found 99999"),
        ("dep_delay", "9999999999", "dep_delay: found '9999999999'"),
        ("dep_delay", "9" * 40, "dep_delay: found '999"),
        ("flight", "text", "flight: found 'text', expected a whole number from 1 to 9999"),
        ("flight", "٣", "flight: found '٣'"),
        ("flight", "10000", "flight: found 10000"),
        ("origin", "XXX", "unknown origin 'XXX', expected one of EWR, JFK, LGA"),
        ("origin", "", "unknown origin '', expected"),
        ("origin", "NA", "unknown origin 'NA', expected"),
        ("dest", "la", "dest: found 'la'"),
        ("carrier", "=1+1", "carrier: found '=1+1'"),
        ("tailnum", '=HYPERLINK("x")', "tailnum: found"),
        ("tailnum", "@SUM(A1)", "tailnum: found"),
        ("tailnum", "N1\x002", "tailnum: found"),
        ("time_hour", "2013-01-15 10:00:00", "time_hour: found '2013-01-15 10:00:00', expected an instant"),
        ("time_hour", "2013-02-30T10:00:00Z", "time_hour: found"),
        ("minute", "60", "minute: found 60"),
        ("hour", "25", "hour: found 25"),
        ("year", "2014", "line of 2014-01-15 in the file of 2013-01-15"),
        ("day", "16", "line of 2013-01-16 in the file of 2013-01-15"),
        ("month", "99", "line of 2013-99-15 in the file of 2013-01-15"),
    ],
)
def test_a_bad_value(landing: Path, column: str, text: str, reason: str) -> None:
    row = change(flights_file(landing), 7, **{column: text})
    transformed = stages()
    rejected = only_rejected(transformed)
    assert rejected.reason.startswith(reason)
    assert rejected.source_line == 7 and str(rejected.flight_date.date()) == "2013-01-15"
    assert rejected.row == row | {column: text.replace("\0", r"\x00")}
    assert transformed.rows == GOOD - 1


@pytest.mark.parametrize(
    ("column", "text"),
    [(c.name, text) for c in FLIGHTS for text in ("", "NA") if not c.nullable and (c.name, text) != ("carrier", "NA")],
)
def test_missing_where_it_may_not_be(landing: Path, column: str, text: str) -> None:
    change(flights_file(landing), 100, **{column: text})
    rejected = only_rejected(stages())
    assert rejected.source_line == 100 and rejected.row[column] == text
    assert rejected.reason.startswith((f"{column}: missing, expected", f"{column}: found", f"unknown {column} "))


@pytest.mark.parametrize("text", ["", "NA"])
def test_missing_tail_number_is_fine(landing: Path, text: str) -> None:
    change(flights_file(landing), 7, tailnum=text)
    transformed = stages()
    assert transformed.rows == GOOD and transformed.flights.tail_number.isna()[5]


def test_carrier_na_is_text(landing: Path) -> None:
    change(flights_file(landing), 7, carrier="NA")
    assert stages().flights.carrier[5] == "NA"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dep_time": "NA"}, "dep_delay without dep_time, expected both or neither"),
        ({"dep_delay": ""}, "dep_time without dep_delay, expected both or neither"),
        ({"arr_delay": "NA"}, "air_time without arr_delay, expected both or neither"),
        ({"air_time": "NA"}, "arr_delay without air_time, expected both or neither"),
        ({"dep_time": "", "dep_delay": ""}, "arr_delay without dep_time"),
    ],
)
def test_columns_that_contradict_each_other(landing: Path, changes: dict[str, str], reason: str) -> None:
    change(flights_file(landing), 7, **changes)
    assert only_rejected(stages()).reason.startswith(reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"hour": "23"},
        {"minute": "59"},
        {"time_hour": "2013-01-15T21:00:00Z"},
        {"time_hour": "2013-01-15T10:30:00Z"},
        {"time_hour": "1999-06-15T10:00:00Z"},
        {"sched_dep_time": "559"},
    ],
)
def test_an_hour_that_is_not_the_scheduled_one_is_loaded_and_noted(landing: Path, changes: dict[str, str]) -> None:
    before = stages()
    for line in (9, 7):
        row = change(flights_file(landing), line, **changes)
    transformed = stages()
    (note,) = transformed.notes
    assert transformed.rows == GOOD and not len(transformed.rejected)
    assert note.startswith("flights of 2013-01-15: 2 of 894 lines whose hour, minute or time_hour contradicts")
    values = ", ".join(f"{name} {row[name]}" for name in ("sched_dep_time", "hour", "minute", "time_hour"))
    assert f"(the first: line 7, {values})" in note
    if "sched_dep_time" not in changes:
        assert transformed.flights.scheduled_departure.equals(before.flights.scheduled_departure)


def test_the_first_reason_counts(landing: Path) -> None:
    change(flights_file(landing), 7, dep_time="2460", origin="XXX", dep_delay="", day="16")
    assert only_rejected(stages()).reason.startswith("line of 2013-01-16")


@pytest.mark.parametrize(
    ("line", "reason", "row"),
    [
        (b'2013,1,15,"517', "the line does not split", {"raw": '2013,1,15,"517'}),
        (b'2013,1,15,"517",x"', "found 5 fields", {"raw": '2013,1,15,"517",x"'}),
        (b"oops", "found 1 fields, expected 19 as in the header", {"raw": "oops"}),
        (b"," * 40, "found 41 fields", {"raw": "," * 40}),
        (b"\xff\xfe\x00", "found 1 fields", {"raw": r"\xff\xfe\x00"}),
        (b"a\rb", "the line does not split", {"raw": "a\rb"}),
    ],
)
def test_a_line_that_does_not_split_sinks_no_other(landing: Path, line: bytes, reason: str, row: dict) -> None:
    path = flights_file(landing)
    lines = lines_of(path)
    lines.insert(9, line)
    write_lines(path, lines)
    transformed = stages()
    rejected = only_rejected(transformed)
    assert (rejected.source_line, rejected.row) == (10, row)
    assert rejected.reason.startswith(reason) and transformed.rows == GOOD


def test_lines_are_counted_as_an_editor_does(landing: Path) -> None:
    path = flights_file(landing)
    lines = lines_of(path)
    lines[5:5] = [b"", b"oops", b"  "]
    write_lines(path, lines, newline=b"\r\n")
    assert only_rejected(stages()).source_line == 7


def test_latin_1_bytes(landing: Path) -> None:
    path = flights_file(landing)
    lines = lines_of(path)
    fields = lines[6].split(b",")
    fields[11] = b"N\xe9"
    lines[6] = b",".join(fields)
    write_lines(path, lines)
    rejected = only_rejected(stages())
    assert rejected.reason == r"tailnum: found bytes that are not UTF-8 in 'N\xe9'"
    assert rejected.row["tailnum"] == r"N\xe9" and rejected.row["dest"] == fields[13].decode()


@pytest.mark.parametrize("part", [b"x", b"\x01", b"\xff", "é".encode()])
def test_a_line_of_10_mb(landing: Path, part: bytes) -> None:
    path = flights_file(landing)
    lines = lines_of(path)
    lines.insert(3, lines[2] + part * (10_000_000 // len(part)))
    write_lines(path, lines)
    transformed = stages()
    row = transformed.rejected.row[0]
    assert 32_000 < len(row.encode()) <= 65_536
    assert only_rejected(transformed).row["raw"].startswith(lines[2].decode())
    assert "expected at most 65,536" in transformed.rejected.reason[0] and transformed.rows == GOOD


def test_a_long_value_is_cut_in_the_reason(landing: Path) -> None:
    change(flights_file(landing), 7, dest="X" * 60_000)
    rejected = only_rejected(stages())
    assert len(rejected.reason) < 200 and len(rejected.row["dest"]) == 60_000


def test_duplicates_of_a_key(landing: Path) -> None:
    path = flights_file(landing)
    lines = lines_of(path)
    lines += [lines[6], lines[6].replace(b"N", b"M"), lines[7]]
    write_lines(path, lines)
    transformed = stages()
    assert transformed.rows == GOOD
    found = transformed.rejected[["source_line", "reason"]].to_dict("split")["data"]
    key = "(flight_date, carrier, flight, origin, scheduled_departure)"
    assert found == [[n, f"same flight as line {first} {key}"] for n, first in ((896, 7), (897, 7), (898, 8))]


def test_the_duplicate_of_a_rejected_line_is_loaded(landing: Path) -> None:
    path = flights_file(landing)
    lines = lines_of(path)
    write_lines(path, [*lines, lines[6]])
    change(path, 7, dest="?")
    transformed = stages()
    assert only_rejected(transformed).source_line == 7 and transformed.rows == GOOD


def test_rejected_lines_of_both_stages_are_in_order(landing: Path) -> None:
    path = flights_file(landing)
    for line, values in ((20, {"dest": "?"}), (10, {"flight": "x"}), (30, {"flight": "0"}), (5, {"dest": "?"})):
        change(path, line, **values)
    rejected = stages().rejected
    assert list(rejected.source_line) == [5, 10, 20, 30]
    assert all(json.loads(row)["year"] == "2013" for row in rejected.row)


@pytest.mark.parametrize("text", ["abc", "inf", "NaN", "1e999", "0x1F"])
def test_a_bad_weather_value_is_missing(landing: Path, text: str) -> None:
    before = stages()
    change(weather_file(landing), 7, temp=text)
    after = stages()
    lost = after.flights.temperature.isna() & before.flights.temperature.notna()
    assert lost.sum() == (before.flights.temperature.notna() & lost).sum() > 0 and after.rows == GOOD
    assert after.flights.wind_speed.equals(before.flights.wind_speed)
    assert "1 bad value taken as missing (the first: line 7, temp: found" in after.notes[0]
    change(weather_file(landing), 8, temp=text)
    assert "2 bad values taken as missing (the first: line 7, temp: found" in stages().notes[0]


def test_a_weather_line_without_its_hour_is_left_out(landing: Path) -> None:
    change(weather_file(landing), 7, time_hour="yesterday")
    assert "line 7: time_hour: found 'yesterday'" in stages().notes[0]


def test_of_two_weather_lines_for_an_hour_the_first_counts(landing: Path) -> None:
    before = stages()
    lines = lines_of(weather_file(landing))
    write_lines(weather_file(landing), [*lines, lines[6]])
    change(weather_file(landing), len(lines) + 1, temp="-40")
    after = stages()
    assert after.flights.equals(before.flights) and "is there twice; the first line counts" in after.notes[0]
