"""What is kept can be played, and sought in, by a real browser over HTTP ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.server import running_service
from support.waiting import wait_until

PLAY_FROM_THE_MIDDLE = """async (address) => {
    const audio = new Audio(address);
    const happened = (name) => new Promise((resolve, reject) => {
        audio.addEventListener(name, resolve, { once: true });
        audio.addEventListener("error", () => reject(new Error(audio.error.message)), { once: true });
    });
    await happened("loadedmetadata");
    const seeked = happened("seeked");
    audio.currentTime = 8;
    await seeked;
    audio.muted = true;
    await audio.play();
    while (audio.currentTime < 8.2) await happened("timeupdate");
    return audio.duration;
}"""


def test_a_browser_plays_the_original_and_the_copy(
    launch: Callable[..., Browser], model_store: Path, tmp_path: Path, speech: Path
) -> None:
    with running_service(tmp_path, model_store, RECORDINGS__PLAYBACK_FORMAT="opus") as service:
        files = {"file": ("visit.flac", (speech / "en" / "jfk.flac").read_bytes(), "audio/flac")}
        sent = service.client.post("/api/v1/recordings", files=files)
        assert sent.status_code == 201, sent.text
        path = f"/api/v1/recordings/{sent.json()['id']}"
        wait_until(lambda: service.client.get(f"{path}/playback").status_code == 200, "there is a copy")
        assert service.client.head(f"{path}/playback").headers["content-type"].startswith("audio/webm")

        page = launch().new_page()
        page.goto(service.url)
        for what in ("audio", "playback"):
            assert page.evaluate(PLAY_FROM_THE_MIDDLE, f"{path}/{what}") == pytest.approx(11.0, abs=0.1), what
