"""What clients say of a recording: options as text, names, JSON as fields."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.api.new_recordings import from_json
from care_voice.domain import labels
from care_voice.domain.errors import InvalidParameter, UnsupportedParameter
from care_voice.service.option_texts import from_texts, to_texts
from care_voice.service.options import TranscriptionOptions

OPTIONS = st.builds(
    TranscriptionOptions,
    task=st.sampled_from(["transcribe", "translate"]),
    languages=st.lists(st.sampled_from(["zh", "en", "de"]), unique=True).map(tuple),
    prompt=st.none() | st.text(max_size=20),
    temperature=st.none() | st.floats(0, 1),
    profile=st.sampled_from([None, "fast", "balanced", "accurate"]),
    beam_size=st.none() | st.integers(1, 10),
    hotwords=st.none() | st.text(max_size=20),
    language_detection=st.sampled_from([None, "recording", "window"]),
    script=st.sampled_from([None, "traditional", "simplified", "as_heard"]),
) | st.builds(
    TranscriptionOptions,
    language=st.sampled_from(["zh", "en"]),
    temperatures=st.lists(st.floats(0, 1), unique=True, max_size=10).map(sorted).map(tuple),
)


@given(OPTIONS)
def test_options_survive_as_text(options: TranscriptionOptions) -> None:
    texts = to_texts(options)

    assert all(isinstance(value, str) for value in texts.values())
    assert from_texts(texts) == options


@given(st.text())
def test_a_line_is_one_that_databases_take_or_is_refused(text: str) -> None:
    with suppress(InvalidParameter):
        kept = labels.line("title", text, 20)
        assert kept == text.strip()
        assert len(kept) <= 20
        assert "\0" not in kept
        kept.encode()


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "\ud800", "x" * 21])
def test_what_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        labels.line("title", text, 20)


def test_tags_are_kept_once() -> None:
    assert labels.tags("tags", [" a ", "b", "a", "", " "]) == ("a", "b")
    with pytest.raises(InvalidParameter):
        labels.tags("tags", map(str, range(51)))
    with pytest.raises(InvalidParameter):
        labels.metadata("metadata", dict.fromkeys(map(str, range(65)), ""))


def test_json_is_read_as_fields() -> None:
    raw = from_json(
        b'{"title": "x", "tags": ["a", "b"], "beam_size": 3, "transcribe": false, "metadata": {"k": "v"}, "model":null}'
    )

    assert raw == {
        "title": ["x"], "tags": ["a", "b"], "beam_size": ["3"], "transcribe": ["false"], "metadata": ['{"k": "v"}']
    }  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b'{"title": {}}', b'{"tags": [[]]}', b"[" * 100_000])
def test_other_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParameter):
        from_json(body)
    with pytest.raises(UnsupportedParameter):
        from_json(b'{"file": "x"}')
