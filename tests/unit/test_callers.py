"""Whose request it is, how urgent, and how long it may take."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Request

from care_voice.api.callers import caller_of
from care_voice.config import load_settings
from care_voice.domain.errors import InvalidParameter, SettingsInvalid

PROXIES = ("10.0.0.0/8", "192.0.2.1")


def request(address: str | None = "203.0.113.9", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {"type": "http", "headers": raw, "client": address and (address, 1234)}
    return Request(scope)


def client(each: Request) -> str:
    return caller_of(each, PROXIES).client


def test_a_key_is_a_client_wherever_it_comes_from_and_is_not_kept() -> None:
    first = client(request(authorization="Bearer secret"))

    assert first == client(request("203.0.113.10", authorization="Bearer secret"))
    assert first != client(request(authorization="Bearer other"))
    assert "secret" not in first


@pytest.mark.parametrize(
    ("address", "forwarded", "expected"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1, 192.0.2.1", "198.51.100.1"),
        ("10.1.2.3", "unknown", "unknown"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", "10.9.9.9", "10.9.9.9"),
    ],
)
def test_an_address_is_believed_as_far_as_trusted_proxies_vouch_for_it(
    address: str, forwarded: str | None, expected: str
) -> None:
    headers = {} if forwarded is None else {"x_forwarded_for": forwarded}

    assert client(request(address, **headers)) == f"address:{expected}"


def test_without_a_key_or_an_address_each_request_is_a_client() -> None:
    assert client(request(None)).startswith("request:")


def test_a_request_may_ask_for_patience_and_for_less_time() -> None:
    caller = caller_of(request(x_priority="bulk", x_request_timeout="2.5"), ())
    assert (caller.bulk, caller.timeout_s) == (True, 2.5)
    plain = caller_of(request(), ())
    assert (plain.bulk, plain.timeout_s) == (False, None)


@pytest.mark.parametrize(
    "headers",
    [{"x_priority": "live"}, *({"x_request_timeout": value} for value in ("soon", "0", "-1", "nan", "inf", ""))],
)
def test_a_header_that_is_not_valid_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter) as caught:
        caller_of(request(**headers), ())
    assert str(caught.value.param).lower().replace("-", "_") in headers


def test_a_trusted_proxy_that_is_no_address_is_found_at_the_start() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings({"CARE_VOICE_DATA_DIR": "/nonexistent", "CARE_VOICE_API__TRUSTED_PROXIES": "proxy.example"})
    assert "CARE_VOICE_API" in caught.value.message
