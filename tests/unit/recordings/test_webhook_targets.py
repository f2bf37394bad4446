"""Where webhooks may go: no address leads into this network unless it is allowed, however it is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.store_errors import WebhookUrlRefused
from care_voice.notify.targets import Target, check, parsed

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::808:808", "::ffff:8.8.8.8"]
IN_HOUSE = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"]
NEVER = [
    "169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::169.254.169.254",
    "fd00:ec2::254", "100.100.100.200", "::ffff:100.100.100.200", "192.0.0.192", "192.88.99.1", "3fff::1",
]  # fmt: skip
HTTPS = Target("https", "hooks.example", 443, "/")


def is_refused(address: str, *, allow_private: bool, target: Target = HTTPS) -> bool:
    try:
        check(target, [ip_address(address)], allow_private=allow_private)
    except WebhookUrlRefused:
        return True
    return False


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_fit(address: str) -> None:
    assert not is_refused(address, allow_private=False)
    assert not is_refused(address, allow_private=True)


@pytest.mark.parametrize("address", IN_HOUSE)
def test_in_house_addresses_are_fit_where_they_are_allowed(address: str) -> None:
    assert is_refused(address, allow_private=False)
    assert not is_refused(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_fit(address: str) -> None:
    assert is_refused(address, allow_private=False)
    assert is_refused(address, allow_private=True)


@pytest.mark.parametrize("address", ["2002:a00:1::", "2002:7f00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"])
def test_tunnels_into_private_networks_are_refused(address: str) -> None:
    assert is_refused(address, allow_private=False)


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_judged_alike_however_it_is_wrapped(number: int) -> None:
    plain, low = IPv4Address(number), f"{number >> 16:x}:{number & 0xFFFF:x}"

    for wrapped in (IPv6Address(f"::ffff:{low}"), IPv6Address(f"64:ff9b::{low}")):
        assert is_refused(str(wrapped), allow_private=False) == is_refused(str(plain), allow_private=False)


@given(st.integers(0, 2**128 - 1))
def test_no_ipv6_address_outside_of_unicast_gets_through_unless_it_wraps_a_public_one(number: int) -> None:
    address = IPv6Address(number)
    if not is_refused(str(address), allow_private=False):
        assert number >> 125 == 1 or address.ipv4_mapped or number >> 32 == int(IPv6Address("64:ff9b::")) >> 32


def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(WebhookUrlRefused):
        check(HTTPS, [ip_address("8.8.8.8"), ip_address("10.0.0.1")], allow_private=False)


def test_nothing_goes_to_a_public_address_in_clear() -> None:
    clear = Target("http", "hooks.example", 80, "/")

    assert is_refused("8.8.8.8", allow_private=True, target=clear)
    assert not is_refused("10.0.0.1", allow_private=True, target=clear)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "ftp://hooks.example/", "https:///path", "hooks.example", "", "https://",
        "https://user:pw@hooks.example/", "https://good.example\\@127.0.0.1/", "https://hooks.example/#part",
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://[fe80::1%25eth0]/",
        "https://hooks.example:99999/", "https://hooks .example/", "https://hooks.exa\u2100mple:80@x/", "https://[::1/",
        "https://" + "a" * 70 + ".example/", "https://hooks.example/" + "a" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_fit_address_is_refused(url: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        parsed(url, allow_private=False)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for url in (text, f"https://{text}"):
        try:
            target = parsed(url, allow_private=False)
        except WebhookUrlRefused:
            continue
        assert target.scheme == "https"
        assert target.at(IPv4Address("8.8.8.8")).isascii()


def test_the_parts_of_an_address() -> None:
    target = parsed("https://Bücher.example:8443/in?a=b&c=%20d é", allow_private=False)

    assert target == Target("https", "xn--bcher-kva.example", 8443, "/in?a=b&c=%20d%20%C3%A9")
    assert target.authority == "xn--bcher-kva.example:8443"
    assert target.at(ip_address("2606::1")) == "https://[2606::1]:8443/in?a=b&c=%20d%20%C3%A9"
    assert parsed("https://[2606::1]/", allow_private=False).authority == "[2606::1]"
