"""A picture of what a simulation fired: see `etl_core.scheduling.simulate`."""

from __future__ import annotations

import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.lines import Line2D

from etl_core.views.plots import BLUE, GREY, INK, VERMILION, Picture, picture, plain

MARKS = {  # outcome: (marker, colour, filled, what it means); told apart by shape as well as by colour
    "ran": ("o", BLUE, True, "ran"),
    "coalesced": ("o", BLUE, False, "coalesced: a later one ran for it"),
    "overlapped": ("X", VERMILION, True, "overlapped: the one before was at work"),
    "missed": ("X", INK, False, "missed: too late to run"),
    "down": ("|", GREY, True, "down: no scheduler until the end"),
}


def timeline(frame: pd.DataFrame, timezone: str = "UTC") -> Picture:
    """A line a schedule, a mark a scheduled time; an arrow leads to when it ran, where that was later."""
    schedules = list(dict.fromkeys(frame.schedule))
    ran, fired = int((frame.outcome == "ran").sum()), len(frame)
    title = f"{ran:,} of {fired:,} scheduled times led to a run" if fired else "Nothing was due"
    figure = picture(title, height=1.3 + 0.45 * max(len(schedules), 1))
    ax = plain(figure.subplots())
    ax.set_yticks(range(len(schedules)), schedules)
    ax.set_ylim(max(len(schedules), 1) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    handles = []
    for outcome, (marker, colour, filled, meaning) in MARKS.items():
        some = frame[frame.outcome == outcome]
        if some.empty:
            continue
        face = colour if filled else "none"
        where = [schedules.index(name) for name in some.schedule]
        times = some.scheduled.dt.tz_convert(timezone).dt.tz_localize(None)
        ax.scatter(times, where, marker=marker, s=42, linewidths=1.2, facecolors=face, edgecolors=colour, zorder=3)
        shown = {"marker": marker, "linestyle": "", "markerfacecolor": face, "markeredgecolor": colour}
        handles.append(Line2D([], [], label=f"{meaning} ({len(some):,})", **shown))
    late = frame[(frame.outcome == "ran") & (frame.actual > frame.scheduled)]
    for row in late.head(200).itertuples():
        ends = [time.tz_convert(timezone).tz_localize(None) for time in (row.scheduled, row.actual)]
        y = schedules.index(row.schedule)
        ax.annotate("", (ends[1], y), (ends[0], y), arrowprops={"arrowstyle": "->", "color": BLUE, "lw": 1.2})
    locator = AutoDateLocator()
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.set_xlabel(f"time in {timezone}", fontsize=9)
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=9, labelcolor=INK)
    return figure
