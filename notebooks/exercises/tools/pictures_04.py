"""The picture of lesson 4: which days were tried how often, and how each attempt ended."""

from __future__ import annotations

from collections import Counter

from matplotlib.lines import Line2D

from etl_core.history import Run
from etl_core.views.plots import BLUE, INK, PALE, VERMILION, Picture, picture, plain


def attempts(runs: list[Run], title: str) -> Picture:
    """A mark for each run: its day from left to right, the days' first, second, … runs one above the other."""
    fig = picture(title, height=2.3)
    ax = plain(fig.subplots())
    tried: Counter = Counter()
    days = sorted({run.interval_start for run in runs})
    looks = {"succeeded": ("o", BLUE), "failed": ("X", VERMILION)}
    for run in sorted(runs, key=lambda run: run.started_at):
        tried[run.interval_start] += 1
        marker, colour = looks[run.status]
        ax.plot(days.index(run.interval_start), tried[run.interval_start], marker, ms=11, color=colour, zorder=3)
    highest = max(tried.values())
    ax.set_xticks(range(len(days)), [f"{day.day} {day:%b}" for day in days])
    ax.set_yticks(range(1, highest + 1))
    ax.set_ylim(0.4, highest + 0.6)
    ax.grid(axis="y", color=PALE, lw=0.6)
    ax.set_xlabel("day of the data, 2013")
    ax.set_ylabel("run of the day")
    handles = [Line2D([], [], marker=marker, color=colour, ls="", ms=9) for marker, colour in looks.values()]
    fig.legend(handles, looks, loc="outside right center", frameon=False, fontsize=9, labelcolor=INK)
    return fig
