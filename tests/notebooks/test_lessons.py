"""Lessons: as their sources make them, the same when run again, of one shape, with links that lead somewhere."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import nbformat
import pytest

from notebooks import build, lessons

from .rerun import assert_the_same, compared

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = REPOSITORY / "notebooks"
SOURCES = [path for path in sorted((NOTEBOOKS / "source").glob("*.py")) if lessons.is_lesson(path)]
BOTH = [folder / f"{path.stem}.ipynb" for path in SOURCES for folder in (NOTEBOOKS, NOTEBOOKS / "solutions")]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")

each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
each_notebook = pytest.mark.parametrize("path", BOTH, ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(source: Path) -> list[nbformat.NotebookNode]:
    """The cells that count: the reader's exercises are exempt."""
    cells = read(NOTEBOOKS / f"{source.stem}.ipynb").cells
    return [cell for cell in cells if cell.cell_type == "code" and "exercise" not in cell.metadata.get("tags", [])]


def prose(source: Path) -> list[str]:
    return [cell.source for cell in read(NOTEBOOKS / f"{source.stem}.ipynb").cells if cell.cell_type == "markdown"]


def slow(path: Path) -> bool:
    """The solved copies of the second week: long, and their readers' copies are among the quick ones."""
    return path.parent.name == "solutions" and path.name >= "06"


@pytest.mark.timeout(300)  # seconds each on a calm machine
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] if slow(path) else []) for path in BOTH],
    ids=lambda path: path.relative_to(NOTEBOOKS).as_posix(),
)
def test_outputs_come_out_the_same(path: Path, tmp_path: Path) -> None:
    """nbval, strict, with a home of its own."""
    assert_the_same(compared(path.relative_to(NOTEBOOKS).as_posix(), tmp_path))
    assert {item.name for item in tmp_path.iterdir()} <= {
        "exercises.json",
        "exercises.lock",
        "lesson-09",
        "lesson-09-solved",
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
@each_source
def test_making_it_again_changes_nothing(source: Path) -> None:
    for target, notebook in lessons.targets(source).items():
        made = lessons.with_kept_outputs(lessons.executed(notebook, target), read(target), lessons.PICTURES)
        assert build.written(made) == target.read_text(encoding="utf-8")


@each_source
def test_opening_recap_and_way_on(source: Path) -> None:
    texts = prose(source)
    assert re.match(rf"# {source.name[:2]} \S.*\?", texts[0]), "the title is `# NN Name: the question?`"
    for word in ("**You will do**", "**You will learn**", "**You need**", "**Minutes**"):
        assert word in texts[0], f"the opening has no {word}"
    assert re.search(r"\*\*Minutes\*\*.*\d+ .*reading.*\d+ .*exercises", texts[0])
    everything = "\n".join(texts)
    assert re.search(r"^## Recap$", everything, re.MULTILINE)
    assert re.search(r"^## What others call it$", everything, re.MULTILINE) or source.name.startswith("00")
    following = [path.stem for path in SOURCES if path > source][:1]
    assert re.match(r"\*\*Next\*\*", texts[-1]), "the last cell leads to the next lesson"
    assert all(f"]({name}.ipynb)" in texts[-1] for name in following), "with a link, where there is one"
    assert any("progress(" in cell.source for cell in code_cells(source))


@each_source
def test_cells_are_few_and_short(source: Path) -> None:
    lengths = [len(cell.source.splitlines()) for cell in code_cells(source)]
    words = sum(len(text.split()) for text in prose(source))
    assert 8 <= len(lengths) <= 20
    assert max(lengths) <= 25
    assert statistics.median(lengths) <= 6
    assert 40 <= words / len(lengths) <= 90


@each_source
def test_what_messages_tell_to_use_is_imported(source: Path) -> None:
    """`hint("3.1") helps`, says every stub: so it has to be there."""
    wanted = {"hint", "solution"}
    missing = wanted - set(re.findall(r"\w+", code_cells(source)[0].source.partition("from exercises import")[2]))
    assert not missing


@each_source
def test_nothing_comes_from_where_the_solutions_are(source: Path) -> None:
    """What a lesson imports, a reader opens; lesson_NN.py has the answers in it."""
    found = [cell.source for cell in code_cells(source) if "exercises.lesson_" in cell.source]
    assert found == []


@each_source
def test_prose_is_plain(source: Path) -> None:
    for text in prose(source):
        without_code = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
        assert "!" not in without_code.replace("![", ""), text
        assert not re.search(r"\bsimply\b", without_code, re.IGNORECASE), text


@each_notebook
def test_links_lead_somewhere(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type != "markdown":
            continue
        for link in LINK.findall(cell.source):
            target, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link):
                continue
            found = (path.parent / target).resolve() if target else path
            assert found.exists(), f"{link}: there is no such file"
            if anchor:
                assert anchor in anchors(found), f"{link}: there is no such heading"


def anchors(path: Path) -> set[str]:
    """The headings of a notebook as JupyterLab names them, or of a page."""
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    else:
        text = path.read_text(encoding="utf-8")
    return {heading.strip().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_pictures_of_notebooks_have_no_path_of_a_machine() -> None:
    for path in BOTH:
        assert str(REPOSITORY) not in path.read_text(encoding="utf-8")
