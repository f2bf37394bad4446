"""The OpenAI API through OpenAI's own client: what it sends is understood, what it gets fits its models."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import jiwer
import openai
import opencc
import pytest
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
)

from support.server import Service

JFK = "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
MODEL = "base"


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="not needed", max_retries=0, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def jfk(speech: Path) -> Path:
    return speech / "en/jfk.flac"


def plain(text: str) -> str:
    return " ".join("".join(char if char.isalnum() else " " for char in text.lower()).split())


def test_json_has_every_known_word_of_the_speech(client: openai.OpenAI, jfk: Path) -> None:
    result = client.audio.transcriptions.create(model=MODEL, file=jfk)

    assert isinstance(result, Transcription)
    assert plain(result.text) == plain(JFK)
    assert result.usage is not None
    assert result.usage.type == "duration"
    assert result.usage.seconds == 11.0


def test_whisper_1_is_another_name_for_the_served_model(client: openai.OpenAI, jfk: Path) -> None:
    assert plain(client.audio.transcriptions.create(model="whisper-1", file=jfk).text) == plain(JFK)


def test_text_srt_and_vtt_come_as_they_are(client: openai.OpenAI, jfk: Path) -> None:
    create = client.audio.transcriptions.create
    text = create(model=MODEL, file=jfk, response_format="text")
    srt = create(model=MODEL, file=jfk, response_format="srt")
    vtt = create(model=MODEL, file=jfk, response_format="vtt")

    assert plain(text) == plain(JFK)
    assert text.endswith("\n")
    assert srt.startswith("1\n00:00:00,")
    assert vtt.startswith("WEBVTT\n\n00:00:00.")
    assert plain(" ".join(line for line in srt.splitlines() if any(c.isalpha() for c in line))) == plain(JFK)


def test_verbose_json_has_segments_and_words_that_fit_the_recording(client: openai.OpenAI, jfk: Path) -> None:
    result = client.audio.transcriptions.create(
        model=MODEL, file=jfk, response_format="verbose_json", timestamp_granularities=["segment", "word"]
    )
    TranscriptionVerbose.model_validate(result.to_dict(), strict=True)

    assert (result.language, result.duration) == ("english", 11.0)
    assert result.segments
    assert result.words
    assert "".join(segment.text for segment in result.segments).strip() == result.text
    assert [segment.id for segment in result.segments] == list(range(len(result.segments)))
    assert all(segment.tokens and segment.avg_logprob < 0 for segment in result.segments)
    assert plain(" ".join(word.word for word in result.words)) == plain(JFK)
    assert all(0 <= word.start < word.end <= result.duration for word in result.words)
    assert all(left.start < right.start for left, right in pairwise(result.words))
    for segment in result.segments:
        assert 0 <= segment.start < segment.end <= result.duration


def test_word_times_are_where_the_words_are_said(client: openai.OpenAI, jfk: Path) -> None:
    """The second "ask" follows the long pause of the speech, which ends at about 8.1 s."""
    result = client.audio.transcriptions.create(
        model=MODEL, file=jfk, response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert result.words is not None
    assert result.segments is None
    first, second = (word for word in result.words if plain(word.word) == "ask")

    assert first.start == pytest.approx(3.4, abs=0.5)
    assert second.start == pytest.approx(8.2, abs=0.5)


def test_segments_are_given_where_nothing_is_asked(client: openai.OpenAI, jfk: Path) -> None:
    result = client.audio.transcriptions.create(model=MODEL, file=jfk, response_format="verbose_json")

    assert result.segments
    assert result.words is None


def test_the_deltas_of_a_stream_add_up_to_its_text(client: openai.OpenAI, speech: Path) -> None:
    dialogue = speech / "dialogue/katie-steve.flac"
    with client.audio.transcriptions.create(model=MODEL, file=dialogue, stream=True) as stream:
        events = list(stream)
    *deltas, done = events

    assert isinstance(done, TranscriptionTextDoneEvent)
    assert len(deltas) > 1
    assert all(isinstance(event, TranscriptionTextDeltaEvent) for event in deltas)
    assert done.text == "".join(event.delta for event in deltas)
    assert done.text == client.audio.transcriptions.create(model=MODEL, file=dialogue).text
    assert len(plain(done.text).split()) > 30


def test_logprobs_are_the_tokens_of_the_text(client: openai.OpenAI, speech: Path) -> None:
    clip = speech / "zh/aishell-BAC009S0150W0132.flac"
    # In another script than the model's own, tokens and text would differ by their characters.
    result = client.audio.transcriptions.create(
        model=MODEL, file=clip, include=["logprobs"], language="zh", extra_body={"script": "as_heard"}
    )

    assert result.logprobs
    data = b"".join(bytes(round(byte) for byte in token.bytes or ()) for token in result.logprobs)
    assert data.decode().strip() == result.text
    assert all(token.logprob is not None and token.logprob <= 0 for token in result.logprobs)


def test_the_logprobs_of_a_stream_are_those_of_its_text(client: openai.OpenAI, jfk: Path) -> None:
    with client.audio.transcriptions.create(model=MODEL, file=jfk, stream=True, include=["logprobs"]) as stream:
        *deltas, done = stream

    assert isinstance(done, TranscriptionTextDoneEvent)
    assert done.logprobs
    per_delta = [token for event in deltas if event.type == "transcript.text.delta" for token in event.logprobs or ()]
    assert [token.token for token in per_delta] == [token.token for token in done.logprobs]
    assert "".join(token.token or "" for token in done.logprobs).strip() == done.text


def test_a_prompt_teaches_a_spelling(client: openai.OpenAI, speech: Path) -> None:
    """The reader names "Mister Thornton"; a prompt that writes it "Thorneton" makes the model write it so."""
    clip = speech / "en/ls-1688-142285-0001.flac"
    create = client.audio.transcriptions.create
    without = create(model=MODEL, file=clip, language="en").text
    taught = create(model=MODEL, file=clip, language="en", prompt="Mr. Thorneton came to dinner.").text

    assert "Thorneton" not in without
    assert "Thorneton" in taught


def test_a_temperature_is_where_decoding_starts(client: openai.OpenAI, jfk: Path) -> None:
    result = client.audio.transcriptions.create(
        model=MODEL, file=jfk, temperature=0.4, response_format="verbose_json", language="en"
    )

    assert result.segments
    assert all(segment.temperature >= 0.4 for segment in result.segments)
    assert "country" in result.text


def test_a_language_is_detected_among_those_that_are_named(client: openai.OpenAI, jfk: Path) -> None:
    result = client.audio.transcriptions.create(model=MODEL, file=jfk, languages=["zh", "en"])

    assert [language.code for language in result.languages or ()] == ["en"]
    assert plain(result.text) == plain(JFK)


def test_no_language_is_detected_where_nobody_speaks(client: openai.OpenAI, speech: Path) -> None:
    silence = speech / "nospeech/silence-10s.flac"
    result = client.audio.transcriptions.create(model=MODEL, file=silence, languages=["zh", "en"])

    assert (result.text, result.languages) == ("", [])


def test_a_language_that_is_given_is_not_detected(client: openai.OpenAI, jfk: Path) -> None:
    result = client.audio.transcriptions.create(model=MODEL, file=jfk, language="de", response_format="verbose_json")

    assert result.language == "german"


@pytest.mark.parametrize(
    "strategy",
    ["auto", {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 200, "silence_duration_ms": 300}],
    ids=["auto", "server_vad"],
)
def test_a_chunking_strategy_is_understood(client: openai.OpenAI, jfk: Path, strategy: object) -> None:
    result = client.audio.transcriptions.create(model=MODEL, file=jfk, chunking_strategy=strategy)  # type: ignore[arg-type]

    assert plain(result.text) == plain(JFK)


def test_a_threshold_that_nothing_passes_gives_no_text(client: openai.OpenAI, speech: Path) -> None:
    quiet = speech / "nospeech/noise-pink-15s.flac"
    strict = {"type": "server_vad", "threshold": 0.99}
    result = client.audio.transcriptions.create(model=MODEL, file=quiet, chunking_strategy=strict)  # type: ignore[arg-type]

    assert result.text == ""


def test_mandarin_is_recognised(client: openai.OpenAI, speech: Path) -> None:
    """Two AISHELL clips. `base` gets about 18 % of the characters of read Mandarin wrong (README.md), most of
    them homophones; more than 40 % of these would mean that something is broken, not that the model is small."""
    clips = {
        "aishell-BAC009S0150W0132": "而是因为其他国家尤其是周边国家房价下跌而受到冲击",
        "aishell-BAC009S0150W0434": "物业人员把这三个垃圾箱给撤走了",
    }
    to_simplified = opencc.OpenCC("t2s").convert
    heard = []
    for name in clips:
        result = client.audio.transcriptions.create(
            model=MODEL, file=speech / f"zh/{name}.flac", response_format="verbose_json"
        )
        assert result.language == "chinese"
        heard.append(to_simplified(plain(result.text)).replace(" ", ""))

    assert jiwer.cer(list(clips.values()), heard) < 0.4


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_translation_is_in_english(client: openai.OpenAI, speech: Path) -> None:
    result = client.audio.translations.create(model=MODEL, file=speech / "other/fleurs-de-003.ogg")

    assert result.text
    assert result.text.isascii()


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_verbose_translation_fits_the_clients_model(client: openai.OpenAI, speech: Path) -> None:
    result = client.audio.translations.create(
        model=MODEL, file=speech / "id/cv-id-001.flac", response_format="verbose_json"
    )

    assert result.language == "english"
    assert result.segments
    assert result.text


def test_models_are_listed_and_looked_up(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["base", "whisper-1"]
    assert client.models.retrieve("whisper-1").owned_by == "care-voice"


def test_an_unknown_model_is_a_not_found_error(client: openai.OpenAI, jfk: Path) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.audio.transcriptions.create(model="gpt-4o-transcribe", file=jfk)

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o-transcribe")


def test_a_wrong_parameter_is_a_bad_request_error(client: openai.OpenAI, jfk: Path) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(model=MODEL, file=jfk, language="zh-TW")

    assert (caught.value.code, caught.value.param) == ("invalid_parameter", "language")
    assert "use 'zh'" in caught.value.message


def test_a_file_that_is_no_recording_is_an_unprocessable_entity_error(client: openai.OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            client.audio.transcriptions.create(model=MODEL, file=("note.txt", b"no sound " * 99), stream=stream)
        assert caught.value.code == "unreadable_media"


def test_every_answer_has_a_request_id_and_keeps_the_callers(client: openai.OpenAI, speech: Path) -> None:
    clip = speech / "en/ls-533-1066-0000.flac"
    raw = client.audio.transcriptions.with_raw_response
    own = raw.create(model=MODEL, file=clip, language="en", extra_headers={"X-Request-ID": "mine-1"})
    given = client.models.with_raw_response.list()

    assert own.headers["x-request-id"] == "mine-1"
    assert len(given.headers["x-request-id"]) == 32
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(model=MODEL, file=clip, temperature=9)
    assert caught.value.request_id


async def test_the_asynchronous_client_works_as_well(service: Service, jfk: Path) -> None:
    async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key="x", max_retries=0) as client:
        result = await client.audio.transcriptions.create(model=MODEL, file=jfk)

    assert plain(result.text) == plain(JFK)


def test_a_long_prompt_is_not_given_back_as_what_was_said(client: openai.OpenAI, speech: Path) -> None:
    with (speech / "en" / "ls-533-1066-0000.flac").open("rb") as file:
        text = client.audio.transcriptions.create(model="base", file=file, prompt="hello world " * 2000).text
    assert "hello world" not in text.lower()
