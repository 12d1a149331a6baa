"""Pictures of runs and of days, as matplotlib Figures that show themselves in a notebook.

They are made without pyplot, whose figures belong to the process: any thread may draw one, and nothing is left to
close. Colours are from Okabe and Ito's palette, which colour-blind people can tell apart.
"""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter, DayLocator, HourLocator
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from etl_core import history
from etl_core.history import Run, StageRun
from etl_core.views import words

BLUE, VERMILION, GREY, PALE, INK = "#0072B2", "#D55E00", "#8A8A8A", "#D9D9D9", "#262626"
LATE = 15  # minutes: a departure later than that counts as delayed, as in the warehouse's daily_delays
PIXELS_PER_INCH = 96
NEW_YORK = "America/New_York"


class Picture(Figure):
    """A Figure that a notebook shows as a sharp PNG; its text, where pictures cannot be shown, is its title."""

    def __repr__(self) -> str:
        return f"<Picture: {self.get_suptitle()}>"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        png = BytesIO()
        self.savefig(png, format="png", dpi=1.5 * PIXELS_PER_INCH)
        width, height = (round(inches * PIXELS_PER_INCH) for inches in self.get_size_inches())
        return png.getvalue(), {"width": width, "height": height}


def stage_times(run_id: str, title: str | None = None) -> Picture:
    """Where a run's time went: one bar an attempt of a stage, in seconds since the run began.

    Shows what the history holds at this moment, so a run that is still under way, or died, is drawn as far as it came.
    """
    run, attempts = history.find(run_id), history.stages_of(run_id)
    spans = [_span(attempt, run.started_at) for attempt in attempts]
    end = max([run.duration_s or 0, *(start + length for start, length in spans), 1e-3])
    figure = picture(title or _in_words(run, attempts), height=1.15 + 0.34 * max(len(attempts), 1))
    ax = plain(figure.subplots())
    for row, (attempt, (start, length)) in enumerate(zip(attempts, spans, strict=True)):
        colour = {"succeeded": BLUE, "failed": VERMILION}.get(attempt.status, GREY)
        ax.barh(row, max(length, end / 250), left=start, height=0.62, color=colour)
        inside, before = length > 0.3 * end, start + length > 0.6 * end  # the words go where there is room
        place, ha = (start, "right") if before and not inside else (start if inside else start + length, "left")
        shift = {"xytext": (-6 if ha == "right" else 6, -0.5), "textcoords": "offset points", "ha": ha, "va": "center"}
        ax.annotate(_words(attempt, length), (place, row), color="white" if inside else INK, fontsize=9, **shift)
    names = [one.stage if one.attempt == 1 else f"{one.stage}, attempt {one.attempt}" for one in attempts]
    ax.set_yticks(range(len(attempts)), names)
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set_xlim(0, end * 1.02)
    ax.set_xlabel("seconds since the run began")
    ax.grid(axis="x", color=PALE, lw=0.6)
    return figure


def delays(flights: pd.DataFrame, title: str | None = None) -> Picture:
    """The departures of some days: how late each left, and how many never did.

    `flights` has the warehouse's columns flight_date, scheduled_departure (instants; UTC where they name no zone),
    departure_delay (minutes) and status, as in `run.transformed.flights`. Up to a week every flight is a dot and
    counted by the hour; more is counted by the day.
    """
    if flights.empty:
        return picture(title or "No flights", height=0.6)
    cancelled = (flights.status == "cancelled").to_numpy()
    planned = pd.to_datetime(flights.scheduled_departure, utc=True).dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    late = flights.departure_delay.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    days = pd.to_datetime(flights.flight_date)
    by_hour = days.nunique() <= 7
    bins = planned.dt.floor("h") if by_hour else days
    figure = picture(title or _day_in_words(days, cancelled, late), height=4.8)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.1])
    _lateness(plain(above), planned.to_numpy(), late, bins, by_hour)
    _counts(plain(below), bins, cancelled, by_hour)
    _time_axis(below, days, bins)
    return figure


def _span(attempt: StageRun, began: Any) -> tuple[float, float]:
    return max((attempt.started_at - began).total_seconds(), 0), attempt.duration_s or 0


def _words(attempt: StageRun, seconds: float) -> str:
    if attempt.status != "succeeded":
        return attempt.status + (f": {attempt.error_type}" if attempt.error_type else "")
    rows = "" if attempt.rows_out is None else ", " + words.count(attempt.rows_out, "row")
    return words.seconds(seconds) + rows + (f", {attempt.rows_rejected:,} rejected" if attempt.rows_rejected else "")


def _in_words(run: Run, attempts: list[StageRun]) -> str:
    if not attempts:
        return "No stage has begun"
    total = f" of {words.seconds(run.duration_s)}" if run.duration_s else ""
    if attempts[-1].status == "failed" and run.status == "failed":
        times = f" {attempts[-1].attempt} times" if attempts[-1].attempt > 1 else ""
        return f"{attempts[-1].stage} failed{times}, and the run with it: {attempts[-1].error_type}"
    spent: dict[str, float] = {}
    for attempt in attempts:
        spent[attempt.stage] = spent.get(attempt.stage, 0) + (attempt.duration_s or 0)
    slowest = max(spent, key=spent.__getitem__)
    tries = [(early, late) for early, late in pairwise(attempts) if early.stage == late.stage]
    waited = sum(_span(late, early.started_at)[0] - (early.duration_s or 0) for early, late in tries)
    pause = f"; {words.seconds(waited)} of waiting after {words.count(len(tries), 'failed attempt')}" if tries else ""
    return f"The slowest stage was {slowest}: {words.seconds(spent[slowest])}{total}{pause}"


def _lateness(ax: Axes, planned: np.ndarray, late: np.ndarray, bins: pd.Series, by_hour: bool) -> None:
    unit, name = ("h", "hour") if by_hour else ("D", "day")
    ax.axhline(0, color=GREY, lw=0.8, zorder=0)
    if by_hour:
        ax.plot(planned, late, ".", ms=6, mew=0, color=BLUE, alpha=0.5, label="a flight")
    binned = pd.Series(late).groupby(bins.to_numpy())
    middle, high = (binned.quantile(share)[binned.count() >= 5].asfreq(unit) for share in (0.5, 0.9))
    if not by_hour:
        ax.fill_between(middle.index, middle, high, color=BLUE, alpha=0.25, lw=0, label="up to the 90th percentile")
    ax.plot(middle.index + pd.Timedelta(minutes=30 * by_hour), middle, color=INK, lw=1.6, label=f"median of the {name}")
    shown = late if by_hour else high.to_numpy()
    low, top = min(np.nanmin(shown, initial=0) * 1.2, -15), np.nanmax(shown, initial=60) * 1.15
    ticks = [tick for tick in (-30, 0, 30, 60, 120, 240, 480, 960) if low <= tick <= top]
    ax.set_yscale("symlog", linthresh=60, linscale=1.4)
    ax.set_yticks(ticks, [str(tick) for tick in ticks])
    ax.set_yticks([], minor=True)
    ax.set_ylim(low, top)
    ax.set_ylabel("minutes late\n(log scale above 60)")
    ax.grid(axis="y", color=PALE, lw=0.6)
    _legend(ax)


def _counts(ax: Axes, bins: pd.Series, cancelled: np.ndarray, by_hour: bool) -> None:
    counted = pd.crosstab(bins.to_numpy(), cancelled).reindex(columns=[False, True], fill_value=0)
    place: dict[str, Any] = {"width": pd.Timedelta(hours=1 if by_hour else 24) * 0.86, "align": "center"}
    middle = counted.index + pd.Timedelta(minutes=30 * by_hour)
    ax.bar(middle, counted[False], color=PALE, label="departed", **place)
    if cancelled.any():
        ax.bar(middle, counted[True], bottom=counted[False], color=VERMILION, label="cancelled", **place)
    ax.set_ylabel("flights an hour" if by_hour else "flights a day")
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    _legend(ax)


def _time_axis(ax: Axes, days: pd.Series, bins: pd.Series) -> None:
    count = (days.max() - days.min()).days + 1
    edge = pd.Timedelta(minutes=20) if count <= 7 else pd.Timedelta(hours=16)
    ax.set_xlim(bins.min() - edge, bins.max() + edge + pd.Timedelta(hours=1 if count <= 7 else 0))
    if count == 1:
        ax.xaxis.set_major_locator(HourLocator(byhour=range(0, 24, 2)))
        ax.xaxis.set_major_formatter(DateFormatter("%H:%M"))
    elif count <= 7:  # a tick at each midnight, the day's name between them
        ax.xaxis.set_major_locator(DayLocator())
        ax.xaxis.set_major_formatter(NullFormatter())
        ax.xaxis.set_minor_locator(HourLocator(byhour=[14]))
        ax.xaxis.set_minor_formatter(DateFormatter("%a %d %b"))
    else:
        ax.xaxis.set_major_locator(AutoDateLocator(minticks=4, maxticks=10))
        ax.xaxis.set_major_formatter(DateFormatter("%d %b" if count <= 100 else "%b %Y"))
    ax.set_xlabel("planned departure (New York)")


def _day_in_words(days: pd.Series, cancelled: np.ndarray, late: np.ndarray) -> str:
    first, last = days.min(), days.max()
    when = f"{first:%Y-%m-%d}" + (f" to {last:%Y-%m-%d}" if last != first else "")
    delayed = int((late > LATE).sum())
    return f"{when}: {len(days):,} flights, {cancelled.sum():,} cancelled, {delayed:,} left over {LATE} minutes late"


def picture(title: str, height: float) -> Picture:
    """An empty figure in the house style, `height` inches high; its title, top left, says what is to be seen."""
    figure = Picture(figsize=(8.6, height), layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)  # inches
    figure.suptitle(title, x=0.012, ha="left", fontsize=10.5, fontweight="bold", color=INK)
    return figure


def plain(ax: Axes) -> Axes:
    """These axes without what draws the eye away from the data."""
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(GREY)
    ax.tick_params(which="both", colors=INK, labelsize=9, length=3)
    ax.tick_params(which="minor", length=0)
    ax.set_axisbelow(True)
    return ax


def _legend(ax: Axes) -> None:
    """Above the axes, where it covers nothing."""
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.1, "borderpad": 0.2}
    ax.legend(ncols=3, frameon=False, fontsize=9, handlelength=1.3, labelcolor=INK, **place)
