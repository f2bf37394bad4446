"""Requests as a client sends them."""

from __future__ import annotations

from typing import Any

import httpx

TRANSCRIPTIONS = "/v1/audio/transcriptions"
TRANSLATIONS = "/v1/audio/translations"


def send(
    client: httpx.Client, content: bytes, path: str = TRANSCRIPTIONS, filename: str = "recording", **fields: Any
) -> httpx.Response:
    """A file and fields as a multipart form; `model` is base unless it is given, and None leaves a field out."""
    wanted = {name: value for name, value in {"model": "base", **fields}.items() if value is not None}
    return client.post(path, data=wanted, files={"file": (filename, content)})


def refused(response: httpx.Response, status: int, code: str, param: str | None = None) -> str:
    """Check that the answer is OpenAI's error object, whole; returns its message."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json"), response.text
    assert response.headers["x-request-id"]
    assert set(response.json()) == {"error"}
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param)
    assert error["type"] == ("invalid_request_error" if status < 500 else "server_error")
    message: str = error["message"]
    assert message.strip()
    return message
