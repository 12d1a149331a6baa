"""Open the lessons in JupyterLab: `make lab`, or `python -m notebooks.lab`. Options are JupyterLab's: `--no-browser`.

It listens on this machine only, behind a token, asks nothing about news and needs no network. What Jupyter and IPython
write (settings, open tabs, history, connection files) goes to `jupyter/` in ETL_HOME instead of the user's own folders;
of these it reads nothing, so a theme or an extension of another installation cannot change how a lesson looks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from etl_core import settings

NOTEBOOKS = Path(__file__).resolve().parent
CONFIG = NOTEBOOKS / "jupyter"
FIRST = "/lab/tree/notebooks/00_start_here.ipynb"


def environment() -> dict[str, str]:
    """What this and the kernels shall find in their environment."""
    home = settings.current().home
    own = settings.private_folder(home / "jupyter")
    scripts = str(Path(sys.executable).parent)  # so that `etl` and `papermill` are there in JupyterLab's terminal
    return {
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_CONFIG_PATH": str(CONFIG),
        "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        "IPYTHONDIR": str(own / "ipython"),
        "MPLCONFIGDIR": str(own / "matplotlib"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else each kernel warns that frozen modules cannot be debugged
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
        **({"ETL_HOME": str(home)} if os.environ.get("ETL_HOME") else {}),  # in full: kernels have other folders
    }


def options() -> list[str]:
    """JupyterLab's options; those given on the command line come after these."""
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # as in a container
    return [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={settings.REPOSITORY}",
        f"--LabApp.default_url={FIRST}",
        "--LabApp.extension_manager=readonly",
        "--LanguageServerManager.autodetect=False",  # else it asks npm for some, which writes where it likes
        "--ServerApp.log_level=WARN",
        "--LabApp.log_level=WARN",
        *root,
    ]


def trust() -> None:
    """Sign the lessons, as `jupyter trust` does: without that, a reload of the page would leave their widgets out."""
    from nbformat import read
    from nbformat.sign import NotebookNotary

    Path(os.environ["JUPYTER_DATA_DIR"]).mkdir(parents=True, exist_ok=True)
    notary = NotebookNotary()
    for source in (NOTEBOOKS / "source").glob("*.py"):
        for path in (NOTEBOOKS / f"{source.stem}.ipynb", NOTEBOOKS / "solutions" / f"{source.stem}.ipynb"):
            try:
                notary.sign(read(path, as_version=4))
            except (OSError, ValueError):  # not there, or no notebook any more: who opens it is told
                continue


def main(arguments: Sequence[str]) -> None:
    os.environ.update(environment())
    trust()
    from jupyterlab.labapp import main as lab

    print(
        "JupyterLab is starting; Ctrl-C here ends it. If no browser opens, open one of the addresses below.", flush=True
    )
    lab([*options(), *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
