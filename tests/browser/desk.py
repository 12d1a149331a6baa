"""One notebook, open in JupyterLab in a real browser, and what its reader does there with mouse and keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import nbformat
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, WebSocket, expect

from tests.browser.server import Server

Found = TypeVar("Found")
SECONDS = 1_000
READY = 90 * SECONDS  # a kernel's start on a machine with other things to do
RAN = re.compile(r"\[\d+\]")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass
class Heard:
    """What no test wants to hear, gathered while pages are open: errors in the console, addresses off this machine."""

    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> None:
        context.on("request", self._asked)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.errors.append(f"uncaught: {error.error}"))
        context.on("page", lambda page: page.on("websocket", self._connected))

    def _asked(self, request: Request | WebSocket) -> None:
        scheme, _, rest = request.url.partition("://")
        if scheme not in ("http", "https", "ws", "wss"):
            return  # data: and blob: stay in the page
        if re.sub(r":\d+$", "", rest.partition("/")[0]) not in LOOPBACK:
            self.elsewhere.append(request.url)

    _connected = _asked

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")


@dataclass
class Desk:
    """A page with one notebook. Every wait has a limit, after which playwright says what it waited for."""

    server: Server
    page: Page
    notebook: Path

    def open(self) -> None:
        """Open the notebook by its address, as a bookmark would, and wait for its kernel."""
        path = self.notebook.relative_to(self.server.root).as_posix()
        workspace = self.notebook.stem
        self.page.goto(f"{self.server.address}/lab/workspaces/{workspace}/tree/{path}?reset&token={self.server.token}")
        self.until_ready()

    def reload(self) -> None:
        self.page.reload()
        self.until_ready()

    def until_ready(self) -> None:
        """Until the kernel is there, idle, and no question is asked."""
        expect(self.page.locator(".jp-NotebookPanel .jp-Cell").first).to_be_visible(timeout=READY)
        expect(self.page.locator(".jp-KernelName").first).not_to_have_text(re.compile("No Kernel|^$"), timeout=READY)
        self.until_idle()
        expect(self.page.locator(".jp-Dialog")).to_have_count(0)

    def until_idle(self) -> None:
        idle = self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first
        expect(idle).to_be_attached(timeout=READY)

    def menu(self, title: str, command: str) -> None:
        """Choose an entry of the menu bar, by the name of its command."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{title}$")).click()
        entry = self.page.locator(f'.lm-Menu-item[data-command="{command}"]')
        expect(entry).to_be_visible()
        entry.click()

    def cell(self, number: int) -> Locator:
        """The code cell `number`, from 0."""
        return self.page.locator(".jp-NotebookPanel .jp-CodeCell").nth(number)

    def prompt(self, number: int) -> Locator:
        return self.cell(number).locator(".jp-InputPrompt")

    def run_all(self, limit: int = READY) -> None:
        """Clear what is shown, run every cell, and wait until the last has run; milliseconds at most."""
        self.menu("Edit", "editmenu:clear-all")
        expect(self.page.locator(".jp-NotebookPanel .jp-OutputArea-output")).to_have_count(0)
        self.menu("Run", "runmenu:run-all")
        self._until_all_ran(limit)

    def run_cell(self, number: int) -> None:
        """Clear what a cell shows, run it, and wait until it has run."""
        self.cell(number).locator(".cm-content").click()
        self.menu("Edit", "editmenu:clear-current")
        expect(self.prompt(number)).not_to_have_text(RAN)
        self.menu("Run", "runmenu:run")
        expect(self.prompt(number)).to_have_text(RAN, timeout=READY)

    def restart_kernel(self) -> None:
        """Kernel > Restart Kernel, confirmed, until the new one is ready."""
        before = self.kernel()
        self.menu("Kernel", "kernelmenu:restart")
        with self.page.expect_response(re.compile("/restart"), timeout=READY):  # till then the page still says idle
            self.page.locator(".jp-Dialog button.jp-mod-accept").click()
        self.until_ready()
        assert self.kernel() == before  # the same connection, a new process

    def dismiss_death(self) -> None:
        """Wait until JupyterLab says that the kernel has died, read it, and wait for the new kernel."""
        dialog = self.page.locator(".jp-Dialog")
        expect(dialog).to_contain_text("appears to have died", timeout=READY)
        dialog.locator("button.jp-mod-accept").click()
        self.until_ready()

    def save(self) -> None:
        """What JupyterLab does by itself each two minutes."""
        before = self.notebook.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        until(self.page, lambda: self.notebook.stat().st_mtime_ns > before)

    def kernel(self) -> str:
        """The id under which the server knows this notebook's kernel."""
        path = self.notebook.relative_to(self.server.root).as_posix()
        [found] = [one for one in self.server.get("/api/sessions") if one["path"] == path]
        return found["kernel"]["id"]

    def output(self, number: int) -> str:
        return self.cell(number).locator(".jp-OutputArea-output").first.inner_text()

    def problems(self) -> str:
        """Tracebacks and warnings that cells show."""
        kinds = ", ".join(f'[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in ("stderr", "error"))
        return "\n".join(self.page.locator(f".jp-NotebookPanel :is({kinds})").all_inner_texts())

    def _until_all_ran(self, limit: int) -> None:
        prompts = self.page.locator(".jp-NotebookPanel .jp-CodeCell .jp-InputPrompt")
        expect(prompts).to_have_text([RAN] * prompts.count(), timeout=limit)
        self.until_idle()


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of code cells that have not been run."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def until(page: Page, look: Callable[[], Found], seconds: float = 30) -> Found:
    """What `look` returns as soon as that is true; the page's own events go on being heard."""
    for _ in range(int(seconds * 10)):
        found = look()
        if found:
            return found
        page.wait_for_timeout(100)
    raise AssertionError(f"{look}: not so within {seconds:.0f} s; it says {look()!r}")
