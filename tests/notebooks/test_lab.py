"""`make lab`: JupyterLab on this machine only, behind a token, with no news question, no file among the user's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import KEPT, REPOSITORY


@dataclass
class Lab:
    """A JupyterLab that is running, and a user's folder that it should leave alone."""

    address: str  # http://127.0.0.1:PORT
    page: str  # the path that was printed
    token: str
    user: Path
    state: Path

    def get(self, path: str, data: bytes | None = None, token: str | None = None) -> bytes:
        headers = {"Authorization": f"token {self.token if token is None else token}"}
        with urllib.request.urlopen(urllib.request.Request(self.address + path, data, headers), timeout=60) as answer:
            return answer.read()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    user, state = tmp_path / "user", tmp_path / "state"
    user.mkdir()
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment = {**kept, "HOME": str(user), "USERPROFILE": str(user), "ETL_HOME": str(state)}
    command = [sys.executable, "-m", "notebooks.lab", "--no-browser", "--ServerApp.port=0"]
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)
    try:
        found, said = None, ""
        while not found and (line := child.stdout.readline()):
            said += line
            found = re.search(r"(http://127\.0\.0\.1:\d+)(/lab\S+)\?token=(\w+)", line)
        assert found, said
        started = Lab(found[1], found[2], found[3], user, state)
        _wait_for(started)  # the address is printed a moment before anybody listens there
        yield started
    finally:
        child.terminate()
        child.communicate(timeout=30)


def _wait_for(lab: Lab) -> None:
    port = int(lab.address.rpartition(":")[2])
    for _ in range(150):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail("nobody listens at the address that was printed")


def test_it_opens_the_first_lesson_and_keeps_to_itself(lab: Lab) -> None:
    assert lab.page == "/lab/tree/notebooks/00_start_here.ipynb"
    with pytest.raises(urllib.error.HTTPError) as refused:
        lab.get("/api/contents", token="wrong")
    assert refused.value.code in (401, 403)
    refused.value.close()

    root = {entry["name"] for entry in json.loads(lab.get("/api/contents"))["content"]}
    assert {"notebooks", "README.md"} <= root
    notices = json.loads(lab.get("/lab/api/settings/@jupyterlab/apputils-extension:notification"))
    defaults = notices["schema"]["properties"]
    assert (defaults["fetchNews"]["default"], defaults["checkForUpdates"]["default"]) == ("false", False)

    lesson = json.loads(lab.get("/api/contents/notebooks/09_control_room.ipynb"))["content"]
    trusted = [cell["metadata"]["trusted"] for cell in lesson["cells"] if cell["cell_type"] == "code"]
    assert trusted and all(trusted), "else its panel is gone after a reload of the page"

    kernel = json.loads(lab.get("/api/kernels", b"{}"))["id"]
    for _ in range(100):
        if json.loads(lab.get(f"/api/kernels/{kernel}"))["execution_state"] in ("idle", "starting"):
            break
        time.sleep(0.2)
    assert not list(lab.user.iterdir()), "something was written among the user's own files"
    assert {path.name for path in lab.state.iterdir()} == {"jupyter"}


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("chromium") or os.name == "nt"), reason="needs chromium")
def test_in_a_browser_nothing_asks_and_nothing_else_is_fetched(lab: Lab) -> None:
    from playwright.sync_api import sync_playwright

    hosts: set[str] = set()
    options = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options.split())
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.on("request", lambda request: hosts.add(request.url.partition("//")[2].partition("/")[0]))
        page.goto(f"{lab.address}/lab/tree/notebooks/run_pipeline.ipynb?token={lab.token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000)
        page.wait_for_timeout(3_000)  # when a question about news would have come
        assert page.locator(".jp-Dialog").count() == 0
        assert page.locator(".Toastify__toast").count() == 0
        browser.close()
    assert hosts - {""} == {lab.address.partition("//")[2]}
    assert not list(lab.user.iterdir())
