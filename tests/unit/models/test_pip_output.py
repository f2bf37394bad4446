"""What pip prints is understood: progress, signs of life, and the reason of a failure."""

from __future__ import annotations

import pytest

from care_voice.models.sources.pip_download import PipOutput


def fed(*lines: str) -> PipOutput:
    output = PipOutput()
    for line in lines:
        output.feed(line + "\n")
    return output


def test_progress_is_read_as_numbers() -> None:
    assert PipOutput().feed("Progress 262144 of 66273783\n") == (262144, 66273783)
    assert PipOutput().feed("Progress of pip: none\n") is None


@pytest.mark.parametrize(
    "line",
    [
        "  Downloading model-1.0-py3-none-any.whl (66.3 MB)",
        "  Using cached model-1.0-py3-none-any.whl (66.3 MB)",
        "Processing /opt/wheels/model-1.0-py3-none-any.whl",
        "Progress 0 of 10",
    ],
)
def test_an_index_that_answers_is_noticed(line: str) -> None:
    assert fed("Collecting model==1.0", line).receiving


def test_asking_is_not_receiving() -> None:
    assert not fed("Looking in indexes: https://pypi.org/simple", "Collecting model==1.0").receiving


def test_the_last_error_is_the_reason() -> None:
    output = fed("ERROR: Could not find a version", "ERROR: No matching distribution found for model==1.0", "bye")
    assert output.reason == "No matching distribution found for model==1.0"


def test_an_unreachable_index_is_called_that() -> None:
    output = fed(
        "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError(\"[Errno 111] "
        "Connection refused\")': /simple/model/",
        "ERROR: No matching distribution found for model==1.0",
    )
    assert output.reason.startswith("the package index could not be reached: 'NewConnectionError")
    assert "Connection refused" in output.reason


def test_without_an_error_line_the_last_words_count() -> None:
    assert fed("/usr/bin/python: No module named pip", "").reason == "/usr/bin/python: No module named pip"
    assert fed().reason == "pip said nothing"


def test_a_reason_stays_short() -> None:
    assert len(fed("ERROR: " + "x" * 5000).reason) == 300
