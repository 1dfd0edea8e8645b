"""Where a check-in goes and through which proxy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentari.licensing.outbound import (
    LONGEST_NO_PROXY,
    LONGEST_URL,
    OutboundError,
    OutboundSettings,
    Proxies,
    bypasses,
    choose_route,
    read_proxy,
    read_server_url,
    standard_proxies,
)

VENDOR = "https://license.sentari.dev"


def settings(url: str = VENDOR, **changes: object) -> OutboundSettings:
    return OutboundSettings(url, "0.1.0", **changes)  # type: ignore[arg-type]


def test_a_call_has_five_seconds_to_connect_and_fifteen_in_all() -> None:
    assert (settings().connect_seconds, settings().total_seconds) == (5.0, 15.0)


@pytest.mark.parametrize(
    ("url", "address", "check_in"),
    [
        (VENDOR, "license.sentari.dev:443", f"{VENDOR}:443/api/v1/check-in"),
        (f"{VENDOR}/", "license.sentari.dev:443", f"{VENDOR}:443/api/v1/check-in"),
        ("https://r.example:8443/x/", "r.example:8443", "https://r.example:8443/x/api/v1/check-in"),
        ("http://localhost:9000", "localhost:9000", "http://localhost:9000/api/v1/check-in"),
        ("http://127.0.0.5:9000", "127.0.0.5:9000", "http://127.0.0.5:9000/api/v1/check-in"),
        ("http://[::1]:9000", "[::1]:9000", "http://[::1]:9000/api/v1/check-in"),
    ],
)
def test_the_check_in_call_is_below_the_servers_address(
    url: str, address: str, check_in: str
) -> None:
    target = read_server_url(url)
    assert (target.address, target.url) == (address, check_in)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://license.sentari.dev", "loopback hosts only"),
        ("http://localhost.example", "loopback hosts only"),
        ("http://192.0.2.7", "loopback hosts only"),
        ("ftp://license.sentari.dev", "must begin with https://"),
        ("license.sentari.dev", "must begin with https://"),
        ("https://", "no usable host name"),
        ("https://-bad.example", "no usable host name"),
        ("https://a..example", "no usable host name"),
        (f"https://{'a' * 64}.example", "no usable host name"),
        ("https://user:hunter2@license.sentari.dev", "carries a user"),
        ("https://license.sentari.dev?x=1", "carries a user, a query"),
        ("https://license.sentari.dev#x", "carries a user, a query"),
        ("https://license.sentari.dev:0", "port that is no number from 1 to 65535"),
        ("https://license.sentari.dev:65536", "port that is no number from 1 to 65535"),
        ("https://license sentari.dev", "special character"),
        ("https://lícense.sentari.dev", "special character"),
        ("https://license.sentari.dev\\@evil.example", "special character"),
        ("https://[::1", "cannot be read"),
    ],
)
def test_a_server_address_that_cannot_be_used_is_refused_with_its_fault(
    url: str, fault: str
) -> None:
    with pytest.raises(OutboundError, match=fault) as refusal:
        settings(url)
    assert "hunter2" not in str(refusal.value)


def test_an_address_may_have_2048_characters_and_no_more() -> None:
    start = "https://r.example/"
    assert read_server_url(start + "a" * (LONGEST_URL - len(start)))
    with pytest.raises(OutboundError, match="longer than 2048"):
        read_server_url(start + "a" * (LONGEST_URL - len(start) + 1))


@pytest.mark.parametrize(
    ("text", "url", "credentials"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128", None),
        ("proxy.example:3128", "http://proxy.example:3128", None),
        ("https://proxy.example", "https://proxy.example:443", None),
        ("http://10.0.0.1", "http://10.0.0.1:80", None),
        (
            "http://us%40er:p%3A%2F%23%C3%A4@proxy.example:1",
            "http://proxy.example:1",
            "us@er:p:/#ä",
        ),
        ("http://user@proxy.example:1", "http://proxy.example:1", "user:"),
    ],
)
def test_a_proxy_is_read_with_its_decoded_user_and_password(
    text: str, url: str, credentials: str | None
) -> None:
    proxy = read_proxy(text)
    assert (proxy.url, proxy.credentials) == (url, credentials)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("socks5://proxy.example:1080", "must begin with http:// or https://"),
        ("http://user:pa#hunter2@proxy.example:3128", "percent-encode"),
        ("http://user:pa hunter2@proxy.example:3128", "percent-encode"),
        ("http://user:hunter2@:3128", "no usable host name"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(text: str, fault: str) -> None:
    with pytest.raises(OutboundError, match=fault) as refusal:
        settings(proxies=Proxies(https=text))
    assert "hunter2" not in str(refusal.value)


def test_no_password_is_in_the_text_form_of_any_setting() -> None:
    proxies = Proxies(https="http://user:hunter2@proxy.example:3128")
    chosen = settings(proxies=proxies, standard_proxies=proxies)
    assert "hunter2" not in f"{chosen!r} {choose_route(chosen)!r}"


@pytest.mark.parametrize(
    ("own", "standard", "proxy", "reason"),
    [
        (Proxies(), Proxies(), None, "No proxy is set"),
        (
            Proxies(https="http://own:1"),
            Proxies(https="http://std:1"),
            "own",
            "SENTARI_HTTPS_PROXY",
        ),
        (Proxies(), Proxies(https="http://std:1"), "std", "HTTPS_PROXY names"),
        (Proxies(http="http://own:1"), Proxies(), None, "No proxy is set"),
        (Proxies(https="http://own:1", no_proxy="*"), Proxies(), None, "SENTARI_NO_PROXY exempts"),
        (
            Proxies(),
            Proxies(https="http://std:1", no_proxy="sentari.dev"),
            None,
            "NO_PROXY exempts",
        ),
        (Proxies(https="http://own:1"), Proxies(no_proxy="*"), None, "NO_PROXY exempts"),
        (Proxies(https="http://own:1", no_proxy="x.example"), Proxies(no_proxy="*"), "own", "SENT"),
    ],
)
def test_the_products_own_variables_go_before_the_standard_ones(
    own: Proxies, standard: Proxies, proxy: str | None, reason: str
) -> None:
    route = choose_route(settings(proxies=own, standard_proxies=standard))
    assert (route.proxy.host if route.proxy else None) == proxy
    assert reason in route.reason


def test_a_loopback_server_is_reached_directly_unless_the_products_own_variable_says_else() -> None:
    shared = Proxies(https="http://std:1", http="http://std:1")
    for url in ("http://localhost:9000", "https://127.0.0.1:9000", "https://[::1]:9000"):
        assert choose_route(settings(url, standard_proxies=shared)).proxy is None
        own = choose_route(settings(url, proxies=shared))
        assert own.proxy is not None
        assert own.proxy.host == "std"


def test_a_standard_variable_for_other_programs_stops_only_the_call_that_needs_it() -> None:
    chosen = settings(standard_proxies=Proxies(https="socks5://proxy.example:1080"))
    with pytest.raises(OutboundError, match=r"HTTPS_PROXY: the proxy's address must begin with"):
        choose_route(chosen)


def test_lower_case_standard_variables_go_before_upper_case_ones() -> None:
    environ = {"HTTPS_PROXY": "upper", "https_proxy": "lower", "NO_PROXY": "n", "HTTP_PROXY": ""}
    assert standard_proxies(environ) == Proxies(https="lower", http=None, no_proxy="n")


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "exempt"),
    [
        ("", "license.sentari.dev", 443, False),
        ("*", "license.sentari.dev", 443, True),
        ("license.sentari.dev", "license.sentari.dev", 443, True),
        ("LICENSE.Sentari.dev.", "license.sentari.DEV", 443, True),
        ("sentari.dev", "license.sentari.dev", 443, True),
        (".sentari.dev", "license.sentari.dev", 443, True),
        (".sentari.dev", "sentari.dev", 443, True),
        ("*.sentari.dev", "license.sentari.dev", 443, True),
        ("sentari.dev", "notsentari.dev", 443, False),
        ("license.sentari.dev", "sentari.dev", 443, False),
        ("a.example, b.example;c.example", "b.example", 443, False),
        ("a.example, b.example", "b.example", 443, True),
        ("a.example b.example", "b.example", 443, True),
        ("sentari.dev:443", "license.sentari.dev", 443, True),
        ("sentari.dev:8443", "license.sentari.dev", 443, False),
        ("10.0.0.1", "10.0.0.1", 443, True),
        ("10.0.0.1", "10.0.0.10", 443, False),
        ("10.0.0.1:443", "10.0.0.1", 443, True),
        ("10.0.0.1:444", "10.0.0.1", 443, False),
        ("10.0.0.0/8", "10.255.255.255", 443, True),
        ("10.0.0.0/8", "11.0.0.0", 443, False),
        ("10.0.0.0/8", "ten.example", 443, False),
        ("10.0.0.0/99", "10.0.0.1", 443, False),
        ("fd00::/8", "fd12::1", 443, True),
        ("fd00::/8", "10.0.0.1", 443, False),
        ("::1", "::1", 443, True),
        ("[::1]", "::1", 443, True),
        ("[::1]:443", "::1", 443, True),
        ("[::1]:444", "::1", 443, False),
        ("0:0:0:0:0:0:0:1", "::1", 443, True),
        (".", "license.sentari.dev", 443, False),
        (":443", "license.sentari.dev", 443, False),
        ("sentari.dev:https", "license.sentari.dev", 443, False),
    ],
)
def test_no_proxy_follows_the_usual_rules(
    no_proxy: str, host: str, port: int, exempt: bool
) -> None:
    assert bypasses(no_proxy, host, port) is exempt


def test_a_no_proxy_list_may_have_8192_characters_and_no_more() -> None:
    entry = "license.sentari.dev"
    assert bypasses(f"{entry},{'x' * (LONGEST_NO_PROXY - len(entry) - 1)}", entry, 443)
    with pytest.raises(OutboundError, match="longer than 8192"):
        bypasses("x" * (LONGEST_NO_PROXY + 1), entry, 443)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused_with_a_reason(text: str) -> None:
    for read in (read_server_url, read_proxy):
        try:
            read(text)
        except OutboundError as error:
            assert str(error)  # noqa: PT017 - an address is just as good


@given(st.text(max_size=60))
def test_any_no_proxy_list_is_read(text: str) -> None:
    assert bypasses(text, "license.sentari.dev", 443) in (True, False)
