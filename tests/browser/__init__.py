import pytest

pytest.register_assert_rewrite("tests.browser.ground", "tests.browser.room")  # their asserts tell what differs
