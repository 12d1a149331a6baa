"""The reference files: airlines, airports, planes. They change rarely and are read whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import pandas as pd
from sqlalchemy import Float, Integer, Text

from etl_core import settings
from etl_core.errors import BadSchema, PermanentError
from etl_core.stages.columns import Column
from etl_core.stages.csvfile import read_csv, to_frame
from etl_core.stages.landing import digest, read_local
from etl_core.warehouse import metadata

_KINDS = {Text: "text", Integer: "integer", Float: "number"}


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
    return Reference(name, digest(data), data, str(path))


@lru_cache(maxsize=8)
def _parsed(name: str, path: str, data: bytes) -> pd.DataFrame:
    # a file has the columns of its table; what may not be missing is the key, its first column
    table = metadata.tables[name].columns
    columns = [Column(column.name, _KINDS[type(column.type)], nullable=not column.primary_key) for column in table]
    (read,) = read_csv([(data, path)], columns)
    key = columns[0].name
    if read.bad:
        raise BadSchema(f"{path}, line {read.bad[0].line}: {read.bad[0].reason}; correct the line")
    frame = to_frame([read], columns).drop(columns="source_line")
    if frame[key].duplicated().any():
        raise BadSchema(f"{path}: {key} {frame[key][frame[key].duplicated()].iloc[0]!r} is there twice; leave one")
    return frame
