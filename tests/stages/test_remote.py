"""A landing zone behind a URL: a real HTTP server, with and without a listing, in good and in bad days."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pandas as pd
import pytest

from etl_core.errors import BadParameter, EtlError, PermanentError, TransientError
from etl_core.stages import remote
from etl_core.stages.extract import extract
from etl_core.stages.landing import landed
from etl_core.stages.transform import transform
from tests.stages.files import DAY, change, flights_file, weather_file


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; `say.faults` maps a path to what goes wrong there."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: object, say: SimpleNamespace, **kwargs: object) -> None:
        self.say = say
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        self.say.asked[f"{self.command} {self.path}"] += 1
        fault = self.say.faults.get(self.path)
        if isinstance(fault, int):
            self.send_error(fault)
        elif fault == "short":
            data = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        elif fault == "slow":
            time.sleep(1.5)
        elif self.command == "HEAD":
            super().do_HEAD()
        else:
            super().do_GET()

    do_HEAD = do_GET

    def list_directory(self, path: object) -> None:
        return super().list_directory(path) if self.say.lists else self.send_error(404)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword not in self.say.hidden:
            super().send_header(keyword, value)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(landing: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    say = SimpleNamespace(faults={}, asked=Counter(), lists=True, hidden=set(), folder=landing)
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(landing), say=say))
    http.daemon_threads = True
    Thread(target=partial(http.serve_forever, poll_interval=0.02), daemon=True).start()
    say.url = f"http://127.0.0.1:{http.server_port}"
    say.expected = landed()
    monkeypatch.setenv("ETL_LANDING", say.url)
    yield say
    http.shutdown()
    http.server_close()


def file(kind: str = "flights", day: str = DAY) -> str:
    return f"/{kind}/{day}.csv"


def fetched(server: SimpleNamespace) -> list[str]:
    """The daily files that were fetched since the last call."""
    paths = sorted(name.removeprefix("GET ") for name in server.asked if name.startswith("GET") and "2013" in name)
    server.asked.clear()
    return paths


def test_the_same_days_hashes_and_rows_as_in_a_folder(server: SimpleNamespace) -> None:
    assert landed() == server.expected and len(server.expected) == 3
    remote_day, local_day = transform(extract(DAY)), transform(extract(DAY, str(server.folder)))
    pd.testing.assert_frame_equal(remote_day.flights, local_day.flights)
    assert remote_day.landed == local_day.landed


def test_an_index_where_the_server_lists_nothing(server: SimpleNamespace) -> None:
    server.lists = False
    with pytest.raises(PermanentError, match=r"found no listing of .*no http://.*/index.txt"):
        landed()
    names = [f"./flights/{day}.csv" for day in server.expected] + [f"weather/{DAY}.csv", "flights/README", "../x.csv"]
    (server.folder / "index.txt").write_text("\r\n".join(names))
    found = landed()
    assert found == server.expected  # weather too, though the index names that of one day alone


def test_other_files_are_not_days(server: SimpleNamespace) -> None:
    for name in ("2013-02-30.csv", "2013-01-15.csv.gz", "notes.csv", "20130115.csv"):
        (server.folder / "flights" / name).write_text("x")
    assert landed() == server.expected


def test_files_are_fetched_again_only_when_they_changed(server: SimpleNamespace, home: Path) -> None:
    landed()
    assert len(fetched(server)) == 6
    assert landed() == server.expected and fetched(server) == []
    change(flights_file(server.folder), 7, dest="XXXX")  # another size
    assert landed() != server.expected and fetched(server) == [file()]
    weather_file(server.folder).unlink()
    weather_file(server.folder, "2013-01-16").unlink()
    assert landed() == landed(landing=str(server.folder)) == landed(landing=server.folder) and fetched(server) == []
    assert len(landed([pd.Timestamp(DAY).date()])) == 1 and fetched(server) == []
    cache = json.loads((home / "landing-cache.json").read_text())
    assert len(cache) == 4 and set(cache[f"{server.url}{file()}"]) == {"marks", "sha256"}


def test_a_server_that_says_nothing_of_changes_is_read_each_time(server: SimpleNamespace) -> None:
    server.hidden = {"Last-Modified"}
    for _ in range(2):
        assert landed() == server.expected and len(fetched(server)) == 6


@pytest.mark.parametrize("damaged", ["", "[]", "{", '{"a": 1}', '{"a": {}}'])
def test_a_damaged_cache_is_made_again(server: SimpleNamespace, home: Path, damaged: str) -> None:
    home.mkdir()
    (home / "landing-cache.json").write_text(damaged)
    assert landed() == server.expected
    fetched(server)
    assert landed() == server.expected and fetched(server) == []


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_transient(server: SimpleNamespace, status: int) -> None:
    server.faults = {file(): status, "/flights/": status}
    with pytest.raises(TransientError, match=rf"{server.url}/flights/2013-01-15.csv: the server answered {status}"):
        extract(DAY)
    with pytest.raises(TransientError, match=f"the server answered {status}"):
        landed()
    server.faults = {}
    assert landed() == server.expected and extract(DAY).rows == 894


@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_refusal_is_permanent(server: SimpleNamespace, status: int) -> None:
    server.faults = {file(): status}
    with pytest.raises(PermanentError, match=rf"2013-01-15.csv: the server answered {status}.*ETL_LANDING"):
        extract(DAY)


def test_a_listed_day_that_is_gone(server: SimpleNamespace) -> None:
    server.faults = {file(): 404}
    with pytest.raises(PermanentError, match=r"2013-01-15.csv: not found"):
        extract(DAY)
    assert pd.Timestamp(DAY).date() not in landed()


def test_one_file_in_trouble_does_not_hide_the_other_days(server: SimpleNamespace) -> None:
    server.faults = {file(): 503}
    found = landed()
    day = pd.Timestamp(DAY).date()
    assert list(found) == list(server.expected) and found.pop(day) == "unreadable: ClientResponseError"
    assert found.items() <= server.expected.items()
    server.faults = {}
    assert landed() == server.expected


def test_a_short_body_is_transient(server: SimpleNamespace) -> None:
    server.faults = {file(): "short"}
    with pytest.raises(TransientError, match=r"2013-01-15.csv: ClientPayloadError.*expected the whole file"):
        extract(DAY)


def test_a_slow_server_times_out(server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "READ_SECONDS", 0.3)
    server.faults = {file(): "slow"}
    started = time.monotonic()
    with pytest.raises(TransientError, match=r"2013-01-15.csv: .*Timeout"):
        extract(DAY)
    assert time.monotonic() - started < 1.4


def test_nobody_answers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_LANDING", "http://127.0.0.1:9")
    for work in (landed, lambda: extract(DAY)):
        with pytest.raises(TransientError, match=r"http://127.0.0.1:9/flights/.*try again"):
            work()


@pytest.mark.parametrize("url", ["nosuch://bucket/landing", "s3://bucket/landing"])
def test_a_scheme_that_is_not_installed(home: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from fsspec.registry import _registry

    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)  # where it was used before
    with pytest.raises(BadParameter, match=r"ETL_LANDING: .* cannot be opened"):
        landed(landing=url)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://host/x", "github://x", "zip://x"),
        *(
            "http://[::1",
            "http://127.0.0.1:99999/x",
            "http://host:port/x",
            "https:///x",
            "http://a b/x",
            "http://a..b/x",
        ),
        *("https://me:secret@host:99999/x", "https://me:se/cret@host/x", "http://me:secret@[::1/x"),
    ],
)
def test_an_address_that_cannot_be_used(
    home: Path, url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ETL_LANDING", url)
    for work in (landed, lambda: extract(DAY)):
        with pytest.raises(BadParameter) as caught:
            work()
        said = str(caught.value)
        assert said.startswith(f"ETL_LANDING: {remote.without_secrets(url)}") and "cret" not in said
        assert "expected the path of a folder, or a URL such as https://HOST/PATH" in said
    assert capfd.readouterr() == ("", "")


def test_a_file_system_without_folders(home: Path) -> None:
    with pytest.raises(BadParameter, match=r"ETL_LANDING: data://x.* cannot be opened"):
        landed(landing="data://x")


def test_any_fsspec_file_system_will_do(landing: Path, home: Path) -> None:
    import fsspec

    fs = fsspec.filesystem("memory")
    fs.put(str(landing), "/zone", recursive=True)
    try:
        assert landed(landing="memory://zone") == landed()
        assert extract(DAY, "memory://zone").rows == 894
    finally:
        fs.rm("/zone", recursive=True)


def test_no_password_in_messages(server: SimpleNamespace) -> None:
    url = server.url.replace("http://", "http://me:secret@")
    server.faults = {file(): 503}
    with pytest.raises(EtlError) as caught:
        extract(DAY, url)
    assert "secret" not in str(caught.value)
    assert remote.without_secrets("https://me:secret@host/a?sig=secret") == "https://host/a"


def test_looking_at_a_folder_imports_nothing_heavy(landing: Path) -> None:
    import subprocess
    import sys

    program = "import sys; from etl_core.stages.landing import landed; landed(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not {"pandas", "numpy", "pyarrow", "fsspec", "sqlalchemy"} & set(done.stdout.split())
