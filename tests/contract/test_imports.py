"""The web process never loads a model: not one ML library is even imported in it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("ctranslate2", "faster_whisper", "onnxruntime", "av", "numpy", "tokenizers", "torch")
PARENT = (
    "care_voice.app",
    "care_voice.api.server",
    "care_voice.cli; care_voice.cli.build_app()",
    "care_voice.supervisor.engine_pool",
)


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
    assert "ctranslate2" not in loaded_by("care_voice.engine.media")
    assert loaded_by("care_voice.engine.windows") >= {"ctranslate2", "numpy"}


def test_the_command_line_loads_no_web_framework_for_help() -> None:
    assert loaded_by("care_voice.cli; care_voice.cli.build_app()", ("uvicorn",)) == set()


def test_a_command_does_not_pay_for_the_others() -> None:
    others = ("care_voice.cli.models", "care_voice.cli.bench", "care_voice.cli.doctor", "starlette", "rich.progress")
    assert loaded_by("care_voice.cli; care_voice.cli.build_app('serve')", others) == set()
    assert loaded_by("care_voice.cli; care_voice.cli.build_app()", others) == set(others)


def test_a_worker_does_not_look_up_the_version() -> None:
    assert loaded_by("care_voice.engine.protocol", ("importlib.metadata",)) == set()
