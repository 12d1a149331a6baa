"""Write the notebooks from their sources: `make notebooks`, or `python -m notebooks.build`.

Each `source/NAME.py` is a notebook in jupytext's percent format. A lesson (`NN_name.py`) becomes `NN_name.ipynb` and
`solutions/NN_name.ipynb`, executed, as lessons.py says; any other becomes `NAME.ipynb` without outputs, tags kept.
Doing it again changes nothing: a cell's id is made from its text, and outputs that came out the same are kept.

    python -m notebooks.build            write what differs
    python -m notebooks.build 03 05      only these
    python -m notebooks.build --check    execute nothing, write nothing; exit 1 if code, prose or ids differ
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from notebooks import lessons

HERE = Path(__file__).resolve().parent


def built(source: Path) -> str:
    """The text of the notebook made from `source`, which is no lesson."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(lessons.METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    lessons.name_cells(notebook)
    return written(notebook)


def written(notebook: NotebookNode) -> str:
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def existing(target: Path) -> NotebookNode | None:
    return nbformat.read(target, as_version=4) if target.exists() else None


def made(source: Path, check: bool) -> dict[Path, str]:
    """Target -> its text. With `check` a lesson's is not executed: its outputs are those that are there."""
    if not lessons.is_lesson(source):
        return {HERE / f"{source.stem}.ipynb": built(source)}
    found = {}
    for target, notebook in lessons.targets(source).items():
        old = existing(target)
        if check:
            same = old is not None and lessons.without_outputs(old) == lessons.without_outputs(notebook)
            found[target] = target.read_text(encoding="utf-8") if same else ""
        else:
            print(f"{target.relative_to(HERE.parent).as_posix()} …", flush=True)
            found[target] = written(lessons.with_kept_outputs(lessons.executed(notebook, target), old))
    return found


def main(arguments: Sequence[str]) -> int:
    check, names = "--check" in arguments, tuple(name for name in arguments if not name.startswith("-"))
    differing = 0
    for source in sorted((HERE / "source").glob("*.py")):
        if names and not source.name.startswith(names):
            continue
        try:
            texts = made(source, check)
        except lessons.LessonError as error:
            print(error, file=sys.stderr)
            return 1
        for target, text in texts.items():
            if target.exists() and target.read_text(encoding="utf-8") == text:
                continue
            differing += 1
            name = target.relative_to(HERE).as_posix()
            if check:
                print(f"{name} differs from source/{source.name}; make notebooks writes it anew")
            else:
                target.write_text(text, encoding="utf-8", newline="\n")
                print(f"{name} written.")
    return 1 if differing and check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
