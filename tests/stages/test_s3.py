"""A landing zone in a bucket: a real S3 server on this machine (moto), asked by s3fs as a reader's own would be."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from threading import Timer
from types import SimpleNamespace

import pandas as pd
import pytest
import sqlalchemy as sa

from etl_core import backlog, flights
from etl_core.errors import BadParameter, PermanentError, TransientError
from etl_core.interval import Interval
from etl_core.stages import remote
from etl_core.stages.extract import extract
from etl_core.stages.landing import landed
from etl_core.warehouse import metadata, open_warehouse
from tests.conftest import REPOSITORY
from tests.stages.files import DAY, change, flights_file

pytest.importorskip("s3fs", reason='s3:// needs its extra: pip install -e ".[s3]"')
boto3 = pytest.importorskip("boto3", reason="a server for s3:// comes with what tests need: requirements-test.txt")
pytest.importorskip("moto.server", reason="a server for s3:// comes with what tests need: requirements-test.txt")

pytestmark = pytest.mark.slow


def start(port: int, log: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise AssertionError(log.read_text())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    port, log = free_port(), tmp_path_factory.mktemp("s3") / "server.log"
    process = start(port, log)
    yield SimpleNamespace(url=f"http://127.0.0.1:{port}", log=log)
    process.kill()
    process.wait()


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key of no worth, and nothing of the user's own."""
    import fsspec

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "no-such-file"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    yield
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # the next test's environment is another


@pytest.fixture
def bucket(
    landing: Path, home: Path, address: SimpleNamespace, aws: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimpleNamespace]:
    """The files of `landing` in a bucket, and ETL_LANDING naming it; with the slash that people put at the end."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", address.url)
    client = boto3.client("s3", region_name="us-east-1")
    name = f"bucket-{time.monotonic_ns()}"
    client.create_bucket(Bucket=name)
    zone = SimpleNamespace(client=client, name=name, folder=landing, log=address.log, expected=landed())
    for path in landing.rglob("*.csv"):
        put(zone, path)
    monkeypatch.setenv("ETL_LANDING", f"s3://{name}/landing/")
    asked(zone)
    yield zone
    client.close()


def put(zone: SimpleNamespace, path: Path, day: str | None = None) -> None:
    key = f"landing/{path.parent.name}/{day or path.stem}.csv"
    zone.client.put_object(Bucket=zone.name, Key=key, Body=path.read_bytes())


def asked(zone: SimpleNamespace) -> list[str]:
    """What was asked of the bucket since the last call, from the server's own log."""
    done = zone.log.read_text().splitlines()
    new = [line.split('"')[1] for line in done[getattr(zone, "seen", 0) :] if f"/{zone.name}" in line and '"' in line]
    zone.seen = len(done)
    return new


def reasons() -> dict[str, str]:
    return {str(day.day): day.reason for day in backlog.pending_days(flights)}


def stored() -> dict[str, pd.DataFrame]:
    """Every table, without what no two loads have in common."""
    with open_warehouse().connect() as conn:
        frames = {name: pd.read_sql(sa.select(table), conn) for name, table in metadata.tables.items()}
    for name, frame in frames.items():
        frame = frame.drop(columns=["run_id", "loaded_at"], errors="ignore")
        frames[name] = frame.sort_values(list(frame.columns), ignore_index=True)
    return frames


def test_the_same_tables_as_from_a_folder(bucket: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert landed() == bucket.expected and len(bucket.expected) == 3
    assert len(backlog.backfill(flights, "2013-01-14", "2013-01-16", batch="month").succeeded) == 1
    from_bucket = stored()
    monkeypatch.setenv("ETL_LANDING", str(bucket.folder))
    monkeypatch.setenv("ETL_HOME", str(bucket.folder.parent / "other"))
    backlog.backfill(flights, "2013-01-14", "2013-01-16", batch="month")
    for name, frame in stored().items():
        pd.testing.assert_frame_equal(frame, from_bucket[name])


def test_a_look_is_one_listing_of_each_kind(bucket: SimpleNamespace) -> None:
    landed()
    assert len([line for line in asked(bucket) if ".csv" in line]) == 6
    assert landed() == bucket.expected
    seen = asked(bucket)
    assert len(seen) == 2 and all("list-type=2" in line for line in seen)


def test_one_process_sees_what_is_new_changed_and_gone(bucket: SimpleNamespace) -> None:
    backlog.backfill(flights, "2013-01-14", "2013-01-16")
    assert reasons() == {}
    put(bucket, REPOSITORY / "data/landing/flights/2013-01-17.csv")
    assert reasons() == {"2013-01-17": "new"}
    change(flights_file(bucket.folder), 7, dest="XXX")  # as long as before
    put(bucket, flights_file(bucket.folder))
    assert reasons() == {"2013-01-15": "changed", "2013-01-17": "new"}
    bucket.client.delete_object(Bucket=bucket.name, Key="landing/flights/2013-01-15.csv")
    assert reasons() == {"2013-01-17": "new"}
    with pytest.raises(PermanentError, match=rf"s3://{bucket.name}/landing/flights/2013-01-15.csv: not found"):
        extract(DAY)


def test_an_object_replaced_between_the_look_and_the_read(bucket: SimpleNamespace) -> None:
    before = landed()
    change(flights_file(bucket.folder), 7, dest="XXX")
    put(bucket, flights_file(bucket.folder))
    (read,) = extract(DAY).landed
    now = landed(landing=str(bucket.folder))
    assert before[read.day] != read.source_hash == now[read.day], "what is hashed is what was read"
    assert landed() == now


def test_more_files_than_one_page_of_a_listing(bucket: SimpleNamespace) -> None:
    path, first = flights_file(bucket.folder), date(2015, 1, 1)
    for number in range(1005):
        put(bucket, path, str(first + timedelta(days=number)))
    asked(bucket)
    assert len(landed([first + timedelta(days=1004)])) == 1
    assert sum("prefix=landing/flights/" in line for line in asked(bucket)) == 2
    assert len(landed()) == 1008


@pytest.mark.parametrize("zone", ["s3://no-such-bucket-here/landing", "s3://{name}/empty", "s3://{name}"])
def test_nothing_there(bucket: SimpleNamespace, zone: str) -> None:
    with pytest.raises(PermanentError, match=r"found no listing of s3://.*/flights/ .*check ETL_LANDING"):
        landed(landing=zone.format(name=bucket.name))


def test_a_wrong_key(bucket: SimpleNamespace, address: SimpleNamespace) -> None:
    checks = f"{address.url}/moto-api/reset-auth"
    try:
        ask(checks, b"0")
        for work in (landed, lambda: extract(DAY)):
            with pytest.raises(PermanentError, match=rf"s3://{bucket.name}/.*check the credentials"):
                work()
    finally:
        ask(checks, b"inf")


def ask(url: str, body: bytes) -> None:
    from urllib.request import Request, urlopen

    with urlopen(Request(url, body, {"Content-Type": "text/plain"}), timeout=10) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_SECRET_ACCESS_KEY", None, "PartialCredentialsError"),
        ("AWS_PROFILE", "nosuch", "ProfileNotFound"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:5077", "ValueError: Invalid endpoint"),
    ],
)
def test_a_setting_that_cannot_be_right_is_permanent(
    bucket: SimpleNamespace, name: str, value: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    for work in (landed, lambda: extract(DAY)):
        with pytest.raises(PermanentError, match=rf"{said}.*; check ETL_LANDING and the AWS_… variables"):
            work()


def test_no_credentials_at_all_is_permanent(bucket: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(PermanentError, match="NoCredentialsError"):
        landed()


@pytest.mark.parametrize(
    "url",
    [
        *("s3://akey:sword@bucket/landing", "s3://akey:sw/ord@bucket/landing", "s3://sword@bucket/landing"),
        *("s3:///landing", "s3://bucket//landing", "S3://bucket/landing", "s3a://akey:sword@bucket"),
    ],
)
def test_an_address_without_a_bucket_or_with_a_key_in_it(aws: None, home: Path, url: str) -> None:
    with pytest.raises(BadParameter, match=r"cannot be opened \(found no bucket's name.* AWS_ACCESS_KEY_ID") as caught:
        landed(landing=url)
    assert not any(part in str(caught.value) for part in ("sw", "ord", "akey"))


def test_nobody_answers_and_somebody_who_says_nothing(aws: None, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TransientError, match=r"s3://bucket/landing/flights/: EndpointConnectionError.*try again"):
        landed(landing="s3://bucket/landing")
    monkeypatch.setattr(remote, "READ_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(TransientError, match=r"s3://bucket/landing/flights/: ReadTimeoutError"):
            landed(landing="s3://bucket/landing")
        assert time.monotonic() - started < 10, "two tries, not twenty-five"


@pytest.mark.skipif(sys.platform == "win32", reason="a process is stopped and continued by signals")
def test_a_server_that_hangs_and_comes_back_during_a_run(
    bucket: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its own server, stopped when the run begins: the stage is tried again, and the run succeeds."""
    process = start(port := free_port(), tmp_path / "server.log")
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(remote, "READ_SECONDS", 0.3)
        bucket.client = boto3.client("s3", region_name="us-east-1")
        bucket.client.create_bucket(Bucket=bucket.name)
        for path in bucket.folder.rglob("*.csv"):
            put(bucket, path)
        run = flights.start(Interval.of(DAY))
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(TransientError, match=r"2013-01-15.csv: ReadTimeoutError"):
            extract(DAY)
        Timer(1, process.send_signal, [signal.SIGCONT]).start()
        run.extract()
        run.transform()
        run.load()
        assert flights.hashes([date(2013, 1, 15)]) and reasons() == {"2013-01-14": "new", "2013-01-16": "new"}
    finally:
        bucket.client.close()
        process.kill()
        process.wait()
