"""A landing zone behind a URL that tells half of it, answers with pages, or has a password in it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from etl_core import backlog, flights, settings
from etl_core.errors import BadParameter, PermanentError, TransientError
from etl_core.stages.landing import landed, without_secrets
from etl_core.stages.remote import read
from tests.stages.files import DAY, weather_file
from tests.stages.test_remote import fetched, file, server

__all__ = ["server"]


def index(server: SimpleNamespace, *kinds: str, first: str = "") -> None:
    server.lists = False
    names = [f"{kind}/{day}.csv" for kind in kinds for day in server.expected]
    (server.folder / "index.txt").write_text(first + "\n".join(names), encoding="utf-8")


def pending(server: SimpleNamespace) -> int:
    """The days to load after every one of them was loaded."""
    backlog.backfill(flights, "2013-01-14", "2013-01-16")
    return len(backlog.pending_days(flights))


def test_weather_that_an_index_does_not_name_is_looked_for(server: SimpleNamespace) -> None:
    index(server, "flights")
    assert landed() == server.expected and pending(server) == 0
    fetched(server)
    assert landed() == server.expected and fetched(server) == [], "what was found by name is known by its marks"
    weather_file(server.folder).unlink()
    assert landed() == landed(landing=str(server.folder)) != server.expected and pending(server) == 0


def test_an_index_that_begins_with_a_byte_order_mark(server: SimpleNamespace) -> None:
    index(server, "flights", "weather", first="\ufeff")
    assert landed() == server.expected


def test_weather_whose_listing_is_not_there_is_looked_for(server: SimpleNamespace) -> None:
    server.faults = {"/weather/": 404}
    assert landed() == server.expected and pending(server) == 0


def test_a_zone_without_weather_costs_one_question_a_day(server: SimpleNamespace) -> None:
    shutil.rmtree(server.folder / "weather")
    assert landed() == landed(landing=str(server.folder)) and pending(server) == 0
    server.asked.clear()
    landed()
    assert {name: n for name, n in server.asked.items() if "weather/2013" in name} == {
        f"GET {file('weather', str(day))}": 1 for day in server.expected
    }


def test_weather_that_is_listed_or_not_is_not_asked_for_by_name(server: SimpleNamespace) -> None:
    weather_file(server.folder).unlink()
    landed()
    assert not [name for name in server.asked if file("weather", DAY) in name]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", ["flights", "weather"])
def test_one_listing_refused_while_the_other_lists(server: SimpleNamespace, kind: str, status: int) -> None:
    server.faults = {f"/{kind}/": status}
    with pytest.raises(PermanentError, match=rf"/{kind}/: the server answered {status}"):
        landed()


def test_both_listings_refused_and_an_index(server: SimpleNamespace) -> None:
    index(server, "flights")
    server.faults = {"/flights/": 403, "/weather/": 403}
    assert landed() == server.expected


def test_a_page_in_the_place_of_everything_is_an_error(server: SimpleNamespace) -> None:
    page = "<!DOCTYPE html><title>Log in</title>" + "x" * 200
    (server.folder / "index.txt").write_text(page)
    for kind in ("flights", "weather"):
        shutil.rmtree(server.folder / kind)
        (server.folder / kind).mkdir()
        (server.folder / kind / "index.html").write_text(page)
    with pytest.raises(PermanentError, match=r"/index.txt: found '<!DOCTYPE html>.*', expected lines such as flights/"):
        landed()


SECRETS = ["http://bob:SE/RETpw@host/x", "http://bob:SE@RETpw@host/x", "http://bob:SERETpw@host/x?sig=SERETpw"]
MORE = ["http://bob:SE/R@ETpw@host/x", "http://bob:SE#RETpw@host/x", "http://SERETpw@host/x", "http://host/a@host/x"]


@pytest.mark.parametrize("url", SECRETS + MORE)
def test_no_part_of_a_password_is_shown(url: str) -> None:
    assert without_secrets(url) == "http://host/x"


@pytest.mark.parametrize("url", ["http://bob:SE?RETpw@host/x", "https://host/x?user=a@b&sig=SERETpw"])
def test_a_question_mark_and_an_at_sign_leave_nothing(url: str) -> None:
    assert without_secrets(url) == f"{url.partition(':')[0]}://…"


def test_a_path_is_shown_as_it_is() -> None:
    assert without_secrets("/data/a@b?c") == "/data/a@b?c"


def test_the_cache_holds_no_password(server: SimpleNamespace, home: Path) -> None:
    url = server.url.replace("http://", "http://me:s3cr@et@")
    assert landed(landing=url) == server.expected
    cache = (home / "landing-cache.json").read_text()
    assert server.url in cache and not any(part in cache for part in ("s3cr", "et@", "me:"))


@pytest.mark.parametrize(
    "value", ["http://bob:s3cr@et@host/x", "https//bob:s3cr@et@host/x", "https:/bob:s3cr@et@host/x"]
)
@pytest.mark.parametrize("name", ["ETL_REFERENCE", "ETL_LANDING", "ETL_HOME"])
def test_an_address_in_a_wrong_place_or_form_is_shown_without_its_password(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    if name == "ETL_LANDING" and "://" in value:
        assert settings.current().landing == value
        return
    with pytest.raises(BadParameter, match=f"{name}: found .*…', expected the path of a folder") as caught:
        settings.current()
    assert not any(part in str(caught.value) for part in ("s3cr", "et@", "bob"))


def test_one_file_that_is_asked_by_name_and_in_trouble(server: SimpleNamespace) -> None:
    index(server, "flights")
    server.faults = {file("weather"): 503}
    assert "unreadable: ClientResponseError" in landed().values()
    with pytest.raises(TransientError):
        read(f"{server.url}{file('weather')}")
    server.faults = {}
    assert landed() == server.expected
