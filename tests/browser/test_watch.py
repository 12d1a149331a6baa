"""That the other tests would notice an error in the browser and a request to another machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.desk import Desk, Heard, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_the_watch_hears_what_it_should(desk: Callable[..., Desk], heard: Heard) -> None:
    one = desk("loud", "from IPython.display import HTML")
    one.page.evaluate("console.error('loud'); setTimeout(() => { throw new Error('uncaught') })")
    one.page.evaluate("void new WebSocket('wss://elsewhere.invalid/socket')")
    one.page.evaluate("fetch('https://elsewhere.invalid/font.css').catch(() => 0)")
    until(one.page, lambda: heard.elsewhere and len(heard.errors) >= 4)
    assert sorted(heard.elsewhere) == ["https://elsewhere.invalid/font.css", "wss://elsewhere.invalid/socket"]
    said = "\n".join(heard.errors)
    assert "loud" in said and "uncaught: " in said and "ERR_NAME_NOT_RESOLVED" in said
    heard.errors.clear()
    heard.elsewhere.clear()
