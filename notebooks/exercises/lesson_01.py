"""Lesson 1, extract: what exactly arrived?"""

from __future__ import annotations

import csv
import functools
import gzip
import hashlib
import os
import pickle
import re
import shutil
import urllib.request
import uuid
from contextlib import suppress
from pathlib import Path

import pandas as pd

from exercises.model import Exercise
from exercises.tools import landing
from exercises.tools.child import in_child
from exercises.tools.compare import plain, same, show
from exercises.tools.files import watched
from exercises.tools.server import Page, serve
from exercises.trial import Raised, Trial

# ---- 1.1 ------------------------------------------------------------------------------------------------------------

one = Exercise(
    "1.1",
    "Read what arrived, unchanged",
    star=True,
    hints=(
        "Two tools will do: Python's `csv` module, which changes nothing, or pandas told to convert nothing. "
        "What does pandas make of the text NA, even where it reads everything as text?",
        "`pd.read_csv` has `dtype=str` against types and `keep_default_na=False` against the list of words it takes "
        "for missing. It also skips blank lines, and then its row numbers are not line numbers any more.",
        "With `csv.reader(file)` each row comes with its line: `reader.line_num`. A blank line is an empty row.",
    ),
    passed="What you keep is what the file says; every later decision can be traced back to a line of it.",
)


@one.stub
def read_raw(path: Path) -> pd.DataFrame:
    """Every cell of a CSV file as the text it is, and `source_line`: the line it stands on.

    The header is line 1.
    """
    ...  # your code here


@one.solution
def read_raw(path: Path) -> pd.DataFrame:
    """Every cell of a CSV file as the text it is, and `source_line`: the line it stands on.

    The header is line 1.
    """
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader)
        rows = [[*row, reader.line_num] for row in reader if row]
    return pd.DataFrame(rows, columns=[*header, "source_line"])


@one.wrong(
    "Some cells are not text any more: on line {line}, {column} says {text!r}, and you have {got}. Types come later, "
    "and on purpose: one that is guessed from a column, as pandas does, is another for the next day's file.",
    when=lambda seen: seen.not_text,
)
def plain_read_csv(path):
    frame = pd.read_csv(path)
    frame["source_line"] = range(2, len(frame) + 2)
    return frame


@one.wrong(
    "On line {line} the file says {text!r} in {column}, and you have {got}. Even where all is read as text, some words "
    "are taken for missing values: a carrier called NA is lost for good.",
    when=lambda seen: seen.missing,
)
def dtype_str_only(path):
    frame = pd.read_csv(path, dtype=str)
    frame["source_line"] = range(2, len(frame) + 2)
    return frame


@one.wrong(
    "On line {line} the file says {text!r} in {column}, and you have {got}. A repair in extract hides from everybody "
    "that the source sends such things; rejecting or repairing is for transform, which can say so.",
    when=lambda seen: seen.stripped,
)
def strips(path):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False)
    frame["source_line"] = frame.index + 2
    frame = frame[frame["year"] != ""]
    return frame.apply(lambda column: column.str.strip() if column.name != "source_line" else column)


@one.wrong(
    "Your line numbers are one too small: the header is a line too. Whoever opens the file in an editor to see why a "
    "row was rejected looks at the wrong flight.",
    when=lambda seen: seen.lines in ([1, 2, 3, 4], [1, 2, 4, 5]),
)
def index_plus_one(path):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame["source_line"] = frame.index + 1
    return frame


@one.wrong(
    "Your line numbers are row numbers: after a blank line they no longer say where in the file a row stands.",
    when=lambda seen: seen.lines == [2, 3, 4, 5],
)
def rows_counted(path):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame["source_line"] = frame.index + 2
    return frame


@one.wrong(
    "The cell {torn!r} has a comma in it, which is why the file has it in quotes; you cut it in two, and every cell "
    "after it stands in the wrong column.",
    when=lambda seen: seen.torn,
)
def splits_at_commas(path):
    header, *lines = Path(path).read_text().splitlines()
    rows = [[*text.split(","), number] for number, text in enumerate(lines, 2) if text]
    return pd.DataFrame([dict(zip([*header.split(",")], row, strict=False)) | {"source_line": row[-1]} for row in rows])


@one.right
def with_pandas(path):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False, skip_blank_lines=False)
    frame.insert(0, "source_line", frame.index + 2)
    return frame  # a blank line is a row of empty texts here, which is fine


@one.right
def dict_reader(path):
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        return pd.DataFrame([{**row, "source_line": reader.line_num} for row in reader])


@one.grade
def grade_read_raw(t: Trial) -> None:
    odd = landing.write(
        t.folder / "odd.csv",
        landing.line(carrier="NA", flight="007"),
        landing.line(tailnum=" N1422 "),
        "",
        landing.line(dest="None", dep_time="NA", arr_time=""),
        landing.line(tailnum='"N14,22"'),
    )
    for case, path in (
        ("a small file: carrier NA, flight 007, spaces, a blank line, an empty cell, and a comma in quotes", odd),
        ("15 January", landing.flights_file("2013-01-15")),
    ):
        frame = t.call(path, case=case)
        if not isinstance(frame, pd.DataFrame):
            t.stop(case, f"expected a DataFrame, got {show(frame)}")
        _compare_cells(t, case, frame, landing.cells(path))


def _compare_cells(t: Trial, case: str, frame: pd.DataFrame, want: dict[int, dict[str, str]]) -> None:
    columns = list(next(iter(want.values())))
    if absent := [name for name in [*columns, "source_line"] if name not in frame.columns]:
        t.stop(case, f"the column {absent[0]!r} is not there")
    frame = frame[~frame[columns].isin([""]).all(axis="columns") & ~frame[columns].isna().all(axis="columns")]
    lines = [line.item() if hasattr(line, "item") else line for line in frame["source_line"]]
    if others := [line for line in lines if type(line) is not int]:
        t.fail(case, f"source_line is {show(others[0])}; a whole number is expected")
        lines = [int(line) if str(line).removesuffix(".0").isdecimal() else line for line in lines]
    t.seen.lines = t.seen.lines or lines  # of the small file
    known = lines if len(lines) != len(want) or set(lines) == set(want) else list(want)  # else row by row
    if len(lines) != len(want):
        absent = [f"line {line} is missing" for line in want if line not in lines]
        more = [f"there is a row for line {line}, on which is no flight" for line in lines if line not in want]
        t.fail(case, (absent or more or [f"expected {len(want):,} rows, got {len(lines):,}"])[0])
    for line, record in zip(known, frame[columns].to_dict("records"), strict=True):
        for column, text in want.get(line, {}).items():
            if not (isinstance(got := record[column], str) and got == text):
                _note_cell(t, line, column, text, got)
                t.fail(case, f"line {line}, {column}: expected {text!r}, got {show(got)}")
    t.equal(lines, list(want), f"{case}; source_line")


def _note_cell(t: Trial, line: int, column: str, text: str, got: object) -> None:
    """Remember the worst kind of difference, and the first of it."""
    if isinstance(got, str) and "," in text and got.strip('"') == text.partition(",")[0]:
        t.seen.torn = text
        return
    kinds = ("not_text", "missing", "stripped")
    if isinstance(got, str):
        kind = "stripped" if got.strip() == text.strip() else ""
    elif plain(got) is None:
        kind = "missing" if text in ("NA", "None") else ""  # another one is missing for another reason
    else:
        kind = "not_text"
    worse = [name for name in kinds if getattr(t.seen, name)][:1]
    if kind and (not worse or kinds.index(kind) < kinds.index(worse[0])):
        setattr(t.seen, kind, True)
        t.seen.line, t.seen.column, t.seen.text, t.seen.got = line, column, text, show(got)


# ---- 1.2 ------------------------------------------------------------------------------------------------------------

two = Exercise(
    "1.2",
    "Know a file by its content",
    hints=(
        "A correction can have the same size, and a copy another date. What is left to look at?",
        "You want a function from bytes to a short text that every process, today and next year, computes the same "
        "way.",
        "`hashlib.sha256(data).hexdigest()`, over the bytes of the file as they are: `path.read_bytes()`.",
    ),
    passed="`etl_core.landed()` does this for every day, over the flights file and its weather file together.",
)


@two.stub
def fingerprint(path: Path) -> str:
    """A short text that is the same exactly when the bytes of two files are the same."""
    ...  # your code here


@two.solution
def fingerprint(path: Path) -> str:
    """A short text that is the same exactly when the bytes of two files are the same."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@two.wrong(
    "Your fingerprint is `{mark}`: what an object is, and where in memory it stands, with nothing of the file in it. "
    "After a restart every day would look changed, and be loaded again.",
    when=lambda seen: " object at 0x" in seen.mark.replace("@", "at"),
)
def the_object(path):
    return str(hashlib.sha256(Path(path).read_bytes()))


@two.wrong(
    "The same file, asked about twice, has two fingerprints. Whatever they are made of, it is not only the file: every "
    "day would look changed at every look.",
    when=lambda seen: seen.asked_again is False,
)
def new_each_time(path):
    return str(uuid.uuid4())


@two.wrong(
    "Another process computes another fingerprint for the same file. After a restart every day would look changed, and "
    "be loaded again. Python's `hash()` of text and bytes is of this kind: it is salted anew in each process.",
    when=lambda seen: seen.other_process is False,
)
def builtin_hash(path):
    return str(hash(Path(path).read_bytes()))


@two.wrong(
    "A corrected file of the same size has the fingerprint of the old one: the correction would never be loaded. "
    "Size, date and number of lines describe a file; they are not what is in it.",
    when=lambda seen: seen.edit_seen is False and seen.content_seen is False and seen.outside,
)
def size_or_mtime(path):
    found = os.stat(path)
    return f"{found.st_size}-{found.st_mtime_ns}"


@two.wrong(
    "A correction in the last line goes unnoticed: your fingerprint leaves out the end of the file. The corrected day "
    "would never be loaded.",
    when=lambda seen: seen.edit_seen and seen.end_seen is False,
)
def beginning_only(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read(4096)).hexdigest()


@two.wrong(
    "Your fingerprint has {length:,} characters; the file has {size:,} bytes. It is kept for every day and compared "
    "at every look: that would be a second copy of the data.",
    when=lambda seen: seen.length > 1000,
)
def text_itself(path):
    return Path(path).read_bytes().decode("latin-1")


@two.wrong(
    "The same bytes with another date have another fingerprint: copying the landing zone to another disk would "
    "load the whole year again.",
    when=lambda seen: seen.touch_same is False,
)
def date_too(path):
    return f"{os.stat(path).st_mtime_ns} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"


@two.wrong(
    "A copy under another name has another fingerprint. Where a file lies, and what it is called, is not what arrived.",
    when=lambda seen: seen.copy_same is False,
)
def includes_name(path):
    return hashlib.sha256(Path(path).name.encode() + Path(path).read_bytes()).hexdigest()


@two.wrong(
    "A correction that swaps two digits goes unnoticed. Your fingerprint knows which bytes are there, and not in which "
    "order they come; the corrected day would never be loaded.",
    when=lambda seen: seen.edit_seen and seen.end_seen and seen.swap_seen is False and seen.order_seen is False,
)
def sum_of_bytes(path):
    return str(sum(Path(path).read_bytes()))


@two.wrong(
    "Two files with different bytes have one fingerprint: the lines of one end with CRLF, those of the other with LF, "
    "and your way of reading hides that. Whether a difference matters is known only after it was noticed.",
    when=lambda seen: seen.edit_seen and seen.end_seen and seen.parsed_edit_seen is False,
)
def hash_of_frame(path):
    return hashlib.sha256(pd.read_csv(path).to_csv().encode()).hexdigest()


@two.wrong(
    "{many:,} files, each with other bytes, got only {marks:,} fingerprints. Yours has {length} characters, which is "
    "not enough to tell them apart: a correction that hits the old one's is never loaded.",
    when=lambda seen: seen.length <= 5 and 1 < seen.marks < seen.many,
)
def four_digits(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:4]


@two.wrong(
    "A file with one more blank line at its end has the fingerprint of the one without. Those are other bytes, and "
    "whatever is taken off before you look can change without being noticed.",
    when=lambda seen: seen.edit_seen and seen.end_seen and seen.blank_seen is False,
)
def strips_first(path):
    return hashlib.sha256(Path(path).read_bytes().strip()).hexdigest()


@two.wrong(
    "Asked again about a file whose content has changed meanwhile, but not its size and date, your function gives the "
    "old fingerprint: the correction would never be loaded. What was kept from an earlier call is not what lies there "
    "now.",
    when=lambda seen: seen.edit_seen and seen.end_seen and seen.copy_same and seen.change_seen is False,
)
@functools.lru_cache
def remembers(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@two.right
def md5_in_pieces(path):
    digest = hashlib.md5()
    with open(path, "rb") as file:
        while piece := file.read(4096):
            digest.update(piece)
    return digest.hexdigest()


@two.right
def shortened(path):
    return hashlib.blake2b(Path(path).read_bytes()).hexdigest()[:16]


@two.grade
def grade_fingerprint(t: Trial) -> None:
    lines = [landing.line(), *[landing.line(flight=number) for number in range(2000, 3000)]]
    first = landing.write(t.folder / "2013-01-15.csv", *lines)
    os.utime(first, (1_360_000_000, 1_360_000_000))
    mark = t.call(first, case="a file")
    if not isinstance(mark, str):
        t.stop("a file", f"expected text, got {show(mark)}")
    t.seen.mark, t.seen.length, t.seen.size = show(mark), len(mark), first.stat().st_size
    t.true(len(mark) <= 1000, "a file", f"expected a short text, got one of {len(mark):,} characters")

    def look(name: str, case: str, path: Path, alike: bool) -> None:
        found = t.call(path, case=case)
        setattr(t.seen, name, same(found, mark) is alike)
        t.true(same(found, mark) is alike, case, f"expected {'the same' if alike else 'another'} fingerprint")

    look("asked_again", "the same file once more", first, True)
    with suppress(TypeError, AttributeError, pickle.PicklingError):  # of what cannot travel: then it is not seen
        again = in_child(t.answer, first)
        t.seen.other_process = same(again.value, mark) if again.returncode == 0 and not again.error else None
    case = "the same file, in another process"
    t.true(t.seen.other_process is not False, case, "expected the same fingerprint, got another")
    edited = _edited(first, "a.csv", b"1545", b"1546")
    look("edit_seen", "a correction of the same size", edited, False)
    last = f"{lines[-1]}\n".encode()
    for name, case, old, new in (
        ("end_seen", "a correction in its last line", b",2999,", b",2998,"),
        ("middle_seen", "a correction in its middle", b",2500,", b",2501,"),
        ("swap_seen", "a correction that swaps two digits", b",1545,", b",1554,"),
        ("header_seen", "a column of another name in the header", b",tailnum,", b",tail_no,"),
        ("case_seen", "a code in small letters", b",UA,2500,", b",ua,2500,"),
        ("parsed_edit_seen", "other bytes that mean the same (CRLF)", b"\n", b"\r\n"),
        ("start_seen", "a blank line before its first", b"year,", b"\nyear,"),
        ("blank_seen", "one more blank line at its end", last, last + b"\n"),
    ):
        look(name, case, _edited(first, f"{name}.csv", old, new), False)
    turned = landing.write(t.folder / "f.csv", *reversed(lines))
    os.utime(turned, (1_360_000_000, 1_360_000_000))
    look("order_seen", "the same lines in another order", turned, False)
    look("copy_same", "a copy under another name", shutil.copy2(first, t.folder / "copy of it.csv"), True)
    os.utime(first, (1_400_000_000, 1_400_000_000))
    look("touch_same", "the same file, its date changed", first, True)
    first.write_bytes(edited.read_bytes())
    os.utime(first, (1_400_000_000, 1_400_000_000))
    look("change_seen", "the same file again, its content changed", first, False)
    if t.seen.edit_seen is False:  # is it what stands around a file?
        other = _edited(first, "e.csv", b"", b"")
        other.write_bytes(re.sub(rb"[A-Z0-9]", b"7", other.read_bytes()))
        os.utime(other, (edited.stat().st_atime, edited.stat().st_mtime))
        t.seen.content_seen = not same(t.call(other, case="other content, same size and date"), mark)
        t.seen.outside = t.seen.touch_same is False or not same(
            t.call(landing.write(t.folder / "short.csv", lines[0]), case="a file of one line"), mark
        )
    case = "two files that differ in one byte, which is not UTF-8"
    odd = [t.call(_edited(first, f"odd {n}.csv", b"N14228", b"N1422%c" % n), case=case) for n in (0xE8, 0xE9)]
    t.true(not same(*odd), case, "expected two fingerprints, got the same twice")
    if not t.failure:
        _many(t)


def _many(t: Trial) -> None:
    """A file that is written again and again, of one size and with one date."""
    path, t.seen.many = landing.write(t.folder / "many.csv", landing.line(flight=5000)), 1000
    data = path.read_bytes()

    def marks() -> int:
        found = []
        for number in range(t.seen.many):
            with open(path, "r+b") as file:  # to cut it to nothing first takes thirty times as long
                file.write(data.replace(b",5000,", b",%d," % (5000 + number)))
            os.utime(path, (1_360_000_000, 1_360_000_000))
            found.append(t.answer(path))
        return len(set(found))

    case = f"{t.seen.many:,} files of one size, each with other bytes"
    t.seen.marks = t.do(marks, case=case)
    t.equal(t.seen.marks, t.seen.many, f"{case}: how many fingerprints")


def _edited(path: Path, name: str, old: bytes, new: bytes) -> Path:
    """A changed file with the date of `path`."""
    changed = path.with_name(name)
    changed.write_bytes(path.read_bytes().replace(old, new) if old else path.read_bytes())
    os.utime(changed, (os.stat(path).st_atime, os.stat(path).st_mtime))
    return changed


# ---- 1.3 ------------------------------------------------------------------------------------------------------------

three = Exercise(
    "1.3",
    "Say what is wrong with a file",
    none=True,
    hints=(
        "Ask in this order: is there anything, is it text, are the columns there that you need, and does it end "
        "properly?",
        "Compare the columns as a set: order and additions do no harm. A file that was cut ends without a newline, "
        "or its last line has too few cells.",
        "Bytes first: `data = path.read_bytes()`. Then `data.decode()` in a `try`, `needed - set(header)`, and a look "
        "at the number of cells of the last line.",
    ),
    passed="A file is judged before it is believed, and the judgement is a sentence that somebody can act on.",
)


@three.stub
def whats_wrong(path: Path) -> str | None:
    """What is wrong with a flights file, in a few words; None for a whole one.

    Needed are the columns carrier, flight, origin, sched_dep_time and dep_time, in any
    order; others may be there too. It answers, and does not raise, whatever bytes lie there.
    """
    needed = {"carrier", "flight", "origin", "sched_dep_time", "dep_time"}
    ...  # your code here


@three.solution
def whats_wrong(path: Path) -> str | None:
    """What is wrong with a flights file, in a few words; None for a whole one."""
    needed = {"carrier", "flight", "origin", "sched_dep_time", "dep_time"}
    data = Path(path).read_bytes()
    if not data.strip():
        return "it is empty"
    try:
        rows = list(csv.reader(data.decode().splitlines()))
    except (UnicodeDecodeError, csv.Error):
        return "it is not the text of a table"
    if absent := needed - set(rows[0]):
        return f"columns are missing: {', '.join(sorted(absent))}"
    if len(rows[-1]) != len(rows[0]):
        return f"its last line has {len(rows[-1])} cells, the header {len(rows[0])}: it was cut off"
    return None


@three.wrong(
    "For a whole file you answer {answer}, and whoever asks whether it `is None` takes that for a finding. "
    "None says that there is nothing to say.",
    when=lambda seen: seen.answer and len(seen.refused) == seen.whole and len(seen.passed_bad) < 5,
)
def yes_or_no(path):
    needed = {"carrier", "flight", "origin", "sched_dep_time", "dep_time"}
    return not needed <= set(Path(path).read_bytes().decode("latin-1").partition("\n")[0].strip().split(","))


@three.wrong(
    "For {missed} your function returned {said}, and about the four other bad files it says nothing either. Does every "
    "way through it end in a `return` of what was found? None is for whole files.",
    when=lambda seen: len(seen.passed_bad) == 5 and (seen.answer or not seen.refused),
)
def suffix_only(path):
    return None if str(path).endswith(".csv") else "not a CSV file"


@three.wrong(
    "You refused {first_refused}. The last line of such a file has an NA in it, which says something: the flight was "
    "cancelled. A cell that is not there looks different.",
    when=lambda seen: seen.refused[:2] == ["a whole file that ends with a cancelled flight", "a real day"],
)
def missing_is_cut(path):
    try:
        frame = pd.read_csv(path)
    except Exception as error:
        return str(error)
    if not {"carrier", "flight", "origin", "sched_dep_time", "dep_time"} <= set(frame.columns):
        return "columns are missing"
    return "cut off" if frame.iloc[-1].isna().any() else None


@three.wrong(
    "You refused {first_refused}. Columns are known by their names: a source that adds one, or sends them in another "
    "order, has broken nothing, and no day should be lost over it.",
    when=lambda seen: seen.first_refused.endswith(("in another order", "one more column")),
)
def exact_header(path):
    data = Path(path).read_bytes()
    return (
        None if data.startswith(",".join(landing.HEADER).encode() + b"\n") and data.endswith(b"Z\n") else "other header"
    )


@three.wrong(
    "You found nothing wrong with {missed}. It starts well, and its last line has {cells} cells of {columns}: only its "
    "end can tell that it was cut off.",
    when=lambda seen: seen.passed_bad == ["a file cut off in its last line"],
)
def header_only(path):
    needed = {"carrier", "flight", "origin", "sched_dep_time", "dep_time"}
    start = Path(path).read_bytes().decode("latin-1").partition("\n")[0].strip()
    return None if needed <= set(start.split(",")) else "the header is wrong"


@three.wrong(
    "For {raised} your function raised {error_text} instead of answering. Whoever asks about a hundred files gets no "
    "answer about the other ninety-nine.",
    when=lambda seen: seen.raised,
)
def raises(path):
    if not Path(path).read_text().endswith("\n"):
        return "cut off"
    absent = {"carrier", "flight", "origin", "sched_dep_time", "dep_time"} - set(pd.read_csv(path).columns)
    return f"missing: {absent}" if absent else None


@three.right
def with_pandas_too(path):
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except Exception as error:
        return str(error)
    absent = {"carrier", "flight", "origin", "sched_dep_time", "dep_time"} - set(frame.columns)
    if absent:
        return f"no {absent}"
    return "cut off" if not Path(path).read_bytes().endswith(b"\n") else None


@three.grade
def grade_whats_wrong(t: Trial) -> None:
    folder, header = t.folder, ",".join(landing.HEADER)
    lines = [landing.line(), landing.line(flight=25), landing.line(dep_time="NA")]
    whole = landing.write(folder / "whole.csv", *lines)
    turned = [",".join(reversed(text.split(","))) for text in (header, *lines)]
    good = {
        "a whole file": landing.write(folder / "few.csv", *lines[:2]),
        "a whole file that ends with a cancelled flight": whole,
        "a real day": landing.flights_file("2013-01-15"),
        "a whole file with its columns in another order": landing.write(
            folder / "order.csv", *turned[1:], header=turned[0]
        ),
        "a whole file with one more column": landing.write(
            folder / "more.csv", *[f"{text},x" for text in lines], header=f"{header},gate"
        ),
        "a whole file with CRLF line ends": _edited(whole, "crlf.csv", b"\n", b"\r\n"),
        "a whole file with a comma in a cell, in quotes": landing.write(
            folder / "quoted.csv", *lines[:2], landing.line(tailnum='"N14,22"')
        ),
    }
    bad = {
        "an empty file": b"",
        "an HTML page": b"<!DOCTYPE html>\n<html><body><h1>404 Not Found</h1></body></html>\n",
        "a file without the column dep_time": whole.read_bytes().replace(b"dep_time,sched_dep", b"left,sched_dep", 1),
        "a file cut off in its last line": whole.read_bytes()[:-40],
        "gzip bytes under the name of a CSV file": gzip.compress(whole.read_bytes(), mtime=0),
    }
    t.seen.whole, t.seen.columns = len(good), len(landing.HEADER)
    t.seen.cells = bad["a file cut off in its last line"].splitlines()[-1].count(b",") + 1
    t.seen.refused = []
    for case, path in good.items():
        found = t.call(path, case=case)  # an error here is one of the code, not of the file
        if not t.true(found is None, case, f"expected None, got {show(found)}"):
            t.seen.refused.append(case)
            t.seen.first_refused = t.seen.refused[0]
            if found is False or found is True or (isinstance(found, str) and not found):
                t.seen.answer = t.seen.answer or repr(found)
    t.seen.passed_bad = []
    for number, (case, content) in enumerate(bad.items()):
        path = folder / f"bad{number}.csv"
        path.write_bytes(content)
        found = t.call(path, case=case, allow=True)
        if found is None or found is False or (isinstance(found, str) and not found):
            t.seen.passed_bad.append(case)
            t.seen.missed, t.seen.said = t.seen.passed_bad[0], t.seen.said or repr(found)
        t.true(isinstance(found, str) and found, case, f"expected a text that says what is wrong, got {show(found)}")
        if isinstance(found, Raised) and not t.seen.raised:
            t.seen.raised, t.seen.error_text = case, type(found.error).__name__


# ---- 1.4 ------------------------------------------------------------------------------------------------------------

four = Exercise(
    "1.4",
    "Download a file, whole or not at all",
    none=True,
    hints=(
        "Two things can go wrong: less may arrive than was announced, and somebody may read while you write.",
        "The server announces the length (`Content-Length`). Write to another name that nobody takes for a day's file, "
        "compare, and only then give it its proper name.",
        "`os.replace(part, target)` is one step: before it the old file is there, after it the new one. Check "
        "`len(data)` against `int(reply.headers['Content-Length'])` before, and raise an error where they differ.",
    ),
    passed="Write aside, check, rename: the same three steps make any file that others read while you write it.",
)


@four.stub
def fetch(url: str, target: Path) -> None:
    """Download `url` to `target`.

    Afterwards `target` is whole; or an error was raised, and it is as it was before.
    """
    ...  # your code here


@four.solution
def fetch(url: str, target: Path) -> None:
    """Download `url` to `target`.

    Afterwards `target` is whole; or an error was raised, and it is as it was before.
    """
    with urllib.request.urlopen(url, timeout=10) as reply:
        data = reply.read()
        announced = int(reply.headers["Content-Length"])
    if len(data) != announced:
        raise OSError(f"{url}: {len(data)} bytes arrived of {announced}")
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(data)
    os.replace(part, target)


@four.wrong(
    "The connection broke after 400 of 1,000 bytes, and {kept} bytes are now in the target, without any error. "
    "No exception is no proof that all has arrived: how much was to come, the server had said before.",
    when=lambda seen: seen.silent and seen.kept == 400,
)
def copyfileobj(url, target):
    part = target.with_name(f"{target.name}.part")
    with urllib.request.urlopen(url, timeout=10) as reply, open(part, "wb") as file:
        shutil.copyfileobj(reply, file)
    os.replace(part, target)


@four.wrong(
    "A download failed ({failed}) and your function returned without an error. Its caller goes on, with the old "
    "file, a wrong one or none, and nobody will know: what was only printed or logged did not happen for a program.",
    when=lambda seen: seen.silent,
)
def swallows(url, target):
    try:
        fetch(url, target)
    except Exception as error:
        print("could not download", error)


@four.wrong(
    "Your code writes straight into the target. Until the last byte is there, whoever reads it sees part of a day, and "
    "a kill in between leaves it so; the old file is gone with the first byte.",
    when=lambda seen: seen.in_place,
)
def in_place(url, target):
    with urllib.request.urlopen(url, timeout=10) as reply, open(target, "wb", buffering=0) as file:
        announced = int(reply.headers["Content-Length"])
        while piece := reply.read(100):
            file.write(piece)
    if target.stat().st_size != announced:
        raise OSError("cut off")


@four.wrong(
    "Your code takes the old file away before the new one has its name. Whoever reads in between finds no file at all, "
    "and a kill there leaves none.",
    when=lambda seen: seen.taken_away == "whole" and seen.arrived,
)
def unlinks_first(url, target):
    with urllib.request.urlopen(url, timeout=10) as reply:
        data = reply.read()
        if len(data) != int(reply.headers["Content-Length"]):
            raise OSError("cut off")
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(data)
    target.unlink()
    os.rename(part, target)


@four.wrong(
    "For a while there was a second file that looks like one to load: {stranger}. Whoever lists *.csv takes it for "
    "another day.",
    when=lambda seen: seen.stranger,
)
def part_matches_glob(url, target):
    with urllib.request.urlopen(url, timeout=10) as reply:
        data = reply.read()
        if len(data) != int(reply.headers["Content-Length"]):
            raise OSError("cut off")
    part = target.with_name(f"{target.stem}.part.csv")
    part.write_bytes(data)
    os.replace(part, target)


@four.wrong(
    "When the new file took the target's name, {named} of its 1,000 bytes were in it; the others came after that. (A "
    "file keeps what is written in a buffer until it is closed.) Who reads meanwhile finds part of a day, and a kill "
    "leaves it so.",
    when=lambda seen: seen.arrived and seen.named is not None,
)
def still_open(url, target):
    part = target.with_name(f"{target.name}.part")
    with urllib.request.urlopen(url, timeout=10) as reply, open(part, "wb") as file:
        file.write(reply.read())
        os.replace(part, target)


@four.right
def in_a_hidden_folder(url, target):
    part = target.parent / ".incoming" / target.name
    part.parent.mkdir(exist_ok=True)
    with urllib.request.urlopen(url, timeout=10) as reply, open(part, "wb") as file:
        shutil.copyfileobj(reply, file)
        if file.tell() != int(reply.headers["Content-Length"]):
            raise ValueError("cut off")
    part.rename(target) if os.name != "nt" else os.replace(part, target)


@four.grade
def grade_fetch(t: Trial) -> None:
    body, old = (landing.line() + "\n").encode() * 13, b"old\n"
    body = body[:1000]
    pages = {"whole": Page(body), "cut": Page(body, cut=400), "busy": Page(b"busy", 503)}
    with serve({f"/{name}/2013-01-15.csv": page for name, page in pages.items()}) as site:
        for page, case in (
            ("whole", "a file that arrives whole"),
            ("cut", "a connection that breaks after 400 of 1,000 bytes"),
            ("busy", "a server that answers 503"),
        ):
            target = t.folder / page / "2013-01-15.csv"
            target.parent.mkdir()
            target.write_bytes(old)
            with watched(lambda how, path, target=target: _note_write(t, how, path, target)):
                found = t.call(f"{site.url}/{page}/{target.name}", target, case=case, allow=page != "whole")
            now = target.read_bytes() if target.exists() else None
            left = "is gone" if now is None else f"has {len(now):,} bytes"
            if page == "whole":
                there = "still is the old file" if now == old else left
                t.seen.arrived = now == body
                if not t.true(now == body, case, f"expected the {len(body):,} bytes of the file; the target {there}"):
                    t.stop("", "")
                detail = f"the target got its name when {t.seen.named} of 1,000 bytes were in it"
                t.true(t.seen.named is None, case, detail)
            elif not isinstance(found, Raised):
                t.seen.silent, t.seen.failed = page, t.seen.failed or case
                t.seen.kept = t.seen.kept or len(now or b"")
                t.fail(case, f"expected an error; your function returned, and the target {left}")
            else:
                t.true(now == old, case, f"expected the target as it was before; it {left}")
            if page == "cut" and now == old and isinstance(found, Raised):  # what it left is not to be in the way
                case = "the same file, which arrives whole, after a connection that broke"
                t.call(f"{site.url}/whole/{target.name}", target, case=case)
                size = len(target.read_bytes()) if target.exists() else 0
                detail = f"expected the 1,000 bytes of the file; the target has {size:,}"
                t.true(target.exists() and target.read_bytes() == body, case, detail)
            t.true(not t.seen.in_place, case, "the target was opened for writing")
            t.true(not t.seen.taken_away, case, "the target was removed, or renamed, before the new file took its name")
            t.true(not t.seen.stranger, case, f"{t.seen.stranger} was there for a while")


def _note_write(t: Trial, how: str, path: Path, target: Path) -> None:
    if how == "gone":
        t.seen.source = path  # of the rename that may follow
    elif how == "rename" and path == target and path.parent.name == "whole" and t.seen.source.exists():
        size = t.seen.source.stat().st_size
        t.seen.named = size if size < 1000 else None
    if path == target and how == "open":
        t.seen.in_place = True
    elif path == target and how == "gone":
        t.seen.taken_away = t.seen.taken_away or target.parent.name
    elif how != "gone" and path.parent == target.parent and path != target and path.match("*.csv"):
        t.seen.stranger = path.name
