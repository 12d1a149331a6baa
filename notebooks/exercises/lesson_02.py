"""Lesson 2, transform: when did this flight leave?"""

from __future__ import annotations

import csv
import itertools
import re
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from exercises.model import Exercise
from exercises.tools import landing
from exercises.tools.clock import machine_in
from exercises.tools.compare import plain, show
from exercises.trial import Raised, Trial, line_of

NEW_YORK = ZoneInfo("America/New_York")


def _right_minutes(hhmm: str) -> int | None:
    return None if hhmm == "NA" else int(hhmm) // 100 * 60 + int(hhmm) % 100


# ---- 2.1 ------------------------------------------------------------------------------------------------------------

one = Exercise(
    "2.1",
    "Read a clock time",
    none=True,
    hints=(
        "517 is not five hundred and seventeen of anything. What do its last two digits count, and what the rest?",
        "`divmod(int(hhmm), 100)` gives hours and minutes. Then ask whether there are such hours and minutes. And what "
        "does it make of `-45`?",
        "`NA` is None; text that is not all digits (`hhmm.isdecimal()`) is a ValueError; minutes over 59 are a "
        "ValueError; `60 * hours + minutes` over 1440 is a ValueError.",
    ),
    passed="24:00 is the end of the day, minute 1440; NA is an answer; 24:60 is none.",
)


@one.stub
def minutes(hhmm: str) -> int | None:
    """Minutes since midnight of a clock time HHMM.

    There are no leading zeros: "517" is 5:17, "5" is 0:05. None for "NA" (no such time: the
    flight was cancelled), ValueError for what is no time of a day.
    """
    ...  # your code here


@one.solution
def minutes(hhmm: str) -> int | None:
    """Minutes since midnight of a clock time written HHMM without leading zeros: "517" is 5:17, "5" is 0:05."""
    if hhmm == "NA":
        return None
    if not hhmm.isdecimal():
        raise ValueError(f"{hhmm!r} is not a number")
    hour, minute = divmod(int(hhmm), 100)
    if minute > 59 or 60 * hour + minute > 1440:
        raise ValueError(f"{hhmm!r} is not a time of a day")
    return 60 * hour + minute


@one.wrong(
    "You read 517 as 517 minutes, which is 8:37. It is 5:17: the digits are a clock, not a number.",
    when=lambda seen: seen.of_517 == 517,
)
def as_number(hhmm):
    return None if hhmm == "NA" else int(hhmm)


@one.wrong(
    "517 is 5:17, and you have {of_517!r}. There are no leading zeros in this data: the last two digits are the "
    "minutes, and the hours are what is left of them. Cut after two digits, it would be 51 hours.",
    when=lambda seen: seen.of_1517 == 917 and (seen.of_517 == 51 * 60 + 7 or isinstance(seen.of_517, Raised)),
)
def slices_two(hhmm):
    return None if hhmm == "NA" else int(hhmm[:2]) * 60 + int(hhmm[2:] or 0)


@one.wrong(
    "You made 0 of 2400. The day would begin with it, not end: a flight that left at midnight would have left a day "
    "earlier.",
    when=lambda seen: seen.of_2400 == 0 and seen.of_1517 == 917 and seen.of_517 == 317,
)
def midnight_is_0(hhmm):
    return None if hhmm == "NA" else minutes(str(int(hhmm) % 2400))


@one.wrong(
    "You made None of {nothing!r}. None means that the flight did not take place; a typing error would become a "
    "cancellation, and nobody would see it.",
    when=lambda seen: seen.nothing and seen.known_right,
)
def bad_is_none(hhmm):
    try:
        return minutes(hhmm)
    except ValueError:
        return None


@one.wrong(
    "You took {bad!r} for a time of a day. What is not checked where it comes in is a strange number in a chart next "
    "month.",
    when=lambda seen: seen.bad and seen.known_right,
)
def unchecked(hhmm):
    return None if hhmm == "NA" else int(float(hhmm)) // 100 * 60 + int(float(hhmm)) % 100


@one.right
def padded(hhmm):
    if hhmm == "NA":
        return None
    if not hhmm.isdigit():
        raise ValueError(hhmm)
    text = hhmm.zfill(4)
    if text == "2400":
        return 1440
    return time(int(text[:-2]), int(text[-2:])).hour * 60 + int(text[-2:])


@one.grade
def grade_minutes(t: Trial) -> None:
    t.seen.of_1517 = t.call("1517", case='"1517"', none=False)
    t.seen.of_517 = t.call("517", case='"517"', allow=ValueError)
    t.seen.of_2400 = t.call("2400", case='"2400"', allow=ValueError)
    known = {"1517": 917, "517": 317, "2400": 1440, "NA": None, "1": 1, "59": 59, "100": 60, "0": 0}
    for text, want in known.items():
        found = t.call(text, case=f'"{text}"', allow=ValueError)
        if t.equal(found, want, f'"{text}"') and want is None:
            t.true(found is None, f'"{text}"', f"expected None, got {show(found)}")
    t.seen.known_right = not t.failure
    for text in ("2460", "2401", "60", "-5", "-45", "-100", "1e3", "5:17", ""):
        found = t.call(text, case=f'"{text}"', allow=True)
        if isinstance(found, Raised):
            t.true(isinstance(found.error, ValueError), f'"{text}"', f"expected a ValueError, got {found!r}")
            continue
        if found is None:
            t.seen.nothing = t.seen.nothing or text
        elif isinstance(plain(found), int | float) and found >= 0:
            t.seen.bad = t.seen.bad or text
        error = isinstance(found, BaseException) or (isinstance(found, type) and issubclass(found, BaseException))
        t.fail(f'"{text}"', f"expected a ValueError, got {show(found)}{', returned and not raised' if error else ''}")
    with open(landing.flights_file("2013-01-15"), newline="", encoding="utf-8") as file:
        day = [row[name] for row in csv.DictReader(file) for name in ("dep_time", "sched_dep_time", "arr_time")]
    found = t.do(lambda: [t.answer(text) for text in day], case="the times of 15 January")
    for text, got in zip(day, found, strict=True):
        t.equal(got, _right_minutes(text), f'"{text}", of 15 January')


# ---- 2.2 ------------------------------------------------------------------------------------------------------------

two = Exercise(
    "2.2",
    "When did it leave?",
    star=True,
    none=True,
    hints=(
        "`departed` is a clock without a day. Which of the four arguments knows how far it was from the timetable, "
        "even over midnight?",
        "The scheduled departure has a day and a clock: make an instant of it. The delay is elapsed time: add it to "
        "the instant, not to the clock on the wall.",
        "`datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo('America/New_York')).astimezone(UTC) + "
        "timedelta(minutes=int(delay))`",
    ),
    passed="Day and clock make an instant once, where the clock hung; after that it is elapsed time, in UTC.",
)


@two.stub
def left_at(day: date, scheduled: str, departed: str, delay: str) -> datetime | None:
    """The instant at which a flight left New York, as a datetime that knows its zone.

    `day` is New York's date of the scheduled departure, `scheduled` and `departed` are clock
    times HHMM there, `delay` is in minutes, negative for early. For a cancelled flight departed
    and delay are "NA", and the answer is None.
    """
    ...  # your code here


@two.solution
def left_at(day: date, scheduled: str, departed: str, delay: str) -> datetime | None:
    """The instant at which a flight left New York, as a datetime that knows its zone. None for a cancelled one."""
    if departed == "NA":
        return None
    clock = time(int(scheduled) // 100, int(scheduled) % 100)
    timetable = datetime.combine(day, clock, ZoneInfo("America/New_York")).astimezone(UTC)
    return timetable + timedelta(minutes=int(delay))


def _local(day: date, hhmm: str) -> datetime:
    return datetime.combine(day, time(), NEW_YORK) + timedelta(minutes=_right_minutes(hhmm))


@two.wrong(
    "Your datetime does not know its zone: {naive} is a clock on a wall, and nobody can tell which wall. Even where it "
    "is meant, it has to be said.",
    when=lambda seen: seen.naive,
)
def without_zone(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    return datetime.combine(day, time()) + timedelta(minutes=_right_minutes(scheduled) + int(delay))


@two.wrong(
    "On a machine in New York you have HA 51 leave at {in_new_york}, on one in Kathmandu at {in_kathmandu}. A datetime "
    "without a zone is taken, by `astimezone` and `timestamp`, for one of the zone that the machine is set to; "
    "a server is mostly set to UTC. Where the clock hung is known, and has to be said.",
    when=lambda seen: seen.in_kathmandu,
)
def zone_of_the_machine(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    clock = time(int(scheduled) // 100, int(scheduled) % 100)
    return datetime.combine(day, clock).astimezone(UTC) + timedelta(minutes=int(delay))


@two.wrong(
    "You put the zone UTC on a clock that hung in New York: HA 51's instant is hours off, and so is every other. A "
    "label does not convert.",
    when=lambda seen: seen.label_only,
)
def replace_utc(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    return datetime.combine(day, time(), UTC) + timedelta(minutes=_right_minutes(scheduled) + int(delay))


@two.wrong(
    "{count:,} flights of three days are a day late with you. They left some minutes before the timetable said: a "
    "smaller clock time is not always tomorrow's.",
    when=lambda seen: seen.day_late,
)
def tomorrow_if_smaller(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    later = timedelta(days=int(departed) < int(scheduled))
    return _local(day + later, departed).astimezone(UTC)


@two.wrong(
    "Your rule finds who left after midnight, but for HA 51: you have it at {ha51} on 9 January, 139 minutes early, "
    "and it left 1,301 minutes late. The clock cannot tell the two apart; something else in the line can.",
    when=lambda seen: seen.day_early and seen.count == 1 and seen.ha51,
)
def twelve_hours(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    tomorrow = _right_minutes(departed) - _right_minutes(scheduled) < -12 * 60
    return _local(day + timedelta(days=tomorrow), departed).astimezone(UTC)


@two.wrong(
    "{count} flights left after midnight, and you have them a day too early: HA 51 would have left at {ha51}, before "
    "its timetable. The day of the file is that of the timetable, not of the departure.",
    when=lambda seen: seen.day_early and seen.ha51,
)
def file_day(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    return _local(day, departed).astimezone(UTC)


@two.wrong(
    "The flights of three days are right with you, and one that we made up is not: HA 51, had it left at {clock} and "
    "not at 6:41, would be a day too early. It is {late:,} minutes late, and on the clock {ahead} minutes early, as "
    "others really are. No rule for the clock finds the day; something else in the line does.",
    when=lambda seen: seen.days_right and seen.later == timedelta(days=-1),
)
def one_hour(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    tomorrow = _right_minutes(departed) - _right_minutes(scheduled) < -60
    return _local(day + timedelta(days=tomorrow), departed).astimezone(UTC)


@two.wrong(
    "The flights of {hour_off} are an hour off. In summer New York is four hours behind UTC, in winter five: a zone "
    "knows that, a fixed number of hours does not.",
    when=lambda seen: seen.hour_off,
)
def fixed_offset(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    return datetime.combine(day, time(5), UTC) + timedelta(minutes=_right_minutes(scheduled) + int(delay))


@two.wrong(
    "All is right but the nights on which clocks change: there you are an hour off. Adding a timedelta to a clock of "
    "New York's moves its hands; 300 minutes later they show something else than 300 minutes more.",
    when=lambda seen: seen.days_right and seen.nights == [timedelta(hours=-1), timedelta(hours=1)],
)
def wall_clock_add(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    return _local(day, scheduled) + timedelta(minutes=int(delay))


@two.wrong(
    "On the two days on which clocks change you have the flight of 6:00 an hour off. Six hours after midnight it is "
    "not six o'clock there, and midnight's offset from UTC is not that of six o'clock. Make the instant of the "
    "timetable's own clock, then add.",
    when=lambda seen: seen.days_right and seen.mornings == [timedelta(hours=1), timedelta(hours=-1)],
)
def hours_since_midnight(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    midnight = datetime.combine(day, time(), NEW_YORK).astimezone(UTC)
    return midnight + timedelta(minutes=_right_minutes(scheduled) + int(delay))


@two.right
def with_pandas(day, scheduled, departed, delay):
    if delay == "NA":
        return None
    wall = pd.Timestamp(day) + pd.Timedelta(minutes=_right_minutes(scheduled))
    return wall.tz_localize("America/New_York") + pd.Timedelta(minutes=int(delay))


@two.right
def by_timestamp(day, scheduled, departed, delay):
    if departed == "NA":
        return None
    return datetime.fromtimestamp(_local(day, scheduled).timestamp() + 60 * int(delay), NEW_YORK)


@two.grade
@machine_in("Asia/Kathmandu")  # the verdict is not to depend on where the reader's machine stands
def grade_left_at(t: Trial) -> None:
    ha51, night = HA_51, timedelta(hours=28, minutes=30)  # 23:30 and 300 minutes: 04:30, as a rule
    t.call(date(2013, 1, 9), *ha51, case="HA 51 of 9 January", none=False)
    offs: dict[tuple, timedelta] = {}  # flight -> how far off, where it is a datetime with a zone
    for day in (date(2013, 1, 9), date(2013, 1, 15), date(2013, 7, 1)):
        with open(landing.flights_file(day), newline="", encoding="utf-8") as file:
            rows = [(row["carrier"], row["flight"], day, *(row[n] for n in COLUMNS)) for row in csv.DictReader(file)]
        rows.sort(key=lambda row: row[3:] != ha51)
        found = t.do(lambda rows=rows: [t.answer(*row[2:]) for row in rows], case=f"the flights of {day}")
        for row, got in zip(rows, found, strict=True):
            _note_departure(t, row, plain(got), offs)
    t.seen.days_right = not t.failure
    if t.failure:
        _name_departures(t, offs)
        t.stop("", "")
    for clock, late in (("8:21", 1401), ("8:50", 1430)):  # HA 51, had it waited on
        case = f"a flight made up: planned for 9:00 on 9 January, left at {clock}, {late:,} minutes late"
        texts, want = (
            ("900", clock.replace(":", ""), str(late)),
            _local(date(2013, 1, 9), "900") + timedelta(minutes=late),
        )
        t.seen.later = t.seen.later or _off(t, case, date(2013, 1, 9), texts, want)
        if t.seen.later and not t.seen.clock:
            t.seen.clock, t.seen.late, t.seen.ahead = clock, late, 1440 - late
    for day, texts, how in (
        (date(2013, 2, 7), ("2359", "2400", "1"), "left at 24:00, 1 minute late"),  # as B6 727 did
        (date(2013, 1, 9), ("900", "1000", "1500"), "left at 10:00, 1,500 minutes late"),
    ):
        case = f"planned for {texts[0][:-2]}:{texts[0][-2:]} on {day}, {how}"
        _off(t, case, day, texts, _local(day, texts[0]) + timedelta(minutes=int(texts[2])))
    t.seen.nights = [
        _off(t, f"timetable 23:30 on {day}, left 300 minutes late, at {left[:-2]}:30", day, ("2330", left, "300"), want)
        for day, left, want in (
            (date(2013, 3, 9), "530", datetime(2013, 3, 9, 5, tzinfo=UTC) + night),
            (date(2013, 11, 2), "330", datetime(2013, 11, 2, 4, tzinfo=UTC) + night),
        )
    ]
    case = "timetable 23:30 on 2013-11-02, left 180 minutes late, when clocks showed 1:30 for the second time"
    _off(t, case, date(2013, 11, 2), ("2330", "130", "180"), datetime(2013, 11, 3, 6, 30, tzinfo=UTC))
    t.seen.mornings = [  # of the days that begin with these nights
        _off(t, f"timetable 6:00 on {day}, left on time", day, ("600", "600", "0"), _local(day, "600"))
        for day in (date(2013, 3, 10), date(2013, 11, 3))
    ]


COLUMNS = ("sched_dep_time", "dep_time", "dep_delay")
HA_51 = ("900", "641", "1301")


def _off(t: Trial, case: str, day: date, texts: tuple[str, ...], want: datetime) -> timedelta | None:
    """How far off the answer is for one flight."""
    got = plain(t.call(day, *texts, case=case, none=False))
    t.equal(got, want.astimezone(UTC), case)
    return got - want.astimezone(UTC) if isinstance(got, datetime) and got.tzinfo else None


def _note_departure(t: Trial, row: tuple, got: object, offs: dict[tuple, timedelta]) -> None:
    carrier, flight, day, scheduled, departed, delay = row
    case = f"{carrier} {flight}, {day}: scheduled {scheduled}, departed {departed}, delay {delay}"
    if departed == "NA":
        t.equal(got, None, case)
        return
    want = _local(day, scheduled).astimezone(UTC) + timedelta(minutes=int(delay))
    t.equal(got, want, case)
    if isinstance(got, datetime):
        if got.tzinfo is None:
            t.seen.naive = t.seen.naive or got.isoformat(" ")
            return
        offs[row] = got - want
        if int(delay) == 1301:
            t.seen.ha51 = f"{got.astimezone(NEW_YORK):%H:%M}"


def _name_departures(t: Trial, offs: dict[tuple, timedelta]) -> None:
    """Which mistake explains everything that is off, if one does."""
    wrong = {row: off for row, off in offs.items() if off}
    t.seen.count, day, hour = len(wrong), timedelta(days=1), timedelta(hours=1)
    early = [row for row in offs if int(row[5]) < 0]
    after_midnight = [row for row in offs if int(row[5]) > 0 and _right_minutes(row[4]) < _right_minutes(row[3])]
    t.seen.label_only = wrong and all(off == _local(row[2], "1200").utcoffset() for row, off in offs.items())
    t.seen.day_late = len(wrong) > 1 and set(wrong) <= set(early) and set(wrong.values()) == {day}
    t.seen.day_early = wrong and set(wrong) <= set(after_midnight) and set(wrong.values()) == {-day}
    for months, off in (((7,), hour), ((1,), -hour)):  # as if it were winter all year, or summer
        if wrong and wrong == {row: off for row in offs if row[2].month in months}:
            t.seen.hour_off = "1 July" if months == (7,) else "9 and 15 January"
    here, there = (_departure_in(t, zone) for zone in ("America/New_York", "Asia/Kathmandu"))
    aware = all(isinstance(left, datetime) and left.tzinfo for left in (here, there))
    if aware and abs(here - there) >= timedelta(minutes=1):  # less is only time that passed
        t.seen.in_new_york, t.seen.in_kathmandu = show(here), show(there)


def _departure_in(t: Trial, zone: str) -> object:
    """When HA 51 left, for the answer on a machine in this zone."""
    with machine_in(zone):
        return plain(t.call(date(2013, 1, 9), *HA_51, case=f"HA 51, on a machine in {zone}", none=False))


# ---- 2.3 ------------------------------------------------------------------------------------------------------------

three = Exercise(
    "2.3",
    "Add the weather",
    hints=(
        "Afterwards there must be one row a flight: none lost, none twice. What identifies one row of the weather, "
        "all year?",
        "Three airports have a row for each hour; and on 3 November the hour from 1 to 2 happens twice in New York, "
        "but never in UTC.",
        "`flights.merge(weather, on=['origin', 'time_hour'], how='left', validate='many_to_one')`, with only the "
        "columns of weather that you want.",
    ),
    passed="A left join on a key that is unique on the right side: as many rows as before, and `validate` holds it.",
)


@three.stub
def add_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Each flight with the temperature (`temp`) of its hour and airport.

    It is missing where no weather is known. Both frames have origin and `time_hour` (the hour,
    an instant in UTC), and year, month, day, hour (New York's).
    """
    ...  # your code here


@three.solution
def add_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Each flight with the temperature (`temp`) of its hour and airport; missing where no weather is known."""
    known = weather[["origin", "time_hour", "temp"]]
    return flights.merge(known, on=["origin", "time_hour"], how="left", validate="many_to_one")


LOCAL = ["year", "month", "day", "hour"]


@three.wrong(
    "Of {before:,} flights of {case}, {after:,} are left. A flight without known weather is a flight; the whole of "
    "31 December has none.",
    when=lambda seen: seen.unknown and seen.after == seen.before - seen.unknown,
)
def inner(flights, weather):
    return flights.merge(weather[["origin", "time_hour", "temp"]], on=["origin", "time_hour"])


@three.wrong(
    "Of {before:,} flights you made {after:,}. Each of the three airports has its own sky, and each flight got them "
    "all; a sum over this table is three times too big, and nothing says so.",
    when=lambda seen: seen.ordinary and seen.after == 3 * seen.before,
)
def hour_only(flights, weather):
    return flights.merge(weather[["time_hour", "temp"]], on="time_hour", how="left")


@three.wrong(
    "On 3 November {before:,} flights became {after:,}. The hour from 1 to 2 comes twice that night, so New York's "
    "hour names two rows of the weather.",
    when=lambda seen: seen.november and seen.after == seen.before + 2,
)
def local_hour(flights, weather):
    return flights.merge(weather[["origin", *LOCAL, "temp"]], on=["origin", *LOCAL], how="left")


@three.wrong(
    "At noon the weather of {place} is not known, and your flights of that hour have {filled} °F. A value that was "
    "filled in looks like one that was measured, and nobody can tell them apart afterwards.",
    when=lambda seen: seen.filled,
)
def fills_gaps(flights, weather):
    known = weather[["origin", "time_hour", "temp"]]
    return flights.merge(known, on=["origin", "time_hour"], how="left").assign(temp=lambda all: all.temp.ffill())


@three.wrong(
    "There is one row a flight, but on 3 November a flight at half past one got the weather of the other hour of that "
    "name. New York's clock names two rows of the weather that night; keep one of them, and which one is chance.",
    when=lambda seen: seen.other_hour,
)
def dedupe_after(flights, weather):
    joined = local_hour(flights, weather)
    return joined.drop_duplicates(["carrier", "flight", "origin", "sched_dep_time", *LOCAL])


@three.wrong(
    "On 31 December no weather landed, and your flights have that of the 30th. The weather that was given along is a "
    "day older, and an `hour` does not say of which day it is.",
    when=lambda seen: seen.day_before,
)
def hour_of_any_day(flights, weather):
    return flights.merge(weather[["origin", "hour", "temp"]], on=["origin", "hour"], how="left")


@three.right
def with_all_columns(flights, weather):
    return flights.merge(weather, on=["origin", "time_hour"], how="left")  # year_x, year_y and so on do no harm


@three.right
def by_mapping(flights, weather):
    known = weather.set_index(["origin", "time_hour"])["temp"].to_dict()
    keys = zip(flights["origin"], flights["time_hour"], strict=True)
    return flights.assign(temp=[known.get(key) for key in keys])


@three.right
def by_instants_in_sql(flights, weather):
    left, right = (frame.assign(instant=frame.time_hour.astype("int64")) for frame in (flights, weather))
    with closing(sqlite3.connect(":memory:")) as conn:
        left[["origin", "instant"]].to_sql("flights", conn)
        right[["origin", "instant", "temp"]].to_sql("weather", conn, index=False)
        joined = "SELECT temp FROM flights LEFT JOIN weather USING (origin, instant) ORDER BY flights.rowid"
        return flights.assign(temp=pd.read_sql(joined, conn).temp.to_numpy())


TWICE = {9998: "2013-11-03T05:00Z", 9999: "2013-11-03T06:00Z"}  # flights put in, and their hour, both from 1 to 2


@three.grade
def grade_add_weather(t: Trial) -> None:
    for case, day, extra in (
        ("15 January", "2013-01-15", None),
        ("15 January, where the weather of JFK at 12:00 is not known", "2013-01-15", None),
        ("31 December, when no weather landed", "2013-12-31", None),
        ("3 November, with flights at 1:30, one before and one after the clock change", "2013-11-03", TWICE),
    ):
        flights, weather = _read(landing.flights_file(day)), _read(landing.weather_file("2013-12-30"))
        if landing.weather_file(day).exists():
            weather = _read(landing.weather_file(day))
        gap = (flights.origin == "JFK") & (flights.hour == 12) & ("not known" in case)
        if gap.any():
            weather = weather[(weather.origin != "JFK") | (weather.hour != 12)]
        if extra:
            usual = flights.iloc[[0]].assign(origin="JFK", sched_dep_time=130, hour=1)
            late = [usual.assign(flight=flight, time_hour=pd.Timestamp(hour)) for flight, hour in extra.items()]
            flights = pd.concat([flights, *late], ignore_index=True)
        want = add_weather_right(flights, weather)
        found = t.call(flights.copy(), weather.copy(), case=case)
        if not isinstance(found, pd.DataFrame):
            t.stop(case, f"expected a DataFrame, got {show(found)}")
        t.seen.case, t.seen.before, t.seen.after = case, len(flights), len(found)
        t.seen.ordinary, t.seen.november = case == "15 January", extra is not None
        t.seen.unknown = int(want.temp.isna().sum())
        if not t.equal(found, want, case):
            _note_temperatures(t, found, want, flights, weather)
            t.stop(case, "")


def _note_temperatures(
    t: Trial, found: pd.DataFrame, want: pd.DataFrame, flights: pd.DataFrame, weather: pd.DataFrame
) -> None:
    """Where the temperatures that differ come from, if all flights are there."""
    key = ["carrier", "flight", "origin", "sched_dep_time"]
    if not {*key, "temp"} <= set(found.columns) or len(found) != len(want):
        return
    both = want.merge(found[[*key, "temp"]], on=key, suffixes=("", "_found"), validate="one_to_one")
    both = both.assign(hour=both.sched_dep_time // 100)
    wrong = both[~(both.temp == both.temp_found) & ~(both.temp.isna() & both.temp_found.isna())]
    if len(both) != len(want) or wrong.empty:
        return
    if t.seen.november:  # flights that were put in, with the weather of each other's hour
        known = weather[weather.origin == "JFK"].set_index("time_hour").temp
        other = {9998: known[TWICE[9999]], 9999: known[TWICE[9998]]}
        t.seen.other_hour = list(wrong.temp_found) == [other.get(flight) for flight in wrong.flight]
    elif t.seen.unknown == len(flights):
        known = weather.set_index(["origin", "hour"]).temp.to_dict()
        at = zip(wrong.origin, wrong.hour, wrong.temp_found, strict=True)
        t.seen.day_before = all(plain(known.get((origin, hour))) == plain(temp) for origin, hour, temp in at)
    elif t.seen.unknown and wrong.temp.isna().all():
        t.seen.place, t.seen.filled = wrong.origin.iloc[0], f"{wrong.temp_found.iloc[0]:.4g}"


def _read(path: object) -> pd.DataFrame:
    """With `time_hour` as an instant, as the lesson's frames have it."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=["NA"])
    return frame.assign(time_hour=pd.to_datetime(frame["time_hour"], utc=True))


def add_weather_right(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """What is compared: the key of each flight, and its temperature."""
    return by_mapping(flights, weather)[["carrier", "flight", "origin", "sched_dep_time", "temp"]]


# ---- 2.4 ------------------------------------------------------------------------------------------------------------

four = Exercise(
    "2.4",
    "Sort out the bad lines",
    hints=(
        "Each line goes to exactly one of two places. What decides, and what is merely missing?",
        "Write one reason a line into a column: start with an empty text, and put a reason where there is none yet. "
        "`duplicated`, asked of the lines still good, finds what repeats an earlier key.",
        "`reason = pd.Series('', index=raw.index)`; for each rule `reason[bad & (reason == '')] = '…'`; then "
        "`raw[reason == '']` and `raw[reason != ''].assign(reason=reason[reason != ''])`.",
    ),
    passed="Lines in = good + rejected, for every file. One bad line costs itself, and says why.",
)


@four.stub
def sort_out(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The good lines, and the rejected ones with a column `reason`; all their cells as they are.

    Every `source_line` is in exactly one of the two. `raw` is all text. Bad is a line
    - whose sched_dep_time or dep_time is no clock time HHMM (dep_time may be NA: cancelled);
    - whose key (carrier, flight, origin, sched_dep_time) an earlier good line has.
    Cancelled and diverted flights are good.
    """
    ...  # your code here


@four.solution
def sort_out(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The good lines, and the rejected ones with a column `reason`; each `source_line` is in exactly one of them."""
    clock = r"(?:\d|[1-5]\d|(?:1?\d|2[0-3])[0-5]\d|2400)"
    reason = pd.Series("", index=raw.index)
    reason[~raw["dep_time"].str.fullmatch(f"{clock}|NA")] = "dep_time is no clock time"
    reason[~raw["sched_dep_time"].str.fullmatch(clock)] = "sched_dep_time is no clock time"
    good = raw[reason == ""]
    repeated = good.duplicated(["carrier", "flight", "origin", "sched_dep_time"])
    reason[repeated[repeated].index] = "repeats the key of an earlier line"
    return raw[reason == ""], raw[reason != ""].assign(reason=reason[reason != ""])


@four.wrong(
    "A few bad lines, and your function raised {error}. Hundreds of good flights of such a day would not be loaded "
    "because somebody mistyped one.",
    when=lambda seen: seen.raised,
)
def raises(raw):
    for text in raw["dep_time"]:
        minutes(text)
    return raw, raw.iloc[:0].assign(reason="")


@four.wrong(
    "No line of 8 February is bad, and your rejected ones are {of_nothing:,} rows without a line number. A Series "
    "assigned to a table without rows brings its own index along; a file without a bad line is the usual case.",
    when=lambda seen: seen.of_nothing,
)
def reason_for_all(raw):
    good, rejected = sort_out(raw)
    reason = pd.Series("bad", index=raw.index)
    return good, rejected.drop(columns="reason").assign(reason=reason)


@four.wrong(
    "You rejected {lost:,} of {flights:,} flights of 8 February, the day of the blizzard, all of them cancelled or "
    "diverted. What is missing is the news of that day, not an error in it.",
    when=lambda seen: seen.lost,
)
def dropna(raw):
    bad = raw.isin(["NA"]).any(axis="columns")
    return raw[~bad], raw[bad].assign(reason="missing value")


@four.wrong(
    "The same file, sorted out a second time, has {again} good lines; the first time it had {once}. So your function "
    "remembers it: a default such as `seen=set()` is made only once, and a name outside of the function lives as long "
    "as the kernel. A day that is loaded again would lose its flights.",
    when=lambda seen: seen.once and seen.again < seen.once,
)
def remembers(raw, seen=set()):  # noqa: B006
    good, rejected = sort_out(raw)
    key = good[KEY].agg("|".join, axis="columns")
    old = key.isin(seen)
    seen.update(key)
    return good[~old], pd.concat([rejected, good[old].assign(reason="repeated")])


@four.wrong(
    "Line {line} of the file has the time {text}, and is among your good ones without it. Turned into a missing "
    "value, it counts as a cancelled flight from now on.",
    when=lambda seen: seen.text and seen.made_missing,
)
def coerce(raw):
    raw = raw.copy()
    hours = pd.to_numeric(raw["dep_time"], errors="coerce")
    raw["dep_time"] = raw["dep_time"].where((hours % 100 < 60) & (hours <= 2400), "NA")
    bad = ~raw["sched_dep_time"].str.isdecimal()
    repeated = raw.duplicated(["carrier", "flight", "origin", "sched_dep_time"]) & ~bad
    reason = bad.map({True: "no timetable", False: "repeated"})
    return raw[~bad & ~repeated], raw[bad | repeated].assign(reason=reason[bad | repeated])


@four.wrong(
    "Line {line} has the time {text}, and is among your good ones: no clock ever shows that. Not every number up to "
    "2400 is a time of a day; hours and minutes each have an end.",
    when=lambda seen: seen.text and seen.text.isdecimal() and not seen.made_missing,
)
def any_number(raw):
    fine = pd.to_numeric(raw["dep_time"], errors="coerce").between(0, 2400) | (raw["dep_time"] == "NA")
    bad = ~fine | ~pd.to_numeric(raw["sched_dep_time"], errors="coerce").between(0, 2400)
    good = raw[~bad].drop_duplicates(["carrier", "flight", "origin", "sched_dep_time"])
    return good, raw.drop(good.index).assign(reason="bad")


@four.wrong(
    "Line {repeated} is in your rejected lines {times} times, once for each reason. Lines in = good + rejected does "
    "not hold any more, and that sum is how a lost line is noticed.",
    when=lambda seen: seen.repeated and seen.reasons == seen.times,
)
def twice(raw):
    good, rejected = sort_out(raw)
    found = [rejected]
    for name in ("dep_time", "sched_dep_time"):
        bad = rejected[~rejected[name].str.fullmatch(r"\d{1,4}") & (rejected[name] != "NA")]
        found.append(bad.assign(reason=f"{name} is bad"))
    return good, pd.concat(found)


@four.wrong(
    "A key is among your good lines more than once: lines 2 and 6 have the same. The first line of a key is to be "
    "kept, and the others rejected.",
    when=lambda seen: seen.same_key,
)
def duplicates_kept(raw):
    bad = ~raw["dep_time"].map(_is_clock) | ~raw["sched_dep_time"].map(_is_clock) | (raw["sched_dep_time"] == "NA")
    return raw[~bad], raw[bad].assign(reason="no clock time")


def _is_clock(text: str) -> bool:
    try:
        minutes(text)
    except ValueError:
        return False
    return True


@four.wrong(
    "Line 8 has NA for its timetable, and is among your good ones. A departure may be missing: then the flight was "
    "cancelled. Without a timetable nobody can say which flight it was.",
    when=lambda seen: seen.good and 8 in seen.good,
)
def timetable_may_be_missing(raw):
    bad = ~raw["dep_time"].map(_is_clock) | ~raw["sched_dep_time"].map(_is_clock)
    good = raw[~bad]
    repeated = good.duplicated(["carrier", "flight", "origin", "sched_dep_time"])
    return good[~repeated], pd.concat([raw[bad], good[repeated]]).assign(reason="bad")


@four.wrong(
    "Lines 2 and 6 have one key, and you rejected both: a flight that took place is in no table. The first line of a "
    "key is good.",
    when=lambda seen: {2, 6} <= set(seen.rejected) and set(GOOD) - {2, 10} <= set(seen.good) <= set(GOOD) - {2},
)
def both_rejected(raw):
    good, rejected = sort_out(raw)
    key = ["carrier", "flight", "origin", "sched_dep_time"]
    twice = good.merge(rejected[key], on=key).source_line
    more = good[good.source_line.isin(twice)].assign(reason="repeated")
    return good[~good.source_line.isin(twice)], pd.concat([rejected, more])


@four.wrong(
    "You rejected line 10 because line 3 has its key; but line 3 is rejected itself, for its time of 2460. So the "
    "flight is in no table, though one of its two lines was good.",
    when=lambda seen: sorted([*seen.good, 10]) == GOOD and 10 in seen.rejected,
)
def bad_line_counts_as_first(raw):
    time_bad = ~raw["dep_time"].map(_is_clock) | ~raw["sched_dep_time"].map(_is_clock) | (raw["sched_dep_time"] == "NA")
    bad = time_bad | raw.duplicated(["carrier", "flight", "origin", "sched_dep_time"])
    return raw[~bad], raw[bad].assign(reason="bad")


@four.right
def line_by_line(raw):
    good, rejected, keys = [], [], set()
    for row in raw.to_dict("records"):
        key = row["carrier"], row["flight"], row["origin"], row["sched_dep_time"]
        if not _is_clock(row["dep_time"]) or not _is_clock(row["sched_dep_time"]) or row["sched_dep_time"] == "NA":
            rejected.append({**row, "reason": "time"})
        elif key in keys:
            rejected.append({**row, "reason": "key"})
        else:
            keys.add(key)
            good.append(row)
    return pd.DataFrame(good, columns=raw.columns), pd.DataFrame(rejected, columns=[*raw.columns, "reason"])


@four.right
def lists_without_columns(raw):
    good, rejected = line_by_line(raw)
    return pd.DataFrame(good.to_dict("records")), pd.DataFrame(rejected.to_dict("records"))


ODD = {  # line -> what is wrong with it
    2: {},
    3: {"dep_time": "2460", "flight": "1"},
    4: {"dep_time": "NA", "dep_delay": "NA", "arr_time": "NA", "arr_delay": "NA", "air_time": "NA", "flight": "2"},
    5: {"arr_delay": "NA", "air_time": "NA", "flight": "3"},
    6: {"tailnum": "N99999", "dest": "ORD"},  # the key of line 2 again
    7: {"dep_time": "x", "sched_dep_time": "-5", "flight": "4"},
    8: {"sched_dep_time": "NA", "flight": "5"},
    9: {"dep_time": "2400", "flight": "6"},
    10: {"flight": "1"},  # the key of line 3, which is bad
    11: {"dep_time": "1275", "flight": "7"},
    12: {"dep_time": "2530", "flight": "8"},
    13: {"sched_dep_time": "1299", "flight": "9"},
    14: {"origin": "JFK"},  # the flight of line 2, from another airport
    15: {"sched_dep_time": "615"},  # and once more on the same day
    16: {"dep_time": "5:17", "flight": "10"},  # not NA: it did leave
    17: {"dep_time": "-50", "flight": "11"},
    18: {"dep_time": "", "flight": "12"},  # nor is this
}
GOOD = [2, 4, 5, 9, 10, 14, 15]
KEY, TIMES = ["carrier", "flight", "origin", "sched_dep_time"], ["sched_dep_time", "dep_time"]
_tries = itertools.count(100)  # flights that no earlier check has shown to the answer


@four.grade
def grade_sort_out(t: Trial) -> None:
    case = "seventeen lines: times that are none, a repeated key, a line with two faults, cancelled, diverted"
    raw = _frame([(line, landing.line(**changes)) for line, changes in ODD.items()])
    raw["flight"] += f"{next(_tries)}"
    good, rejected = _sorted_out(t, raw, case)
    t.seen.good, t.seen.rejected, t.seen.same_key = good, rejected, {2, 6} <= set(good)
    for line in ODD:
        places = ["rejected"] * rejected.count(line) + ["good"] * good.count(line)
        want = "good" if line in GOOD else "rejected"
        texts = ", ".join(f"{name} {text!r}" for name, text in raw.set_index("source_line").loc[line, TIMES].items())
        detail = f"line {line} ({texts}): expected among the {want} ones, got {' and '.join(places) or 'lost'}"
        t.true(places == [want], case, detail)
    again, _ = _sorted_out(t, raw, f"{case}; the same once more")
    if not t.equal(sorted(again), sorted(good), f"{case}; the good lines, when sorted out once more"):
        t.seen.once, t.seen.again = len(good), len(again)
    case = "8 February, the day of the blizzard"
    with open(landing.flights_file("2013-02-08"), encoding="utf-8") as file:
        raw = _frame(list(enumerate(file.read().splitlines(), 1))[1:])
    t.seen.flights = len(raw)
    good, rejected = _sorted_out(t, raw, case)
    missing = raw.source_line[(raw.dep_time == "NA") | (raw.arr_delay == "NA")]  # cancelled or diverted
    t.seen.lost = len(rejected) if set(rejected) <= set(missing) else 0
    t.equal((len(good), len(rejected)), (len(raw), 0), f"{case}; good and rejected lines")


def _frame(lines: list[tuple[int, str]]) -> pd.DataFrame:
    rows = [dict(zip(landing.HEADER, text.split(","), strict=True)) | {"source_line": line} for line, text in lines]
    return pd.DataFrame(rows)


def _sorted_out(t: Trial, raw: pd.DataFrame, case: str) -> tuple[list[int], list[int]]:
    """The source lines of both parts, once they are of the right shape."""
    found = t.call(raw.copy(), case=case, allow=ValueError)
    if isinstance(found, Raised):
        _refused(t, raw, case, found)
    shaped = isinstance(found, list | tuple) and len(found) == 2 and all(isinstance(f, pd.DataFrame) for f in found)
    if not shaped:
        t.stop(case, f"expected two DataFrames, got {_parts(found)}")
    found = [
        frame.reindex(columns=[*raw, "reason"]) if frame.empty else frame for frame in found
    ]  # columns need not be
    for frame, which, columns in zip(found, ("good", "rejected"), ([*raw], [*raw, "reason"]), strict=True):
        if absent := [name for name in ("source_line", *columns) if name not in frame.columns and len(frame)]:
            turned = absent == ["reason"] and "reason" in found[0].columns
            why = "; the first of your two tables has it: the good lines come first" if turned else ""
            t.stop(case, f"your {which} lines have no column {absent[0]!r}{why}")
    good, rejected = ([-1 if pd.isna(n) else int(n) for n in frame["source_line"]] for frame in found)
    if -1 in good + rejected:
        nothing = t.seen.flights == len(rejected) and set(rejected) == {-1}
        t.seen.of_nothing = len(rejected) if nothing else None
        t.stop(case, f"{(good + rejected).count(-1):,} rows have no source_line")
    for line in sorted(set(rejected)):
        if rejected.count(line) > 1 and not t.seen.repeated:
            t.seen.repeated, t.seen.times = line, rejected.count(line)
            t.seen.reasons = len({*map(str, found[1].reason[[n == line for n in rejected]])})
    _note_cells(t, case, raw, found)
    without = [show(reason) for reason in found[1]["reason"] if not isinstance(reason, str) or not reason.strip()]
    t.true(not without, case, f"a rejected line has the reason {(without or [''])[0]}")
    return good, rejected


def _parts(found: object) -> str:
    """What was returned in place of two frames."""
    if not (isinstance(found, list | tuple) and 1 <= len(found) <= 3):
        return show(found)
    boxes = list, tuple, dict, set
    each = [f"a {type(part).__name__}" if isinstance(part, boxes) else show(part, 60) for part in found]
    return f"a {type(found).__name__} of {' and '.join(each)}"


def _refused(t: Trial, raw: pd.DataFrame, case: str, found: Raised) -> None:
    """A ValueError: is it about a bad line, or would it be raised without one, too?"""
    line = line_of(found.error)
    bad = {text for text in [*raw.dep_time, *raw.sched_dep_time] if text and not _is_clock(text)}
    named = any(re.search(rf"(?<!\w){re.escape(text)}(?!\w)", str(found.error)) for text in bad)
    if not t.seen.flights and (named or re.search(r"\braise\b", line)):  # on 8 February no line is bad
        t.call(raw[raw.source_line.isin(GOOD)].copy(), case="a file without a bad line")  # ends all if that raises, too
        t.seen.raised, t.seen.error = True, repr(found)
    t.stop(case, line, "raised", f"Your code raised {found!r}")


def _note_cells(t: Trial, case: str, raw: pd.DataFrame, found: list[pd.DataFrame]) -> None:
    """Cells that are others than in the file, and the first line with a bad time that is among the good ones."""
    columns = [name for name in raw if name != "source_line"]
    lines = dict(zip(raw["source_line"], raw[columns].to_dict("records"), strict=True))
    for frame in found:
        for line, cells in zip(map(int, frame["source_line"]), frame[columns].to_dict("records"), strict=True):
            if (file := lines.get(line)) is None:
                t.stop(case, f"you have a row with source_line {line}, and the file has no such line")
            if str(cells["flight"]) != file["flight"]:
                detail = (
                    f"your row with source_line {line} is flight {cells['flight']}; on line {line} is {file['flight']}"
                )
                t.stop(case, detail)
            bad = [name for name in TIMES if not _is_clock(file[name])]
            if bad and frame is found[0] and not t.seen.line:
                t.seen.line, t.seen.text, now = line, file[bad[0]], plain(cells[bad[0]])
                t.seen.made_missing = now != t.seen.text and now in (None, "NA", "")
            for name, text in file.items():
                if plain(cells[name]) != text:
                    t.fail(case, f"line {line}, {name}: expected {text!r}, as in the file, got {show(cells[name])}")
