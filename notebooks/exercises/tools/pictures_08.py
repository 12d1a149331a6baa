"""The picture of lesson 8: a day's runs, and the lives of the processes that ran it."""

from __future__ import annotations

from datetime import datetime

from etl_core.history import Run
from etl_core.views.plots import BLUE, GREY, INK, PALE, VERMILION, Picture, picture, plain

Life = tuple[datetime, datetime]  # from its start to the moment at which it was killed


def lives(processes: list[Life], runs: list[Run], title: str) -> Picture:
    """`processes` above, each ended by a kill; below them `runs`, oldest first, and the wait for a retry."""
    fig = picture(title, height=1.2 + 0.36 * (len(processes) + len(runs)))
    ax = plain(fig.subplots())
    zero = processes[0][0]
    end = max((killed - zero).total_seconds() for _, killed in processes)
    for row, (began, killed) in enumerate(processes):
        start, stop = (began - zero).total_seconds(), (killed - zero).total_seconds()
        ax.barh(row, stop - start, left=start, height=0.6, color=PALE)
        ax.plot(stop, row, "X", ms=9, color=INK)
        ax.annotate("killed", (stop, row), xytext=(9, 0), textcoords="offset points", va="center", fontsize=9)
    for row, run in enumerate(runs, len(processes)):
        start = (run.started_at - zero).total_seconds()
        stop = ((run.finished_at or run.started_at) - zero).total_seconds()
        if run.status == "crashed":  # found dead at the next start: it ended with its process
            began = run.started_at
            stop = min((killed - zero).total_seconds() for _, killed in processes if killed > began)
        colour = {"succeeded": BLUE, "failed": VERMILION}.get(run.status, GREY)
        ax.barh(row, max(stop - start, end / 150), left=start, height=0.6, color=colour)
        at = stop
        if run.retry_at:
            at = (run.retry_at - zero).total_seconds()
            ax.plot([stop, at], [row, row], ":", color=VERMILION)
            ax.plot(at, row, "|", ms=11, color=VERMILION)
        said = f"{run.status}" + (", to be tried again at the mark" if run.retry_at else "")
        ax.annotate(said, (at, row), xytext=(8, 0), textcoords="offset points", va="center", fontsize=9)
    names = [f"process {n}" for n in range(1, len(processes) + 1)]
    names += [f"run {n}: {run.trigger}, attempt {run.attempt}" for n, run in enumerate(runs, 1)]
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set_xlim(0, end * 1.2)
    ax.set_xlabel("seconds since the first start")
    ax.grid(axis="x", color=PALE, lw=0.6)
    return fig
