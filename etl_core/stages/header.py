"""Is this the file that was agreed? Answered from its first bytes, before a line of data is read."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

from etl_core.errors import BadSchema, StillBeingWritten
from etl_core.stages.columns import Column, shown
from etl_core.stages.lines import LONGEST

BOM = b"\xef\xbb\xbf"
_NOT_CSV = {  # first bytes -> what such a file is, what to do about it
    b"\x1f\x8b": ("compressed by gzip", "decompress it: gunzip -c FILE > FILE.csv"),
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "unpack it, or save it as CSV"),
    b"\xff\xfe": ("UTF-16 text", "save it as UTF-8: iconv -f UTF-16 -t UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "save it as UTF-8: iconv -f UTF-16 -t UTF-8"),
}
_OTHER_TEXT = {  # the first character, likewise
    b"<": ("an HTML or XML page", "open it in a browser: it is probably an error page"),
    b"{": ("JSON", "write it as CSV, a record a line"),
    b"[": ("JSON", "write it as CSV, a record a line"),
}
_MANY = 100  # names among which a renamed column is looked for; comparing more takes seconds


def check_header(data: bytes, path: str, columns: Sequence[Column]) -> tuple[list[str], list[str]]:
    """The names in the first line of `data`, in the file's order, and notes on columns nobody asked for.

    Order is free and more columns are fine. Raises BadSchema where an expected column is missing or named twice, or
    where this is no CSV in UTF-8 at all; StillBeingWritten where the file ends in the middle of a good header.
    """
    expected = [column.name for column in columns]
    if not data.removeprefix(BOM).strip():
        raise BadSchema(_message(path, "an empty file", expected, "ask for it to be sent again"))
    for magic, (what, advice) in _NOT_CSV.items():
        if data.startswith(magic):
            raise BadSchema(_message(path, f"a file that is {what}", expected, advice))
    line, newline, rest = data.removeprefix(BOM).partition(b"\n")
    if other := _OTHER_TEXT.get(line.lstrip()[:1]):
        found = f"{other[0]} ({shown(line[:LONGEST].strip().decode(errors='replace'))})"
        raise BadSchema(_message(path, found, expected, other[1]))
    if b"\r" in line.rstrip(b"\r"):
        raise BadSchema(_message(path, "lines that end in a bare CR", expected, "end lines in LF or CRLF"))
    if len(line) > LONGEST:
        found = f"a first line of {len(line):,} bytes, more than {LONGEST:,}"
        raise BadSchema(_message(path, found, expected, "begin with the header, and end each line in LF or CRLF"))
    try:
        text = line.removesuffix(b"\r").decode()
        names = next(csv.reader([text], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        found = f"a first line that cannot be read ({error}): {shown(line.decode(errors='backslashreplace'))}"
        raise BadSchema(_message(path, found, expected, "save it as CSV in UTF-8, a record a line")) from None
    if not newline and len(text) < len(",".join(expected)) and ",".join(expected).startswith(text):
        raise StillBeingWritten(f"{path}, line 1: ends in the middle of the header; try again when it is complete")
    _check_names(path, text, names, expected)
    if not rest.strip():
        raise BadSchema(f"{path}: found a header and no line after it, expected data; ask for it to be sent again")
    notes = []
    if extra := [name for name in names if name and name not in expected]:
        notes.append(f"{path}: columns that are not used: {shown(', '.join(extra), 200)}")
    if "" in names:
        notes.append(f"{path}: a column without a name is not used (a comma too many in each line?)")
    return names, notes


def _check_names(path: str, text: str, names: list[str], expected: list[str]) -> None:
    counts = Counter(names)
    if counts[""] > 1:
        found = f"{counts['']:,} columns without a name"
        advice = "leave out the empty columns: a spreadsheet writes a comma for each of them"
        raise BadSchema(_message(path, found, expected, advice))
    if twice := sorted(name for name, count in counts.items() if count > 1):
        found = f"more than one column named {shown(', '.join(twice))}"
        raise BadSchema(_message(path, found, expected, "leave one of each"))
    missing = [name for name in expected if name not in counts]
    if not missing:
        return
    for delimiter, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(set(text.split(delimiter)) & set(expected)) > len(set(names) & set(expected)):
            found = f"columns separated by {called} ({shown(text)})"
            raise BadSchema(_message(path, found, expected, "write it with commas"))
    extra = {name.strip().lower(): name for name in names[:_MANY] if name not in expected}
    described = []
    for name in missing:
        near = get_close_matches(name, extra, n=1)
        described.append(f"{name} (renamed to {shown(extra[near[0]])}?)" if near else name)
    some = len(missing) < len(expected)
    found = f"no column {', '.join(described)}" if some else f"no column name that is known ({shown(text)})"
    if any(name in extra for name in missing):
        advice = "write the names as they are here: in lower case, without spaces"
    else:
        advice = "give the columns these names again" if some else "put the header back as the first line"
    raise BadSchema(_message(path, found, expected, advice))


def _message(path: str, found: str, expected: list[str], advice: str) -> str:
    return f"{path}, line 1: found {found}; expected a CSV file with the columns {','.join(expected)}; {advice}"
