"""JupyterLab as a reader starts it, with folders of its own, on a free port of this machine."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "LANG", "SYSTEMROOT", "TEMP", "TMP")
ALL_CELLS = {"windowingMode": "none"}  # else cells that are off screen are not in the page
START = """
import os, sys
from notebooks import lab
os.environ.update(lab.environment())
from jupyterlab.labapp import main
main([option for option in lab.options() if "root_dir" not in option] + sys.argv[1:])
"""  # as notebooks/lab.py does, but for another folder of notebooks


@dataclass(frozen=True)
class Server:
    """A JupyterLab that answers. Notebooks are looked for under `root`; `state` is ETL_HOME of its kernels."""

    address: str  # http://127.0.0.1:PORT
    token: str
    root: Path
    state: Path
    log: Path

    def get(self, path: str) -> object:
        request = urllib.request.Request(self.address + path, headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def shut_down_kernels(self) -> None:
        """End every kernel, as "Shut Down All Kernels" does; a run in one is killed with it."""
        for session in self.get("/api/sessions"):
            headers = {"Authorization": f"token {self.token}"}
            address = f"{self.address}/api/sessions/{session['id']}"
            asked = urllib.request.Request(address, headers=headers, method="DELETE")
            urllib.request.urlopen(asked, timeout=30).close()


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server whose home, settings, data and notebooks are below `folder`; the block's end ends it and its kernels."""
    home, state, root = folder / "home", folder / "state", folder / "notebooks"
    for each in (home, root):
        each.mkdir(parents=True)
    settings = state / "jupyter" / "settings" / "@jupyterlab" / "notebook-extension"  # see notebooks/lab.py
    settings.mkdir(parents=True, mode=0o700)
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps(ALL_CELLS))

    token, log = secrets.token_hex(16), folder / "jupyterlab.log"
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment = {**kept, "HOME": str(home), "USERPROFILE": str(home), "ETL_HOME": str(state)}
    own = ["--no-browser", "--ServerApp.port=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"]
    with log.open("w") as said:
        command = [sys.executable, "-c", START, *own]
        child = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=said, stderr=subprocess.STDOUT)
    try:
        server = Server(_address(child, state / "jupyter" / "runtime", log), token, root, state, log)
        _until_it_answers(server, child)
        yield server
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _address(child: subprocess.Popen, runtime: Path, log: Path, seconds: float = 90) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert child.poll() is None, f"JupyterLab ended with {child.returncode}: {log.read_text()}"
        try:
            found = json.loads((runtime / f"jpserver-{child.pid}.json").read_text())
            return f"http://127.0.0.1:{found['port']}"
        except (FileNotFoundError, ValueError):  # not there yet, or half written
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start in {seconds:.0f} s: {log.read_text()}")


def _until_it_answers(server: Server, child: subprocess.Popen, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            server.get("/api/status")
            return
        except (OSError, urllib.error.URLError):
            assert child.poll() is None and time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.1)
