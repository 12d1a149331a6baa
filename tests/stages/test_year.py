"""The real year through extract and transform: what is known of it must come out."""

from __future__ import annotations

import csv
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from etl_core import settings
from etl_core.interval import spans
from etl_core.stages.columns import FLIGHTS
from etl_core.stages.extract import extract
from etl_core.stages.landing import landed
from etl_core.stages.rules import broken_rules
from etl_core.stages.transform import transform
from etl_core.warehouse import flights as table


def test_the_year() -> None:
    extracted = [extract(span) for span in spans(landed())]
    year = [transform(month) for month in extracted]
    assert [str(month.interval.start) for month in year][1:3] == ["2013-02-01", "2013-03-01"]
    flights = pd.concat([month.flights for month in year], ignore_index=True)
    assert len(flights) == 336_776 and sum(len(month.rejected) for month in year) == 0
    assert flights.status.value_counts().to_dict() == {"completed": 327_346, "cancelled": 8_255, "diverted": 1_175}
    weather = flights[["temperature", "wind_speed", "visibility", "precipitation"]]
    assert weather.isna().all(axis=1).sum() == 1_556
    assert flights.scheduled_arrival.isna().sum() == 7_602
    assert set(flights[flights.scheduled_arrival.isna()].dest) == {"BQN", "SJU", "STT", "PSE"}
    assert (flights.scheduled_arrival.dropna() >= flights.scheduled_departure[flights.scheduled_arrival.notna()]).all()
    assert not flights.duplicated(["flight_date", "carrier", "flight", "origin", "scheduled_departure"]).any()
    assert sum(len(month.notes) for month in year) == 1 and "2013-12-31.csv: not found" in year[-1].notes[0]
    # the source has the hour of the scheduled departure in UTC as well
    source = pd.concat([month.flights for month in extracted], ignore_index=True)
    assert (flights.scheduled_departure.dt.floor("h") == source.time_hour).all()
    # where the airport's clock is right, the source's own HHMM of departure is scheduled + delay
    local = flights.actual_departure.dt.tz_convert("America/New_York")
    left = local.notna()
    written = source.dep_time[left].astype("int64") % 2400
    assert ((local.dt.hour * 100 + local.dt.minute)[left] == written).all()


def test_the_columns_are_the_warehouse_s() -> None:
    assert [*transform(extract("2013-11-02")).flights, "run_id"] == [column.name for column in table.columns]


def test_a_day_by_hand() -> None:
    """Each value of one day, made again the slow and obvious way."""
    day = "2013-11-02"
    made = transform(extract(day)).flights
    zones = {row["faa"]: row["tzone"] for row in _rows(settings.current().reference / "airports.csv")}
    weather = {(row["origin"], row["time_hour"]): row for row in _rows(_landing() / "weather" / f"{day}.csv")}
    rows = _rows(_landing() / "flights" / f"{day}.csv")
    assert len(rows) == len(made)
    for row, flight in zip(rows, made.to_dict("records"), strict=True):
        leaves = _local(day, row["sched_dep_time"], "America/New_York")
        assert flight["scheduled_departure"] == leaves
        zone, arrives = zones.get(row["dest"], "NA"), None
        if zone != "NA":
            arrives = _local(day, row["sched_arr_time"], zone)
            if arrives < leaves:
                arrives = _local("2013-11-03", row["sched_arr_time"], zone)
        for name, scheduled, delay in (("departure", leaves, "dep_delay"), ("arrival", arrives, "arr_delay")):
            expected = scheduled and row[delay] != "NA" and scheduled + pd.Timedelta(minutes=int(row[delay]))
            assert (flight[f"actual_{name}"] if expected else pd.isna(flight[f"actual_{name}"])) == (expected or True)
        assert (flight["scheduled_arrival"] if arrives else pd.isna(flight["scheduled_arrival"])) == (arrives or True)
        assert flight["carrier"] == row["carrier"] and flight["flight"] == int(row["flight"])
        hour = weather.get((row["origin"], row["time_hour"]))
        for ours, theirs in (("temperature", "temp"), ("wind_speed", "wind_speed"), ("visibility", "visib")):
            value = hour[theirs] if hour else "NA"
            assert pd.isna(flight[ours]) if value == "NA" else flight[ours] == float(value)


def test_every_rule_is_tried_on_every_row_whatever_the_index() -> None:
    flights = extract("2013-01-15").flights
    flights.index = range(5000, 5000 + len(flights))
    flights.loc[5003, "distance"] = 0
    flights.loc[5001, "origin"] = "LHR"
    assert broken_rules(flights).to_dict() == {
        5001: "unknown origin 'LHR', expected one of EWR, JFK, LGA",
        5003: "distance: found 0, expected a whole number from 1 to 12500",
    }
    assert broken_rules(flights.drop([5001, 5003])).empty


def test_the_declared_columns_are_the_source_s() -> None:
    header = (_landing() / "flights" / "2013-01-01.csv").read_text().partition("\n")[0]
    assert [column.name for column in FLIGHTS] == header.split(",")


def _landing() -> Path:
    return Path(settings.current().landing)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _local(day: str, hhmm: str, zone: str) -> pd.Timestamp:
    minutes = int(hhmm) // 100 * 60 + int(hhmm) % 100
    wall = pd.Timestamp(day) + pd.Timedelta(minutes=minutes)
    return pd.Timestamp(wall.to_pydatetime().replace(tzinfo=ZoneInfo(zone)))
