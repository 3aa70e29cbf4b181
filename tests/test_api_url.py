"""The rule for the base URL of the API, which the tap and leadlex-validate share."""

from __future__ import annotations

import re

import pytest

from tap_leadlex.api_url import API_URL_PATTERN, DEFAULT_API_URL, is_api_url


@pytest.mark.parametrize(
    "url",
    [
        DEFAULT_API_URL,
        "https://data.leadlex.com",
        "https://data.leadlex.com./v1/",
        "https://data.leadlex.com:8443/v1",
        "https://[2001:db8::1]/v1",
        "http://localhost:8000/v1",
        "http://127.0.0.1/v1",
        "http://127.1.2.3:65535",
        "http://[::1]:8000/v1",
    ],
)
def test_https_and_loopback_urls_are_accepted(url: str) -> None:
    assert is_api_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data.leadlex.com",
        "ftp://data.leadlex.com/v1",
        "https:///v1",
        "https://data..leadlex.com",
        "https://.leadlex.com",
        "https://data leadlex.com/v1",
        "https://user:password@data.leadlex.com/v1",
        "https://data.leadlex.com:port/v1",
        "https://data.leadlex.com/v1?key=1",
        "https://data.leadlex.com/v1#top",
        "https://data.leadlex.com/v1\n",
        " https://data.leadlex.com/v1",
        "http://data.leadlex.com/v1",
        "http://localhost.evil.example/v1",
        "http://127.0.0.1.evil.example/v1",
        "http://127.0.0.1@evil.example/v1",
        "http://0.0.0.0/v1",
        "http://[::2]/v1",
    ],
)
def test_other_urls_are_refused_by_the_pattern(url: str) -> None:
    assert not re.search(API_URL_PATTERN, url)
    assert not is_api_url(url)


@pytest.mark.parametrize(
    "url",
    ["https://data.leadlex.com:65536/v1", "https://[::zz]/v1", "https://[1:2]/v1"],
)
def test_bad_ports_and_ipv6_addresses_are_refused(url: str) -> None:
    assert not is_api_url(url)
