"""One JupyterLab and one chromium for the tests of this folder; a page, and its own folder of notebooks, for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.desk import SECONDS, Desk, Heard, write_notebook
from tests.browser.ground import Ground, make_ground
from tests.browser.room import Room
from tests.browser.server import Server, serving

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SIZE = {"width": 1400, "height": 1100}

ended = pytest.StashKey[pytest.TestReport]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Lets fixtures know whether the test has failed."""
    report = yield
    if report.when == "call":
        item.stash[ended] = report
    return report


@pytest.fixture(scope="package")  # not session: while playwright is there, no other test can use asyncio.run
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = f"no browser: none of {', '.join(NAMES)} is on PATH (Debian: apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    expect.set_options(timeout=30 * SECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def context(
    browser: Browser, server: Server, heard: Heard, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[BrowserContext]:
    """Where the pages of a test live. Afterwards, nothing bad may have been heard; if the test or that has failed, a
    picture of each page is in the test's folder."""
    context = browser.new_context(viewport=SIZE)
    heard.listen(context)
    yield context
    report = request.node.stash.get(ended, None)
    if report is None or report.failed or heard.errors or heard.elsewhere:
        for number, page in enumerate(context.pages):
            picture = tmp_path / f"page-{number}.png"
            page.screenshot(path=picture)
            print(f"A picture of the page: {picture}")
    context.close()
    server.shut_down_kernels()
    assert heard.errors == [], "errors in the browser's console"
    assert heard.elsewhere == [], "requests to other machines"


@pytest.fixture
def folder(server: Server, request: pytest.FixtureRequest) -> Path:
    """Where this test puts its notebooks."""
    path = server.root / request.node.name
    path.mkdir()
    return path


@pytest.fixture
def ground(folder: Path, tmp_path: Path) -> Iterator[Ground]:
    """Afterwards, the room may not have noted an error of its own; what fails on purpose is noted in other words."""
    ground = make_ground(folder, tmp_path)
    yield ground
    log = ground.home / "logs" / "etl.log"
    noted = log.read_text() if log.exists() else ""
    assert not [line for line in noted.splitlines() if "control room" in line and " ERROR " in line], noted


@pytest.fixture
def desk(server: Server, context: BrowserContext, folder: Path) -> Callable[..., Desk]:
    """`desk(name, *cells)` opens a notebook of these cells in a page of its own."""

    def sit_down(name: str, *cells: str) -> Desk:
        one = Desk(server, context.new_page(), write_notebook(folder / f"{name}.ipynb", *cells))
        one.open()
        return one

    return sit_down


@pytest.fixture
def room(desk: Callable[..., Desk], ground: Ground) -> Callable[..., Room]:
    """`room(name)` opens a notebook with a control room and runs its cells."""

    def enter(name: str = "room", made: str = "control_room(quick)") -> Room:
        one = Room(desk(name, *ground.cells, f"room = {made}\nroom"), ground)
        one.desk.run_all()
        one.find(".room-state [data-state]").wait_for()
        return one

    return enter
