"""Logs of a real process: one JSON object a line, joined by the request id, and never a word of what was said."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging, structlog
from care_voice.telemetry.logs import configure_logging

configure_logging({format!r}, "info")
log = structlog.get_logger("care_voice.test")
log.debug("quiet")
structlog.contextvars.bind_contextvars(request_id="abc")
log.info("said", count=3, text_is="好\\n")
logging.getLogger("uvicorn.error").warning("from %s", "the library")
structlog.contextvars.clear_contextvars()

def fail(prompt):
    secret_note = "the patient said 我很痛"
    raise ValueError("no")

try:
    fail("Mrs Chen")
except ValueError:
    log.exception("failed")
"""


def output_of(log_format: str) -> str:
    program = PROGRAM.format(format=log_format)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    return done.stderr


def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in output_of("json").splitlines()]


def test_every_line_is_one_json_object_with_time_level_and_logger() -> None:
    said, library, failed = lines()

    assert (said["event"], said["count"], said["text_is"]) == ("said", 3, "好\n")
    assert (said["level"], said["logger"]) == ("info", "care_voice.test")
    assert said["timestamp"].endswith("Z")
    assert library["event"] == "from the library"
    assert failed["exception"][0]["exc_type"] == "ValueError"


def test_lines_are_joined_by_the_request_id() -> None:
    said, library, failed = lines()

    assert (said["request_id"], library["request_id"]) == ("abc", "abc")
    assert "request_id" not in failed


def test_a_traceback_holds_no_local_variables() -> None:
    for log_format in ("json", "text"):
        output = output_of(log_format)
        assert "ValueError" in output
        assert "我很痛" not in output.replace('secret_note = "the patient said 我很痛"', "")
        assert "Mrs Chen" not in output.replace('fail("Mrs Chen")', "")
        assert "locals" not in output


def test_text_is_for_people() -> None:
    output = output_of("text")

    assert "said" in output
    assert "request_id=abc" in output
    assert not output.startswith("{")


DEFERRED = """
import logging, sys
from care_voice.telemetry.deferred import DeferredLogger, configure_logging_later

configure_logging_later()
configure_logging_later("json", "info")
log = DeferredLogger("care_voice.test")
logging.getLogger("library").debug("quiet")
print("structlog" in sys.modules)
{first}
log.info("said", request_id="abc")
try:
    raise ValueError("no")
except ValueError:
    log.exception("failed")
"""


@pytest.mark.parametrize("first", ["", 'logging.getLogger("library").warning("from %s", "it")'])
def test_a_process_that_says_nothing_imports_no_structlog_and_the_first_word_is_a_line_like_any_other(
    first: str,
) -> None:
    program = DEFERRED.format(first=first)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    *before, said, failed = [json.loads(line) for line in done.stderr.splitlines()]

    assert done.stdout == "False\n"
    assert [line["event"] for line in before] == (["from it"] if first else [])
    assert (said["event"], said["level"], said["logger"], said["request_id"]) == (
        "said",
        "info",
        "care_voice.test",
        "abc",
    )
    assert failed["exception"][0]["exc_type"] == "ValueError"
    assert "timestamp" in failed
