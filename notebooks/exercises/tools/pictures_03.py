"""The pictures of lesson 3: what two connections see, what a kill leaves, how fast rows go in."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter

from etl_core.views.plots import BLUE, VERMILION, Picture, picture, plain


def two_views(seen: list[tuple[str, int, int]], title: str) -> Picture:
    """`seen`: (statement, rows that the writing connection sees after it, rows that another one sees)."""
    fig = picture(title, height=3)
    ax = plain(fig.subplots())
    steps, own, others = zip(*seen, strict=True)
    places = range(len(seen))
    ax.step(places, own, "o-", where="post", color=VERMILION, label="the connection that writes")
    ax.step(places, others, "s-", where="post", color=BLUE, label="another connection")
    for at in (0, len(seen) - 1):
        where = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center", "fontsize": 9}
        ax.annotate(f"{others[at]:,}", (at, others[at]), **where)
    ax.set_xticks(places, steps)
    ax.set_ylim(-0.03 * max(others), 1.2 * max(others))
    ax.set_xlabel("after the statement")
    ax.set_ylabel("rows of the day")
    ax.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(0.86, 0))
    return fig


def outcomes(found: dict[str, list[tuple[int, int]]], moments: list[str], title: str) -> Picture:
    """`found`: way of loading -> for each moment the rows that are there and the rows that the receipt speaks of."""
    fig = picture(title, height=1.1 + 0.62 * len(found))
    ax = plain(fig.subplots())
    for y, cases in enumerate(found.values()):
        for x, (there, said) in enumerate(cases):
            torn = there != said
            ax.barh(y, 0.97, left=x + 0.015, height=0.92, color=VERMILION if torn else BLUE)
            text = f"{there:,} rows,\nreceipt for {said:,}" + (": torn" if torn else "")
            ax.text(x + 0.5, y, text, ha="center", va="center", color="white", fontsize=9.5)
    ax.set_yticks(range(len(found)), list(found))
    ax.invert_yaxis()
    ax.set_xticks([x + 0.5 for x in range(len(moments))], moments)
    ax.set_xlim(0, len(moments))
    ax.set_xlabel("where the child was killed")
    ax.tick_params(length=0)
    return fig


def speeds(ways: dict[str, Callable[[sqlite3.Connection], object]], tables: str, path: Path, title: str) -> Picture:
    """Load into new tables in the file `path` by each way, commit, and show rows a second; the first is the odd one."""
    found = {}
    for way, work in ways.items():
        with closing(sqlite3.connect(path)) as conn:
            conn.executescript(tables)
            began = perf_counter()
            work(conn)
            conn.commit()
            seconds = perf_counter() - began
            found[way] = conn.execute("SELECT COUNT(*) FROM flights").fetchone()[0] / seconds
    fig = picture(title, height=1.1 + 0.32 * len(found))
    ax = plain(fig.subplots())
    ax.barh(list(found), list(found.values()), height=0.62, color=[VERMILION, *[BLUE] * (len(found) - 1)])
    for y, value in enumerate(found.values()):
        ax.annotate(f"{value:,.0f}", (value, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)
    ax.set_xscale("log")
    ax.set_xlim(10, 4 * max(found.values()))
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("rows a second (log scale: each mark is ten times the one before)")
    return fig
