"""Browsers are named as people know them."""

import pytest

from serverkit.browsers import browser_name

CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (CHROME.format("X11; Linux x86_64"), "Chrome on Linux"),
        (CHROME.format("Windows NT 10.0; Win64; x64") + " Edg/140.0.0.0", "Edge on Windows"),
        (CHROME.format("Linux; Android 10; K"), "Chrome on Android"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0",
            "Firefox on macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "curl"),
        ("", "Unknown"),
        ("A Phone <script>" + "x" * 50, "A Phone <script>" + "x" * 24),
    ],
)
def test_a_browser_is_named(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name
