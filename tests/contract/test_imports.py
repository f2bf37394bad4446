"""Who imports what: the web process no ML library, and a start nothing that it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("ctranslate2", "faster_whisper", "onnxruntime", "av", "numpy", "tokenizers", "torch")
WEB = ("fastapi", "starlette", "uvicorn", "pydantic")
CLIENTS = ("httpx", "httpx2", "huggingface_hub", "requests")
PARENT = (
    "care_voice.app",
    "care_voice.api.server",
    "care_voice.cli; care_voice.cli.build_app()",
    "care_voice.supervisor.engine_pool",
)
SERVICE = "care_voice.telemetry.lean as lean; lean.import_structlog(); import care_voice.cli.serving, care_voice.app"
"""What `care-voice serve` imports before the model is verified."""

WORKER = "care_voice.engine.worker as worker; worker.ROLES['{role}']().prepare()"
"""What a worker imports before it knows what to load."""


def loaded_by(module: str, wanted: tuple[str, ...] = HEAVY) -> set[str]:
    """Which of the `wanted` modules a fresh interpreter holds after it imported `module`."""
    program = f"import sys, {module}; print(*(set(sys.modules) & set({wanted!r})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", PARENT)
def test_the_parent_process_imports_no_ml_library(module: str) -> None:
    assert loaded_by(module) == set()


def test_the_check_sees_what_a_worker_imports() -> None:
    assert loaded_by("care_voice.engine.media") >= {"av", "numpy", "onnxruntime"}
    assert loaded_by("care_voice.engine.backends.ct2_runtime") >= {"ctranslate2", "numpy"}


def test_workers_are_started_before_anything_else_is_imported() -> None:
    early = ("asyncio", "dataclasses", "typing", "structlog", "msgspec", "care_voice.config", *WEB)
    assert loaded_by("care_voice.cli, care_voice.supervisor.spawning", ("typer", *early[3:])) == set()
    assert loaded_by("care_voice.supervisor.spawning", early) == set()


def test_the_service_starts_without_what_only_requests_and_people_need() -> None:
    assert loaded_by(SERVICE, (*WEB, *CLIENTS, "typer", "rich", "pip", "opencc", "importlib.metadata")) == set()
    assert loaded_by(SERVICE, ("structlog", "care_voice.app")) == {"structlog", "care_voice.app"}


def test_an_engine_worker_imports_nothing_that_its_model_may_not_need() -> None:
    others = ("av", "ctranslate2", "onnxruntime", "faster_whisper", "structlog", "rich", "asyncio", *WEB, *CLIENTS)
    prepared = WORKER.format(role="engine")

    assert loaded_by(prepared, others) == set()
    assert loaded_by(prepared) == {"numpy", "tokenizers"}
    assert loaded_by("care_voice.engine.backends.ct2_runtime", ("onnxruntime", "av", "faster_whisper")) == set()
    assert loaded_by("care_voice.engine.backends.onnxrt.runtime", ("ctranslate2", "av", "faster_whisper")) == set()


def test_a_media_worker_imports_no_speech_recogniser() -> None:
    others = ("ctranslate2", "tokenizers", "faster_whisper", "structlog", "rich", *WEB, *CLIENTS)

    assert loaded_by(WORKER.format(role="media"), others) == set()


def test_the_command_line_loads_no_web_framework_for_help() -> None:
    assert loaded_by("care_voice.cli; care_voice.cli.build_app()", ("uvicorn",)) == set()


def test_a_command_does_not_pay_for_the_others() -> None:
    others = ("care_voice.cli.models", "care_voice.cli.bench", "care_voice.cli.doctor", "starlette", "rich.progress")
    assert loaded_by("care_voice.cli; care_voice.cli.build_app('serve')", others) == set()
    assert loaded_by("care_voice.cli; care_voice.cli.build_app()", others) == set(others)


def test_a_worker_does_not_look_up_the_version() -> None:
    assert loaded_by("care_voice.engine.protocol", ("importlib.metadata",)) == set()
