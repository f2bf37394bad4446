"""Who is told everything: this machine itself, or whoever has the token."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.requests import Request

from care_voice.api.operators import Operators, operator_token
from care_voice.domain.errors import OperatorOnly


def request(client: str | None = "127.0.0.1", **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": pairs, "client": (client, 1) if client else None})


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_an_operator(address: str) -> None:
    assert Operators().is_one(request(address))


@pytest.mark.parametrize("address", ["10.0.0.7", "::ffff:10.0.0.7", "testclient", None])
def test_others_are_not(address: str | None) -> None:
    assert not Operators().is_one(request(address))


@pytest.mark.parametrize(
    "header", ["x_forwarded_for", "x_forwarded_proto", "x_forwarded_host", "forwarded", "x_real_ip", "via"]
)
def test_what_a_proxy_of_this_machine_passes_on_is_not_this_machines(header: str) -> None:
    assert not Operators().is_one(request(**{header: "127.0.0.1"}))
    assert Operators("secret").is_one(request(**{header: "10.0.0.7", "authorization": "Bearer secret"}))


@pytest.mark.parametrize("given", ["Bearer wrong", "secret", "Basic secret", "Bearer ", "Bearer secret2"])
def test_a_token_that_is_not_the_token_is_nothing(given: str) -> None:
    with pytest.raises(OperatorOnly):
        Operators("secret").require(request("10.0.0.7", authorization=given))


def test_without_a_token_none_is_the_right_one() -> None:
    assert not Operators("").is_one(request("10.0.0.7", authorization="Bearer "))


def test_a_token_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "operator.token"
    first = operator_token("", path)

    assert len(first) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert operator_token("", path) == first
    assert operator_token("of the settings", path) == "of the settings"
    assert [each.name for each in path.parent.iterdir()] == ["operator.token"]


def test_where_no_token_can_be_kept_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert operator_token("", tmp_path / "file" / "operator.token") == ""
