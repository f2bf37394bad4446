"""Pages of other sites, and sites that point their own name at this machine, get nothing."""

from __future__ import annotations

import pytest

from support.server import Service


@pytest.mark.parametrize("path", ["/api/v1/status", "/v1/models", "/", "/metrics"])
def test_a_foreign_host_name_is_refused(service: Service, path: str) -> None:
    answer = service.client.get(path, headers={"Host": f"evil.example:{service.port}"})
    assert answer.status_code == 421
    assert "foreign_host" in answer.text


@pytest.mark.parametrize(
    ("headers", "code"), [({"Host": "["}, "foreign_host"), ({"Origin": "http://["}, "foreign_origin")]
)
def test_what_is_no_address_is_refused_too(service: Service, headers: dict[str, str], code: str) -> None:
    assert service.client.get("/api/v1/status", headers=headers).json()["code"] == code


def test_a_foreign_page_cannot_post(service: Service) -> None:
    answer = service.client.post(
        "/v1/audio/transcriptions",
        headers={"Origin": "https://evil.example"},
        files={"file": b"x"},
        data={"model": "base"},
    )
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "foreign_origin"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_services_own_page_is_served_by_name_and_by_address(service: Service, host: str) -> None:
    headers = {"Host": f"{host}:{service.port}", "Origin": f"http://{host}:{service.port}"}
    assert service.client.get("/api/v1/status", headers=headers).status_code == 200
