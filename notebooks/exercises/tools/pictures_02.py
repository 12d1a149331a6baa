"""The pictures of lesson 2: what clocks say against what happened, and what New York's clock does on two nights."""

from __future__ import annotations

import pandas as pd

from etl_core.views.plots import BLUE, GREY, NEW_YORK, PALE, VERMILION, Picture, picture, plain


def clock_and_delay(gone: pd.DataFrame, title: str) -> Picture:
    """`gone`: flights that left, with `clock` (departure minus timetable on the clock) and `dep_delay`, in minutes."""
    figure = picture(title, height=4.2)
    ax = plain(figure.subplots())
    on_the_day = gone.clock == gone.dep_delay
    for rows, colour, label in (
        (on_the_day, BLUE, "left on the day of the timetable"),
        (~on_the_day, VERMILION, "left after midnight"),
    ):
        points = gone[rows].drop_duplicates(["clock", "dep_delay"])
        ax.plot(points.clock, points.dep_delay, ".", ms=4, color=colour, label=label)
    ax.axvline(-720, color=GREY, ls="--", lw=1, label="the rule: 12 hours early")
    longest = gone.loc[gone.dep_delay.idxmax()]
    name = f"{longest.carrier} {longest.flight}"
    ax.annotate(name, (longest.clock, longest.dep_delay), (8, -3), textcoords="offset points")
    ax.set_xlabel("departure minus timetable on the clock (minutes)")
    ax.set_ylabel("dep_delay (minutes)")
    ax.legend(frameon=False, loc="lower right", fontsize=9)
    return figure


def clock_nights(title: str) -> Picture:
    """New York's clock against UTC in the two nights of 2013 in which it was changed."""
    figure = picture(title, height=3.4)
    march, november = figure.subplots(1, 2, sharey=True)
    for ax, night, hour in (march, "2013-03-10", 2), (november, "2013-11-03", 1):
        utc = pd.date_range(f"{night} 05:00", f"{night} 08:59", freq="min", tz="UTC")
        hands = utc.tz_convert(NEW_YORK)
        x, y = utc.hour + utc.minute / 60, hands.hour + hands.minute / 60
        plain(ax).plot(x, y, ".", ms=2, color=BLUE)
        ax.axhspan(hour, hour + 1, color=PALE, lw=0)
        ax.set_xlabel(f"UTC on {night} (hour)")
        ax.set_xticks(range(5, 10))
    march.set_title("2:00 to 2:59: never shown", fontsize=9.5)
    november.set_title("1:00 to 1:59: shown twice", fontsize=9.5)
    march.set_yticks(range(6))
    march.set_ylabel("clock in New York (hour)")
    return figure
