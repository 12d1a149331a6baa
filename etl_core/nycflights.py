"""The flights pipeline: the landing zone's days, through the three stages, into the warehouse."""

from __future__ import annotations

from etl_core.pipeline import Pipeline, lazy
from etl_core.stages.landing import landed

flights = Pipeline(
    "flights",
    landed=landed,
    extract=lazy("etl_core.stages.extract:extract"),
    transform=lazy("etl_core.stages.transform:transform"),
    load=lazy("etl_core.stages.load:load"),
    verify=lazy("etl_core.stages.verify:verify"),
    target="etl_core:flights",
)
