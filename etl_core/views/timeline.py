"""A picture of what a simulation fired: see `etl_core.scheduling.simulate`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.lines import Line2D

from etl_core.views.plots import BLUE, GREY, INK, PALE, VERMILION, Picture, picture, plain

MARKS = {  # outcome: (marker, colour, filled, what it means); told apart by shape as well as by colour
    "ran": ("o", BLUE, True, "ran"),
    "coalesced": ("o", BLUE, False, "coalesced: the last one stands for it"),
    "overlapped": ("X", VERMILION, True, "refused: the one before was at work"),
    "missed": ("X", INK, False, "missed: too late to run"),
    "down": ("|", GREY, True, "down: no scheduler until the end"),
}
WIDTH = 480  # points, about what a line of the picture has
SKY = "#56B4E9"
CROWDED = 5  # points between neighbours, below which marks become strokes: upwards what ran, downwards the rest


def timeline(
    frame: pd.DataFrame, timezone: str = "UTC", outages: Sequence[tuple[datetime, datetime]] = (), title: str = ""
) -> Picture:
    """A line a schedule, a mark a scheduled time; an arrow leads to when it ran, where that was later, and a bar shows
    how long it took. `outages` are shaded; datetimes without zone are taken in `timezone`.
    """
    schedules = list(dict.fromkeys(frame.schedule))
    figure = picture(title or _in_words(frame), height=1.35 + 0.42 * max(len(schedules), 1))
    ax = plain(figure.subplots())
    ax.set_yticks(range(len(schedules)), schedules)
    ax.set_ylim(max(len(schedules), 1) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    for one in outages:
        ends = [pd.Timestamp(time).tz_localize(timezone) if time.tzinfo is None else time for time in one]
        ax.axvspan(*ends, color=PALE, alpha=0.6, lw=0, zorder=0)
    handles = []
    for outcome, (marker, colour, filled, meaning) in MARKS.items():
        some = frame[frame.outcome == outcome]
        if some.empty:
            continue
        for y, name in enumerate(schedules):
            _marks(ax, frame[frame.schedule == name], outcome, y)
        shown = {"marker": marker, "linestyle": "", "markerfacecolor": colour if filled else "none"}
        handles.append(Line2D([], [], label=f"{meaning} ({len(some):,})", markeredgecolor=colour, **shown))
    if outages:
        handles.append(Line2D([], [], marker="s", ls="", ms=9, color=PALE, label="no scheduler is running"))
    for y, name in enumerate(schedules):
        _bars(ax, frame[(frame.schedule == name) & (frame.outcome == "ran")], y, frame.scheduled)
    zone = ZoneInfo(timezone)
    locator = AutoDateLocator(tz=zone)
    formats = {
        "formats": ["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%S.%f"],
        "zero_formats": ["", "%Y", *["%d %b"] * 4],
    }
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone, show_offset=False, **formats))
    ax.use_sticky_edges = False
    ax.margins(x=0.015)
    years = sorted(set(frame.scheduled.dt.tz_convert(timezone).dt.year))
    ax.set_xlabel(f"time in {timezone}" + (f", {'-'.join(map(str, years[:1] + years[1:][-1:]))}" if years else ""))
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=3, frameon=False, fontsize=9, labelcolor=INK)
    return figure


def _marks(ax: Axes, lane: pd.DataFrame, outcome: str, y: int) -> None:
    marker, colour, filled, _ = MARKS[outcome]
    times = lane[lane.outcome == outcome].scheduled
    if len(times) and _apart(lane.scheduled) < CROWDED:
        up = -0.32 if outcome == "ran" else 0.32
        ax.vlines(times, y, y + up, color=colour, lw=1, alpha=1 if filled else 0.4, zorder=3)
        return
    face = colour if filled else "white"
    ax.scatter(times, [y] * len(times), marker=marker, s=42, lw=1.2, facecolors=face, edgecolors=colour, zorder=3)


def _bars(ax: Axes, ran: pd.DataFrame, y: int, times: pd.Series) -> None:
    """How long the runs took, side by side where they overlap, and by arrows how late they began."""
    point = (times.max() - times.min()) / WIDTH
    free = [pd.Timestamp.min.tz_localize("UTC")] * 2  # when a place above and one below the line is free again
    for row in ran[ran.finished - ran.actual > 2 * point].itertuples():
        place = 0 if free[0] <= row.actual else 1
        free[place] = max(free[place], row.finished)
        given = {"height": 0.11, "color": SKY, "zorder": 2}
        ax.barh(y + 0.26 + 0.13 * place, row.finished - row.actual, left=row.actual, **given)
    for row in ran[ran.actual - ran.scheduled > 8 * point].head(200).itertuples():
        arrow = {"arrowstyle": "->", "color": BLUE, "lw": 1.1, "connectionstyle": "arc3,rad=-0.3"}
        ax.annotate("", (row.actual, y), (row.scheduled, y), arrowprops=arrow)


def _apart(times: pd.Series) -> float:
    """Points between neighbours on a line, if it is as wide as these times."""
    span = times.max() - times.min()
    return WIDTH * times.sort_values().diff().median() / span if span else WIDTH


def _in_words(frame: pd.DataFrame) -> str:
    ran, fired = int((frame.outcome == "ran").sum()), len(frame)
    return f"{ran:,} of {fired:,} scheduled times led to a run" if fired else "Nothing was due"
