"""Virtual time: what it fires is what a live scheduler fires."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from etl_core.errors import BadParameter
from etl_core.scheduling import scheduler as module
from etl_core.scheduling.simulate import simulate
from etl_core.scheduling.when import when
from tests.core.toy import until

NEW_YEAR = datetime(2013, 1, 1)


@pytest.fixture(autouse=True)
def _home(home: Path) -> None:
    """A state folder of its own for the log."""


def outcomes(frame: pd.DataFrame) -> list[str]:
    return [f"{row.scheduled:%H:%M} {row.outcome}" for row in frame.itertuples()]


def test_a_year_of_hourly_ticks_in_under_five_seconds() -> None:
    began = time.process_time()  # of this process: the machine may be busy with others
    frame = simulate({"hourly": "0 * * * *"}, NEW_YEAR, datetime(2014, 1, 1))
    assert time.process_time() - began < 5
    assert len(frame) == 8760
    assert (frame.actual == frame.scheduled).all()


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "jobs.db"])
def test_an_outage(stored: bool, tmp_path: Path) -> None:
    outage = (datetime(2013, 1, 1, 1, 30), datetime(2013, 1, 1, 4, 15))
    store = tmp_path / "jobs.db" if stored else None
    late = simulate({"a": "0 * * * *"}, NEW_YEAR, datetime(2013, 1, 1, 6), outages=[outage], store=store)
    assert outcomes(late) == ["00:00 ran", "01:00 ran", "02:00 coalesced", "03:00 coalesced", "04:00 ran", "05:00 ran"]
    assert late.actual[4] == pd.Timestamp("2013-01-01 04:15", tz="UTC")
    assert late.actual.isna().sum() == 2


def test_what_apscheduler_would_do_by_default_and_without_coalescing() -> None:
    outage = (datetime(2013, 1, 1, 0, 30), datetime(2013, 1, 1, 3, 15))
    span = NEW_YEAR, datetime(2013, 1, 1, 5)
    default = simulate({"a": "0 * * * *"}, *span, outages=[outage], misfire_grace=1)
    assert outcomes(default) == ["00:00 ran", "01:00 coalesced", "02:00 coalesced", "03:00 missed", "04:00 ran"]
    each = simulate({"a": "0 * * * *"}, *span, outages=[outage], coalesce=False)
    assert [text.split()[1] for text in outcomes(each)] == ["ran"] * 5
    assert list(each.actual.dt.hour) == [0, 3, 3, 3, 4]


def test_a_slow_job_overlaps_unless_more_may_run() -> None:
    span = NEW_YEAR, datetime(2013, 1, 1, 0, 6)
    one = simulate({"a": 60}, *span, job=lambda name, scheduled: 90)
    assert outcomes(one) == ["00:01 ran", "00:02 overlapped", "00:03 ran", "00:04 overlapped", "00:05 ran"]
    two = simulate({"a": 60}, *span, job=lambda name, scheduled: 90, max_instances=2)
    assert set(two.outcome) == {"ran"}


def test_an_outage_ends_a_job_and_one_to_the_end_leaves_ticks_undone() -> None:
    outage = (datetime(2013, 1, 1, 0, 2, 30), datetime(2013, 1, 1, 0, 2, 40))
    killed = simulate({"a": 60}, NEW_YEAR, datetime(2013, 1, 1, 0, 4), [outage], job=lambda name, scheduled: 600)
    assert outcomes(killed) == ["00:01 ran", "00:02 overlapped", "00:03 ran"]
    down = simulate({"a": 60}, NEW_YEAR, datetime(2013, 1, 1, 0, 4), [(outage[0], datetime(2013, 1, 2))])
    assert outcomes(down) == ["00:01 ran", "00:02 ran", "00:03 down"]


def test_when_runs_end() -> None:
    """By themselves, or because the process is killed; what stands in line behind a killed run does not begin."""
    outages = [
        (datetime(2013, 1, 1, 0, 30), datetime(2013, 1, 1, 3, 10)),
        (datetime(2013, 1, 1, 3, 50), datetime(2013, 1, 1, 4, 5)),
    ]
    span = NEW_YEAR, datetime(2013, 1, 1, 5)
    frame = simulate({"a": "0 * * * *"}, *span, outages, job=lambda name, scheduled: 1800, coalesce=False)
    ran = frame[frame.outcome == "ran"]
    assert outcomes(frame) == ["00:00 ran", "01:00 ran", "02:00 ran", "03:00 missed", "04:00 ran"]
    assert list(ran.actual.dt.strftime("%H:%M")) == ["00:00", "03:10", "03:40", "04:05"]
    assert list(ran.finished.dt.strftime("%H:%M")) == ["00:30", "03:40", "03:50", "04:35"]
    assert frame[frame.outcome != "ran"].finished.isna().all()


def test_one_in_line_behind_a_slow_one_may_be_missed() -> None:
    outage = (datetime(2013, 1, 1, 0, 30), datetime(2013, 1, 1, 2, 10))
    span = NEW_YEAR, datetime(2013, 1, 1, 3)
    given = {"misfire_grace": 4800, "coalesce": False, "job": lambda name, scheduled: 7000}
    assert outcomes(simulate({"a": "0 * * * *"}, *span, [outage], **given))[1:] == ["01:00 ran", "02:00 missed"]


def test_both_clock_changes_in_new_york() -> None:
    """01:30 comes twice in autumn, 02:30 not at all in spring: it is fired at 03:30 (APScheduler's way)."""
    schedules = {"half past one": "30 1 * * *", "half past two": "30 2 * * *"}
    fired = {}
    for name, start in (("spring", datetime(2013, 3, 9, 12)), ("autumn", datetime(2013, 11, 2, 12))):
        frame = simulate(schedules, start, start + timedelta(days=1), timezone="America/New_York")
        local = frame.scheduled.dt.tz_convert("America/New_York")
        fired[name] = [f"{row.schedule}: {time:%H:%M %Z}" for row, time in zip(frame.itertuples(), local, strict=True)]
    assert fired["spring"] == ["half past one: 01:30 EST", "half past two: 03:30 EDT"]
    assert fired["autumn"] == ["half past one: 01:30 EDT", "half past one: 01:30 EST", "half past two: 02:30 EST"]


def test_a_live_scheduler_fires_at_the_same_times(scheduler, letters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two schedules by seconds for some seconds, the scheduler down in between; then the same in virtual time."""
    live: list[tuple[str, datetime]] = []
    scheduler.start()
    began = datetime.now(UTC)
    for seconds in (0.5, 0.7):
        monkeypatch.setattr(module, "importable", lambda target, n=seconds: (f"every {n}", target))
        scheduler.add_schedule("tests.core.toy:toy", every=seconds)
    starts = {job.id: job.trigger.start_date for job in scheduler._background.get_jobs()}

    def watch() -> None:
        submit = scheduler._background.pool.submit_job

        def noted(job: object, run_times: list[datetime]) -> None:
            live.extend((job.id, time) for time in job._get_run_times(run_times[-1]))
            submit(job, run_times)

        scheduler._background.pool.submit_job = noted

    watch()
    until(lambda: len(live) >= 5)
    scheduler.stop()
    until(lambda: datetime.now(UTC) > began + timedelta(seconds=4))
    scheduler.start()
    watch()
    until(lambda: len(live) >= 16)
    scheduler.stop()

    last = max(time for _, time in live)
    virtual = set()
    for name, first in starts.items():
        every = float(name.split()[1])
        frame = simulate({name: when(every=every)}, first - timedelta(seconds=every), last + timedelta(microseconds=1))
        virtual |= {(name, time.to_pydatetime()) for time in frame.scheduled}
    assert sorted(virtual) == sorted((name, time.astimezone(UTC)) for name, time in live)


def test_the_live_scheduler_does_not_notice(scheduler) -> None:
    import apscheduler.schedulers.base

    before = apscheduler.schedulers.base.datetime
    simulate({"a": 60}, NEW_YEAR, datetime(2013, 1, 1, 1))
    assert apscheduler.schedulers.base.datetime is before is datetime


def test_what_a_job_raises_comes_out() -> None:
    with pytest.raises(ZeroDivisionError):
        simulate({"a": 60}, NEW_YEAR, datetime(2013, 1, 1, 1), job=lambda name, scheduled: 1 / 0)


def test_bad_parameters_are_named() -> None:
    with pytest.raises(BadParameter, match="five fields"):
        simulate({"a": "hourly"}, NEW_YEAR, datetime(2013, 1, 2))
    with pytest.raises(BadParameter, match="start"):
        simulate({"a": 60}, "2013-01-01", datetime(2013, 1, 2))
    with pytest.raises(BadParameter, match="time zone"):
        simulate({"a": 60}, NEW_YEAR, datetime(2013, 1, 2), timezone="Nowhere")


def test_the_picture_has_a_line_for_each_schedule() -> None:
    from etl_core.views.timeline import timeline

    outage = (datetime(2013, 1, 1, 3, 30), datetime(2013, 1, 1, 8, 15))
    frame = simulate({"hourly": "0 * * * *", "daily": "0 6 * * *"}, NEW_YEAR, datetime(2013, 1, 2), outages=[outage])
    picture = timeline(frame, "America/New_York", [outage])
    assert [label.get_text() for label in picture.axes[0].get_yticklabels()] == ["hourly", "daily"]
    assert picture.get_suptitle() == "21 of 25 scheduled times led to a run"
    legend = [text.get_text() for text in picture.legends[0].get_texts()]
    assert legend == ["ran (21)", "coalesced: the last one stands for it (4)", "no scheduler is running"]
    assert timeline(frame, title="What to see").get_suptitle() == "What to see"
    empty = simulate({"daily": "0 6 * * *"}, NEW_YEAR, datetime(2013, 1, 1, 1))
    assert timeline(empty).get_suptitle() == "Nothing was due"


def test_the_picture_of_a_crowded_month_and_of_the_hour_that_comes_twice() -> None:
    """Strokes instead of marks: what ran points upwards. An axis in local time with two places for 01:30."""
    from etl_core.views.timeline import timeline

    outage = (datetime(2013, 11, 5), datetime(2013, 11, 7))
    span = datetime(2013, 11, 1), datetime(2013, 12, 1)
    given = {"outages": [outage], "timezone": "America/New_York", "job": lambda name, scheduled: 5400}
    frame = simulate({"hourly": "0 * * * *"}, *span, **given)
    axes = timeline(frame, "America/New_York", [outage]).axes[0]
    strokes = {len(lines.get_segments()): lines.get_segments()[0][:, 1] for lines in axes.collections}
    counts = frame.outcome.value_counts()
    assert set(strokes) == set(counts)
    assert [min(strokes[counts[name]]) < 0 for name in ("ran", "coalesced", "overlapped")] == [True, False, False]

    night = simulate(
        {"a": "30 1 * * *"}, datetime(2013, 11, 2, 12), datetime(2013, 11, 3, 12), timezone="America/New_York"
    )
    marks = timeline(night, "America/New_York").axes[0].collections[0].get_offsets()
    assert (marks[1] - marks[0])[0] * 24 == pytest.approx(1)
