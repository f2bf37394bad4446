"""The form fields that say how to transcribe: those of the OpenAI API, and Care Voice's own beside them."""

from __future__ import annotations

from typing import cast, get_args

from care_voice.api.parameters import Fields
from care_voice.domain.chinese import Script
from care_voice.domain.errors import InvalidParameter
from care_voice.engine.protocol import VadOptions
from care_voice.service.options import (
    MAX_BEAM_SIZE,
    LanguageDetection,
    Profile,
    Task,
    TranscriptionOptions,
)
from care_voice.service.served_models import ServedModel

EXTENSIONS = frozenset({
    "profile", "beam_size", "temperatures", "temperatures[]", "hotwords", "language_detection",
    "script",
})  # fmt: skip
"""Fields that the OpenAI API does not have."""


def read_options(fields: Fields, model: ServedModel, task: Task, vad: VadOptions | None = None) -> TranscriptionOptions:
    """The wishes of a form.

    Raises:
        InvalidParameter: A value is out of range, contradicts another, or is more than the model can do.
    """
    language = fields.text("language")
    if not model.multilingual:
        _refuse_other_languages(task, language)
    profile = fields.choice("profile", get_args(Profile), "") or None
    detection = fields.choice("language_detection", get_args(LanguageDetection), "") or None
    script = fields.choice("script", get_args(Script), "") or None
    return TranscriptionOptions(
        task=task,
        language=language,
        languages=fields.many("languages"),
        prompt=fields.text("prompt"),
        temperature=fields.number("temperature", 0, 1),
        vad=vad or VadOptions(),
        profile=cast("Profile | None", profile),
        beam_size=fields.integer("beam_size", 1, MAX_BEAM_SIZE),
        temperatures=fields.numbers("temperatures", 0, 1),
        hotwords=_hotwords(fields),
        language_detection=cast("LanguageDetection | None", detection),
        script=cast("Script | None", script),
    )


def _hotwords(fields: Fields) -> str | None:
    """`keywords[]` is the OpenAI API's way to name them."""
    hotwords, keywords = fields.text("hotwords"), fields.many("keywords")
    if hotwords and keywords:
        raise InvalidParameter(param="keywords", why="give 'keywords' or 'hotwords', not both")
    return hotwords or ", ".join(keywords) or None


def _refuse_other_languages(task: Task, language: str | None) -> None:
    if task == "translate":
        raise InvalidParameter(param="model", why="this model knows English only and cannot translate")
    if language not in (None, "en"):
        raise InvalidParameter(param="language", why="this model knows English only")
