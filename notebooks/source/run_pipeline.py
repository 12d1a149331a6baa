# %% [markdown]
# # One run of the flights pipeline
#
# papermill executes this notebook for one day or several, and the executed copy is the record of that run: what was
# asked for, what arrived, what was rejected, what was committed, and how long it took.
#
#     papermill notebooks/run_pipeline.ipynb data/state/runs/2013-01-15.ipynb -p day 2013-01-15

# %% tags=["parameters"]
day = None  # the day to load, YYYY-MM-DD (needed)
until = None  # the last day, where there are several
faults = ""  # what is to break on purpose, see etl_core.faults
PAPERMILL_OUTPUT_PATH = None  # filled in by papermill's option --inject-output-path

# %%
from pathlib import Path

import pandas as pd
from IPython import get_ipython
from IPython.display import display

from etl_core import Interval, flights
from etl_core.errors import BadParameter
from etl_core.faults import armed, inject
from etl_core.views import plots, report

get_ipython().InteractiveTB.set_mode("Plain")  # short tracebacks; the history keeps them whole

# %% [markdown]
# ## What was asked for

# %%
with flights.refusals_recorded():
    if day is None:
        command = "papermill notebooks/run_pipeline.ipynb data/state/runs/2013-01-15.ipynb -p day 2013-01-15"
        raise BadParameter(f"day: not given. In a shell: {command}. In JupyterLab: set it in the first cell, run all.")
    interval = Interval.of(day, until)
    inject(str(faults or ""), everywhere=False)
print(f"To load: {interval}", *(f"To break on purpose: {fault}" for fault in armed()), sep="\n")

# %%
record = PAPERMILL_OUTPUT_PATH
if record and Path(record).exists():
    record = str(Path(record).resolve())  # the history keeps it, whatever folder is looked from
run = flights.start(interval, notebook=record)
print(f"Run {run.run_id} has begun.")

# %% [markdown]
# ## Extract
#
# The landed files, line by line, with the types they were agreed to have.

# %%
extracted = run.extract()
print(f"{extracted.rows:,} lines of flights, {len(extracted.weather):,} of weather.")
extracted.flights.head(3)

# %% [markdown]
# ## Transform
#
# Each flight checked, its times in UTC, its delays in minutes, the weather of its hour beside it.

# %%
transformed = run.transform()
print(f"{transformed.rows:,} flights to load, {len(transformed.rejected):,} lines rejected.")
for note in transformed.notes:
    print("Noted:", note)
transformed.flights.head(3)

# %%
if transformed.rejected.empty:
    print("No line was rejected.")
else:
    display(transformed.rejected.head(10))

# %% [markdown]
# ## Load
#
# Rows, rejected lines and one receipt a day, in one transaction: all of it or nothing.

# %%
receipts = run.load()
print(f"{receipts.rows:,} rows loaded + {receipts.rejected:,} rejected = {extracted.rows:,} lines.")
pd.DataFrame(receipts.receipts)[["flight_date", "rows_loaded", "rows_rejected", "source_hash", "loaded_at"]]

# %% [markdown]
# ## What it looks like

# %%
plots.delays(transformed.flights)

# %% [markdown]
# ## Where the time went

# %%
plots.stage_times(run.run_id)

# %% [markdown]
# ## In short

# %%
report.explain(run.run_id)
