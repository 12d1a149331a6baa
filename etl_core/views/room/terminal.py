"""What makes the shown commands mean this kernel's files where a terminal would mean others."""

from __future__ import annotations

import os
import shlex

from etl_core import settings
from etl_core.pipeline import Pipeline
from etl_core.views.words import FLIGHTS


def exports(pipeline: Pipeline) -> str:
    """The line to type in a terminal before the commands for this pipeline: what differs here from the defaults, and
    for one that is not the package's own the folder it is imported from. "" where nothing differs.

    Of a database's URL that may hold a password no more is said than how it begins.
    """
    now, state = settings.current(), settings.REPOSITORY / "data"
    found = (
        ("ETL_HOME", str(now.home), str(state / "state")),
        ("ETL_LANDING", now.landing, str(state / "landing")),
        ("ETL_REFERENCE", str(now.reference), str(state / "reference")),
        ("ETL_WAREHOUSE_URL", now.warehouse_url, f"sqlite:///{now.home / 'warehouse.db'}"),
        ("ETL_HISTORY_URL", now.history_url, f"sqlite:///{now.home / 'history.db'}"),
    )
    own = [f"{name}={shlex.quote(settings.without_password(value))}" for name, value, usual in found if value != usual]
    if not own:
        return ""
    there = "" if pipeline.name == FLIGHTS else f"cd {shlex.quote(os.getcwd())}; "
    return f"{there}export {' '.join(own)}"
