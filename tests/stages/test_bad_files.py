"""Files that are not what was agreed: a clear error that names file and line, and nothing is loaded."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import time
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest

from etl_core.errors import BadSchema, PermanentError, StillBeingWritten
from etl_core.interval import Interval
from etl_core.stages import landing as landing_module
from etl_core.stages.extract import extract
from etl_core.stages.landing import day_of, landed
from etl_core.stages.transform import transform
from tests.stages.files import DAY, change, flights_file, lines_of, stages, weather_file, write_lines

GOOD = 894  # lines of 2013-01-15


def refused(*parts: str, error: type[Exception] = BadSchema, day: str = DAY) -> None:
    with pytest.raises(error) as caught:
        stages(day)
    for part in (f"{day}.csv", *parts):
        assert part in str(caught.value)


def header(landing: Path, change: bytes, to: bytes, file=flights_file) -> None:
    path = file(landing)
    path.write_bytes(path.read_bytes().replace(change, to, 1))


def test_a_good_file(landing: Path) -> None:
    transformed = stages()
    assert (transformed.rows, len(transformed.rejected), transformed.notes) == (GOOD, 0, [])


def test_missing_day(landing: Path) -> None:
    with pytest.raises(PermanentError, match=r"2014-01-01.csv: not found.*ETL_LANDING"):
        extract("2014-01-01")


def test_missing_landing_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_LANDING", str(tmp_path / "nowhere"))
    with pytest.raises(PermanentError, match=r"nowhere.*no such folder.*ETL_LANDING"):
        landed()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b"  \r\n\r\n"])
def test_empty(landing: Path, content: bytes) -> None:
    flights_file(landing).write_bytes(content)
    refused("empty file", "year,month,day")


@pytest.mark.parametrize("after", [b"\n", b"", b"\n\n \n"])
def test_header_only(landing: Path, after: bytes) -> None:
    flights_file(landing).write_bytes(lines_of(flights_file(landing))[0] + after)
    refused("no line after it")


def test_header_renamed(landing: Path) -> None:
    header(landing, b"dep_delay", b"departure_delay")
    refused("line 1", "no column dep_delay (renamed to 'departure_delay'?)", "expected")


def test_column_missing(landing: Path) -> None:
    header(landing, b",dest,", b",")
    refused("line 1", "no column dest")


def test_no_header(landing: Path) -> None:
    write_lines(flights_file(landing), lines_of(flights_file(landing))[1:])
    refused("line 1", "no column name that is known")


def test_column_named_twice(landing: Path) -> None:
    header(landing, b",dest,", b",origin,")
    refused("line 1", "more than one column named 'origin'")


def test_a_name_is_shown_as_it_was_read(landing: Path) -> None:
    header(landing, b",month,", b", Month,")
    refused("no column month (renamed to ' Month'?)", "write the names as they are here: in lower case, without spaces")


def test_names_in_another_case(landing: Path) -> None:
    names = lines_of(flights_file(landing))[0]
    header(landing, names, names.title())
    refused("no column name that is known ('Year,Month,Day,", "year,month,day,", "write the names as they are here")


def test_empty_columns_of_a_spreadsheet(landing: Path) -> None:
    path = flights_file(landing)
    write_lines(path, [line + b",,,," for line in lines_of(path)])
    refused("line 1: found 4 columns without a name", "leave out the empty columns")


def test_a_comma_too_many(landing: Path) -> None:
    before = stages()
    path = flights_file(landing)
    write_lines(path, [line + b"," for line in lines_of(path)])
    after = stages()
    pd.testing.assert_frame_equal(after.flights, before.flights)
    assert after.notes == [f"{path}: a column without a name is not used (a comma too many in each line?)"]


@pytest.mark.parametrize("quote", [False, True])
def test_bare_cr(landing: Path, quote: bool) -> None:
    path = flights_file(landing)
    data = path.read_bytes()
    data = data.replace(b",", b'","').replace(b"\n", b'"\n"')[:-1] if quote else data
    path.write_bytes((b'"' + data if quote else data).replace(b"\n", b"\r"))
    refused("line 1: found lines that end in a bare CR", "end lines in LF or CRLF")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"," * 60_000, "60,001 columns without a name"),
        (b"," * 100_000, "a first line of 100,000 bytes, more than 65,536"),
        (b",".join(b"%x" % n for n in range(13_000)), "no column name that is known"),
        (b",".join(b"%d" % n for n in range(100_000)), "a first line of 588,889 bytes, more than 65,536"),
        (json.dumps([{"year": 2013, "month": 1, "origin": "EWR"}] * 50_000).encode(), "found JSON ('[{"),
        (b'{"year": 2013}', "found JSON ('{"),
    ],
    ids=["commas", "more commas", "names", "more names", "JSON", "JSON lines"],
)
def test_a_first_line_of_many_names_is_soon_refused(landing: Path, line: bytes, said: str) -> None:
    path = flights_file(landing)
    path.write_bytes(line + b"\n" + path.read_bytes())
    started = time.process_time()
    refused("line 1", said, "year,month,day")
    assert time.process_time() - started < 2  # was minutes


@pytest.mark.parametrize(("delimiter", "called"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_another_delimiter(landing: Path, delimiter: str, called: str) -> None:
    path = flights_file(landing)
    path.write_text(path.read_text().replace(",", delimiter))
    refused("line 1", called, "write it with commas")


def test_columns_in_another_order(landing: Path) -> None:
    before = stages()
    frame = pd.read_csv(flights_file(landing), dtype="str", keep_default_na=False)
    frame[frame.columns[::-1]].to_csv(flights_file(landing), index=False)
    pd.testing.assert_frame_equal(stages().flights, before.flights)


def test_a_column_added(landing: Path) -> None:
    before = stages()
    path = flights_file(landing)
    write_lines(path, [line + (b",gate" if n == 0 else b",B7 \xe9") for n, line in enumerate(lines_of(path))])
    after = stages()
    pd.testing.assert_frame_equal(after.flights, before.flights)
    assert after.notes == [f"{path}: columns that are not used: 'gate'"]


@pytest.mark.parametrize("kind", ["bom", "crlf", "both", "quoted", "blank lines", "no last newline", "cr at the end"])
def test_dialects_of_csv_give_the_same_rows(landing: Path, kind: str) -> None:
    before = stages()
    path = flights_file(landing)
    data = path.read_bytes()
    if kind in ("bom", "both"):
        data = b"\xef\xbb\xbf" + data
    if kind in ("crlf", "both"):
        data = data.replace(b"\n", b"\r\n")
    if kind == "quoted":
        data = b"\n".join(b'"' + line.replace(b",", b'","') + b'"' for line in data.split(b"\n")[:-1]) + b"\n"
    if kind == "blank lines":
        data = data.replace(b"\n", b"\n\n  \r\n")
    if kind == "no last newline":
        data = data[:-1]
    if kind == "cr at the end":
        data = data[:-1] + b"\r"
    path.write_bytes(data)
    after = stages()
    pd.testing.assert_frame_equal(after.flights, before.flights)
    assert not len(after.rejected)


def test_both_ways_of_reading_give_the_same_frame(landing: Path) -> None:
    before = extract(DAY)
    path = flights_file(landing)
    path.write_bytes(path.read_bytes().replace(b"EWR", b'"EWR"', 1))  # a quote: read line by line
    weather = weather_file(landing)
    weather.write_bytes(weather.read_bytes().replace(b"EWR", b'"EWR"', 1))
    after = extract(DAY)
    pd.testing.assert_frame_equal(after.flights, before.flights)
    pd.testing.assert_frame_equal(after.weather, before.weather)


def test_html_page(landing: Path) -> None:
    flights_file(landing).write_bytes(b"<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\n")
    refused("HTML", "error page")


def test_gzip(landing: Path) -> None:
    flights_file(landing).write_bytes(gzip.compress(flights_file(landing).read_bytes()))
    refused("gzip", "decompress")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16(landing: Path, encoding: str) -> None:
    flights_file(landing).write_text(flights_file(landing).read_text(), encoding=encoding)
    refused(*(["UTF-16", "iconv"] if encoding == "utf-16" else ["line 1"]))


@pytest.mark.parametrize(
    "content", [b"\x00" * 5000, bytes(range(256)) * 40, b"PK\x03\x04zzz\n", b'"\n"\n', b"year\rmonth\r1\r"]
)
def test_rubbish(landing: Path, content: bytes) -> None:
    flights_file(landing).write_bytes(content)
    refused("line 1", "expected a CSV file")


@pytest.mark.parametrize("keep", [30, 5_000, 20_001])
def test_truncated_in_the_middle_of_a_line_may_still_be_written(landing: Path, keep: int) -> None:
    path = flights_file(landing)
    path.write_bytes(path.read_bytes()[:keep])
    refused("line", "try again when it is complete", error=StillBeingWritten)


def test_truncated_weather_may_still_be_written(landing: Path) -> None:
    path = weather_file(landing)
    path.write_bytes(path.read_bytes()[:-10])
    refused("try again", error=StillBeingWritten)


@pytest.mark.parametrize("same_size", [False, True])
def test_changed_while_read(landing: Path, monkeypatch: pytest.MonkeyPatch, same_size: bool) -> None:
    read_bytes = Path.read_bytes

    def read_and_change(path: Path) -> bytes:
        data = read_bytes(path)
        assert path.is_relative_to(landing), "read on, as if nothing had happened"
        path.write_bytes(data[:-1] + b"x" if same_size else data + b"2013,")
        os.utime(path, (1, 1))  # the clock of some file systems is coarse
        return data

    monkeypatch.setattr(landing_module.Path, "read_bytes", read_and_change)
    refused("changed while it was read", error=StillBeingWritten)


def test_unreadable(landing: Path) -> None:
    path = flights_file(landing)
    path.unlink()
    path.mkdir()  # root reads every file, but not a folder
    hashes = landed()
    assert [str(day) for day in hashes] == ["2013-01-14", DAY, "2013-01-16"]
    assert [value.startswith("unreadable: ") for value in hashes.values()] == [False, True, False]
    refused("cannot be read", "expected a readable file", error=PermanentError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize("kind", ["FIFO", "socket", "device"])
@pytest.mark.parametrize("file", [flights_file, weather_file])
def test_only_regular_files_are_read(landing: Path, monkeypatch: pytest.MonkeyPatch, kind: str, file) -> None:
    path = file(landing)
    path.unlink()
    monkeypatch.chdir(path.parent)  # the path of a socket may have a hundred characters
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(path.name)
    else:
        path.symlink_to("/dev/tty")
    found: list[object] = []

    def look() -> None:
        found.append([value.startswith("unreadable: ") for value in landed().values()])
        refused("cannot be read (not a regular file)", "expected a readable file", error=PermanentError)
        found.append("refused")

    thread = Thread(target=look, daemon=True)  # a FIFO that nobody writes into is waited for without end
    thread.start()
    thread.join(20)
    assert found == [[False, True, False], "refused"]


def test_a_link_to_a_file_is_read(landing: Path) -> None:
    before = landed()
    path = flights_file(landing)
    path.rename(landing / "elsewhere.bin")
    path.symlink_to(landing / "elsewhere.bin")
    assert landed() == before and stages().rows == GOOD


def test_the_last_day_there_is_has_no_interval_and_is_not_ours(landing: Path) -> None:
    shutil.copy(flights_file(landing), flights_file(landing, "9999-12-31"))
    assert [str(Interval.of(day)) for day in landed()] == ["2013-01-14", DAY, "2013-01-16"]
    assert str(day_of("9999-12-30.csv")) == "9999-12-30"


def test_of_the_days_asked_for_those_that_are_there_are_found(landing: Path) -> None:
    everything = landed()
    few, many = Interval.of("2013-01-15", "2013-01-31").days, Interval.of("2000-01-01", "2030-12-31").days
    assert landed(many) == everything
    assert landed(few) == {day: value for day, value in everything.items() if day in few} and len(landed(few)) == 2


def test_vanished_between_listing_and_reading(landing: Path) -> None:
    assert len(landed()) == 3
    flights_file(landing).unlink()
    refused("not found", error=PermanentError)


@pytest.mark.parametrize("bad", [447, 448])
def test_more_than_half_rejected_by_a_rule(landing: Path, bad: int) -> None:
    path = flights_file(landing)
    lines = lines_of(path)
    write_lines(path, [line.replace(b",EWR,", b",XXX,").replace(b",JFK,", b",XXX,").replace(b",LGA,", b",XXX,")
                       if 0 < n <= bad else line for n, line in enumerate(lines)])  # fmt: skip
    if bad == 447:
        assert len(stages().rejected) == 447
    else:
        assert extract(DAY).rows == GOOD
        refused("448 of 894 lines rejected", "unknown origin 'XXX'", "line 2")


def test_more_than_half_unreadable(landing: Path) -> None:
    path = flights_file(landing)
    write_lines(path, [line if n < 400 else b"oops" for n, line in enumerate(lines_of(path))])
    refused("495 of 894 lines rejected", "line 401: found 1 fields, expected 19")


def test_the_most_frequent_reason_is_told(landing: Path) -> None:
    path = flights_file(landing)
    path.write_bytes(path.read_bytes() * 2)
    refused("895 of 1789 lines rejected", "894 of them like line 897: same flight as line 2")


def test_reasons_that_differ_by_their_values_are_one_kind(landing: Path) -> None:
    path = flights_file(landing)
    lines = lines_of(path)
    for n in range(1, 601):
        lines[n] = lines[n].replace(b"2013,1,15", b"2013,%d,%d" % (n % 12 + 1, n % 14 + 1), 1)
    lines[1] = b"oops"
    write_lines(path, lines)
    refused("600 of 894 lines rejected", "599 of them like line 3: line of 2013-03-03 in the file of 2013-01-15")


def test_halves_add_up_over_both_stages(landing: Path) -> None:
    path = flights_file(landing)
    lines = lines_of(path)
    for n in range(1, len(lines)):  # a third does not split, a third breaks a rule
        if n % 3 == 0:
            lines[n] = b"oops"
        elif n % 3 == 1:
            lines[n] = lines[n].replace(b"2013,1,15", b"2013,1,16", 1)
    write_lines(path, lines)
    extracted = extract(DAY)
    with pytest.raises(BadSchema, match="of 894 lines rejected"):
        transform(extracted)


def test_weather_missing(landing: Path) -> None:
    with_weather = landed()
    weather_file(landing).unlink()
    transformed = stages()
    assert transformed.flights[["temperature", "wind_speed", "visibility", "precipitation"]].isna().all(axis=None)
    assert "2013-01-15.csv: not found" in transformed.notes[0]
    assert {str(day) for day, value in landed().items() if with_weather[day] != value} == {DAY}
    shutil.rmtree(landing / "weather")
    assert len(landed()) == 3


@pytest.mark.parametrize(("content", "said"), [
    (b"", "empty file"), (b"<html>\n", "HTML"), (b"\x1f\x8bzz\n", "gzip"),
    (b"origin,year\nEWR,2013\n", "no column month"),
])  # fmt: skip
def test_weather_that_does_not_parse(landing: Path, content: bytes, said: str) -> None:
    weather_file(landing).write_bytes(content)
    refused("weather", said)


def test_weather_of_other_places_is_left_out(landing: Path) -> None:
    path = weather_file(landing)
    before = stages()
    path.write_bytes(path.read_bytes().replace(b"EWR,", b"KEWR,"))
    after = stages()
    found = "(the first: line 2, unknown origin 'KEWR', expected one of EWR, JFK, LGA)"
    assert after.notes == [f"weather of {DAY}: 24 of 72 lines left out {found}"]
    newark = after.flights.origin == "EWR"
    assert after.flights.temperature[newark].isna().all()
    pd.testing.assert_frame_equal(after.flights[~newark], before.flights[~newark])


@pytest.mark.parametrize(("without", "noted"), [(894, True), (470, True), (440, False)])
def test_weather_that_is_of_no_flight_s_hour(landing: Path, without: int, noted: bool) -> None:
    path = weather_file(landing)
    if without == 894:
        shutil.copy(weather_file(landing, "2013-01-14"), path)
    else:  # without the last hours
        hours = extract(DAY).flights.time_hour.sort_values()
        last = hours.iloc[GOOD - without].strftime("%Y-%m-%dT%H").encode()
        write_lines(path, [line for line in lines_of(path) if not line[-20:-7].startswith(b"2") or line[-20:-7] < last])
    found = stages()
    lost = int(found.flights.temperature.isna().sum())
    said = [f"weather of {DAY}: no line for the hour of {lost} of 894 flights; is it another day's file?"]
    assert found.notes == (said if noted else []) and (lost > 447) == noted
    days = [stages(day) for day in ("2013-01-14", DAY, "2013-01-16")]
    month = transform(extract(Interval.of("2013-01-14", "2013-01-16")))
    assert month.notes == [note for day in days for note in day.notes]


def test_weather_line_with_too_few_fields(landing: Path) -> None:
    lines = lines_of(weather_file(landing))
    lines[4] = b"EWR,2013"
    write_lines(weather_file(landing), lines)
    refused("weather", "line 5", "found 2 fields, expected 15")


@pytest.mark.parametrize("odd", ["as it is", "no last newline", "CRLF", "a blank line", "another order", "a bad value"])
def test_days_read_together_are_what_each_is_alone(landing: Path, odd: str) -> None:
    path = flights_file(landing, "2013-01-15")
    data = path.read_bytes()
    if odd == "no last newline":
        path.write_bytes(data.removesuffix(b"\n"))
    elif odd == "CRLF":
        path.write_bytes(data.replace(b"\n", b"\r\n"))
    elif odd == "a blank line":
        path.write_bytes(data.replace(b"\n", b"\n\n", 3))
    elif odd == "another order":
        frame = pd.read_csv(path, dtype="str", keep_default_na=False)
        frame[frame.columns[::-1]].to_csv(path, index=False)
    elif odd == "a bad value":
        change(path, 7, distance="far")
    days = ["2013-01-14", "2013-01-15", "2013-01-16"]
    together, alone = extract(Interval.of(days[0], days[-1])), [extract(day) for day in days]
    for name in ("flights", "weather", "rejected"):
        expected = pd.concat([getattr(day, name) for day in alone], ignore_index=True)
        pd.testing.assert_frame_equal(getattr(together, name), expected)
    assert len(together.rejected) == (odd == "a bad value")
