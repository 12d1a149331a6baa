"""The tables of the history (see history.py): runs, stage_runs, events, last_runs."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Float, Index, Integer, MetaData, Table, Text

from etl_core.database import Instant

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("target", Text, comment="MODULE:NAME the pipeline is imported by"),
    Column("interval_start", Date, nullable=False),
    Column("interval_end", Date, nullable=False, comment="exclusive"),
    Column("trigger", Text, nullable=False, comment="manual, scheduled, retry or backfill"),
    Column("attempt", Integer, nullable=False),
    Column("retry_of", Text, index=True),
    Column("retry_at", Instant(fraction=True), comment="when it is tried again; NULL: never by itself"),
    Column("status", Text, nullable=False, comment="running, succeeded, failed or crashed"),
    Column("started_at", Instant(fraction=True), nullable=False, index=True),
    Column("finished_at", Instant(fraction=True)),
    Column("duration_s", Float),
    Column("rows_extracted", Integer),
    Column("rows_loaded", Integer),
    Column("rows_rejected", Integer),
    Column("error", Text),
    Column("traceback", Text),
    Column("permanent", Boolean, comment="trying again cannot help; NULL: did not fail"),
    Column("blocked", Boolean, nullable=False, default=False, comment="its days wait for new content or for a person"),
    Column("notebook", Text),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
)
_IS_RUNNING = runs.c.status == "running"
Index("runs_running", runs.c.status, sqlite_where=_IS_RUNNING, postgresql_where=_IS_RUNNING)
Index("runs_success", runs.c.pipeline, runs.c.status, runs.c.finished_at)
Index("runs_newest", runs.c.pipeline, runs.c.started_at)

stage_runs = Table(
    "stage_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("status", Text, nullable=False),
    Column("started_at", Instant(fraction=True), nullable=False),
    Column("duration_s", Float),
    Column("rows_in", Integer),
    Column("rows_out", Integer),
    Column("rows_rejected", Integer),
    Column("error_type", Text),
    Column("error", Text),
    Column("traceback", Text),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant(fraction=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("pipeline", Text),
    Column("run_id", Text, index=True),
    Column("message", Text, nullable=False),
)

# The newest run of each day, so that `pending` looks at as many rows as there are days, not runs.
last_runs = Table(
    "last_runs",
    metadata,
    Column("pipeline", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("source_hash", Text, comment="of the content that the run was to load"),
)
