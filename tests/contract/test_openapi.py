"""The OpenAPI description: valid, complete, and true."""

from __future__ import annotations

import re
from typing import Any

import pytest

from support.server import Service

ROUTES = {
    ("post", "/v1/audio/transcriptions"),
    ("post", "/v1/audio/translations"),
    ("get", "/v1/models"),
    ("get", "/v1/models/{name}"),
    ("get", "/api/v1/status"),
    ("post", "/api/v1/transcriptions"),
    ("get", "/api/v1/recordings/{recording_id}/audio"),
    ("get", "/api/v1/recordings/{recording_id}/playback"),
    ("get", "/api/v1/recordings/{recording_id}/waveform"),
    ("get", "/api/v1/recordings/{recording_id}/transcripts"),
    ("put", "/api/v1/recordings/{recording_id}/transcripts/current"),
    ("get", "/api/v1/recordings/{recording_id}/transcripts/{version}"),
    ("patch", "/api/v1/recordings/{recording_id}/transcripts/{version}"),
    ("post", "/api/v1/recordings/{recording_id}/transcripts/{version}/undo"),
    ("post", "/api/v1/recordings/{recording_id}/transcripts/{version}/redo"),
    ("get", "/api/v1/recordings/{recording_id}/transcripts/{version}/history"),
    ("get", "/api/v1/recordings/{recording_id}/export"),
    ("get", "/api/v1/models"),
    ("get", "/api/v1/models/{name}"),
    ("post", "/api/v1/models/{name}/pull"),
    ("post", "/api/v1/models/{name}/verify"),
    ("get", "/api/v1/models/{name}/events"),
    ("delete", "/api/v1/models/{name}/operation"),
    ("delete", "/api/v1/models/{name}"),
    ("post", "/api/v1/recordings"),
    ("post", "/api/v1/recordings/{recording_id}/complete"),
    ("options", "/api/v1/uploads"),
    ("post", "/api/v1/uploads"),
    ("head", "/api/v1/uploads/{recording_id}"),
    ("patch", "/api/v1/uploads/{recording_id}"),
    ("delete", "/api/v1/uploads/{recording_id}"),
    ("get", "/api/v1/recordings"),
    ("post", "/api/v1/recordings/bulk"),
    ("get", "/api/v1/recordings/{recording_id}"),
    ("patch", "/api/v1/recordings/{recording_id}"),
    ("delete", "/api/v1/recordings/{recording_id}"),
    ("post", "/api/v1/recordings/{recording_id}/restore"),
    ("put", "/api/v1/recordings/{recording_id}/hold"),
    ("delete", "/api/v1/recordings/{recording_id}/hold"),
    ("get", "/api/v1/tags"),
    ("get", "/api/v1/retention"),
    ("get", "/api/v1/retention/due"),
    ("put", "/api/v1/retention/rules"),
    ("delete", "/api/v1/retention/rules/{rule_id}"),
    ("get", "/api/v1/receipts"),
    ("get", "/api/v1/receipts/{receipt_id}"),
    ("get", "/api/v1/recordings/{recording_id}/jobs"),
    ("post", "/api/v1/recordings/{recording_id}/jobs"),
    ("get", "/api/v1/recordings/{recording_id}/events"),
    ("get", "/api/v1/jobs/{job_id}"),
    ("post", "/api/v1/jobs/{job_id}/cancel"),
    ("post", "/api/v1/jobs/{job_id}/retry"),
    ("get", "/api/v1/nodes"),
    ("get", "/api/v1/webhooks"),
    ("post", "/api/v1/webhooks"),
    ("get", "/api/v1/webhooks/{webhook_id}"),
    ("patch", "/api/v1/webhooks/{webhook_id}"),
    ("delete", "/api/v1/webhooks/{webhook_id}"),
    ("post", "/api/v1/webhooks/{webhook_id}/rotate"),
    ("post", "/api/v1/webhooks/{webhook_id}/ping"),
    ("post", "/api/v1/webhooks/{webhook_id}/resend"),
    ("get", "/api/v1/webhooks/{webhook_id}/deliveries"),
    ("get", "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}"),
    ("post", "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend"),
    ("get", "/health"),
    ("get", "/health/live"),
    ("get", "/health/models/{name}"),
    ("get", "/health/ready"),
    ("get", "/health/startup"),
    ("get", "/metrics"),
}

EXPECTED = {
    ("put", "/api/v1/recordings/{recording_id}/hold"): 400,
    ("put", "/api/v1/retention/rules"): 400,
    ("put", "/api/v1/recordings/{recording_id}/transcripts/current"): 400,
    ("post", "/api/v1/models/{name}/pull"): 202,
    ("post", "/api/v1/models/{name}/verify"): 202,
    ("delete", "/api/v1/models/{name}/operation"): 204,
    ("delete", "/api/v1/models/{name}"): 409,
    ("options", "/api/v1/uploads"): 204,
    ("post", "/api/v1/uploads"): 412,
    ("head", "/api/v1/uploads/{recording_id}"): 412,
    ("patch", "/api/v1/uploads/{recording_id}"): 412,
    ("delete", "/api/v1/uploads/{recording_id}"): 412,
}
"""What a request without a body is answered, where it is not 200, 400 for a body that is missing, or 404
for what has an identifier."""


@pytest.fixture(scope="module")
def schema(service: Service) -> dict[str, Any]:
    response = service.client.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    body: dict[str, Any] = response.json()
    return body


def test_it_names_every_route(schema: dict[str, Any]) -> None:
    described = {(method, path) for path, methods in schema["paths"].items() for method in methods}

    assert schema["openapi"].startswith("3.")
    assert described == ROUTES
    assert all(operation.get("summary") for methods in schema["paths"].values() for operation in methods.values())


def test_every_route_answers(service: Service) -> None:
    for method, path in sorted(ROUTES):
        status = service.client.request(method.upper(), re.sub(r"\{\w+\}", "base", path)).status_code
        usual = 404 if "_id}" in path else 400 if method == "post" else 200
        assert status == EXPECTED.get((method, path), usual), path
        # What a request has begun would be in the way of the next one.
        service.client.delete("/api/v1/models/base/operation")


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    references = set(_references(schema))

    assert "#/components/schemas/OpenAIError" in references
    for reference in references:
        node: Any = schema
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node.get("type") == "object" or "oneOf" in node, reference


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for child in node for found in _references(child)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if "$ref" in node else []
    return own + [found for child in node.values() for found in _references(child)]


@pytest.mark.parametrize(
    "path", ["/v1/audio/transcriptions", "/v1/audio/translations", "/api/v1/transcriptions", "/api/v1/recordings"]
)
def test_no_documented_parameter_is_refused_as_unknown(service: Service, schema: dict[str, Any], path: str) -> None:
    content = schema["paths"][path]["post"]["requestBody"]["content"]
    properties = content["multipart/form-data"]["schema"]["properties"]

    for name in set(properties) - {"file"}:
        response = service.client.post(path, data={name: "x"}, files={"file": ("a", b"")})
        error = response.json().get("error", response.json())
        assert error["code"] != "unsupported_parameter", name


def test_the_answer_for_an_error_is_the_documented_one(service: Service, schema: dict[str, Any]) -> None:
    documented = schema["components"]["schemas"]["OpenAIError"]["properties"]["error"]["required"]

    assert set(service.client.post("/v1/audio/transcriptions").json()["error"]) == set(documented)
