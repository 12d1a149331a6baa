"""The reference files: airlines, airports, planes. They change rarely and are read whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

import pandas as pd

from etl_core import settings
from etl_core.errors import BadSchema, PermanentError
from etl_core.stages.columns import AIRLINES, AIRPORTS, PLANES
from etl_core.stages.csvfile import read_csv, to_frame
from etl_core.stages.landing import read_local

_COLUMNS = {"airlines": AIRLINES, "airports": AIRPORTS, "planes": PLANES}


@dataclass(frozen=True)
class Reference:
    name: str
    source_hash: str
    data: bytes = field(repr=False)
    path: str

    @property
    def frame(self) -> pd.DataFrame:
        """Its rows. Raises BadSchema, naming the line, if any of them does not fit."""
        return _parsed(self.name, self.path, self.data).copy()


def read_reference(name: str) -> Reference:
    """One of the reference files, its bytes read and hashed, not yet parsed."""
    path = settings.current().reference / f"{name}.csv"
    data = read_local(path)
    if data is None:
        raise PermanentError(f"{path}: not found; put the file back, or check ETL_REFERENCE")
    return Reference(name, hashlib.sha256(data).hexdigest(), data, str(path))


@lru_cache(maxsize=8)
def _parsed(name: str, path: str, data: bytes) -> pd.DataFrame:
    (read,) = read_csv([(data, path)], _COLUMNS[name])
    key = _COLUMNS[name][0].name
    if read.bad:
        raise BadSchema(f"{path}, line {read.bad[0].line}: {read.bad[0].reason}; correct the line")
    frame = to_frame([read], _COLUMNS[name]).drop(columns="source_line")
    if frame[key].duplicated().any():
        raise BadSchema(f"{path}: {key} {frame[key][frame[key].duplicated()].iloc[0]!r} is there twice; leave one")
    return frame
