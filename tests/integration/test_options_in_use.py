"""What a request asks for reaches the model and changes what comes out: both runtimes, and OpenAI's own client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import openai
import opencc
import pytest

from care_voice.engine.backends.onnxrt.export import write_onnx
from care_voice.engine.backends.onnxrt.runtime import require_exact_products
from care_voice.engine.backends.runtime import Mel, Request
from care_voice.engine.protocol import DecodeWindow, LoadEngine, WindowDecoded
from care_voice.engine.windows import WindowDecoder
from care_voice.models.report import Verified
from care_voice.service.options import TranscriptionOptions
from care_voice.service.transcription import TranscriptionSettings
from support.forms import TRANSLATIONS, refused, send
from support.server import Service
from support.sound import RATE, Pcm, decoded, wav
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

NAMES = "Liddy, Mr. Jamieson"
NAMED_CLIP = "en/ls-533-1066-0002.flac"
"""The reader says "Liddy" and "Mister Jamieson", which `base` hears as "Lady" and "Jameson"."""
MANDARIN, MANDARIN_CLIP = "而是因为其他国家尤其是周边国家房价下跌而受到冲击", "zh/aishell-BAC009S0150W0132.flac"
ENGLISH, ENGLISH_CLIP = "ask what you can do for your country", "en/jfk.flac"


@pytest.fixture(scope="module", params=["CTranslate2", "ONNX Runtime"])
def decoder(
    request: pytest.FixtureRequest, verified_model: Verified, tmp_path_factory: pytest.TempPathFactory
) -> WindowDecoder:
    """What an engine worker holds, here in this process."""
    directory = verified_model.view
    if request.param == "ONNX Runtime":
        try:
            require_exact_products()
        except RuntimeError as error:
            pytest.skip(str(error))
        directory = tmp_path_factory.mktemp("derived") / "base-onnx"
        write_onnx(verified_model.view, directory)
    return WindowDecoder(LoadEngine("base", str(directory), "cpu", "auto", 1))


@pytest.fixture
def asked(decoder: WindowDecoder, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Every request that the runtime is given."""
    seen: list[Request] = []
    add = decoder._backend.runtime.add

    def noted(key: int, request: Request) -> None:
        seen.append(request)
        add(key, request)

    monkeypatch.setattr(decoder._backend.runtime, "add", noted)
    return seen


@pytest.fixture(scope="module")
def switching(speech: Path) -> Pcm:
    """A Mandarin sentence, then an English one, with a short pause between them."""
    return np.concatenate([decoded(speech / MANDARIN_CLIP), decoded(speech / ENGLISH_CLIP)])


def window(samples: Pcm, speech: list[tuple[float, float]] | None = None, **wishes: Any) -> DecodeWindow:
    """The message that the service makes of a request's wishes."""
    options = TranscriptionOptions(**wishes)
    chosen = options.decoding(TranscriptionSettings())
    return DecodeWindow(
        id=0,
        request_id="test",
        pcm=samples.astype("<i2").tobytes(),
        start_s=0.0,
        speech=tuple(speech or [(0.0, len(samples) / RATE)]),
        language=options.language,
        languages=options.languages,
        task=options.task,
        prompt=options.prompt,
        temperatures=chosen.temperatures,
        beam_size=chosen.beam_size,
        hotwords=chosen.hotwords,
        both_sizes=chosen.both_sizes,
        language_changes=chosen.language_changes,
    )


def text(answer: WindowDecoded) -> str:
    return "".join(word.text for part in answer.parts for word in part.words)


def mandarin_error_rate(heard: str) -> float:
    characters = "".join(char for char in opencc.OpenCC("t2s").convert(heard) if char.isalnum())
    return float(jiwer.cer(MANDARIN, characters))


def test_hotwords_make_names_come_out_as_they_are_written(decoder: WindowDecoder, speech: Path) -> None:
    samples = decoded(speech / NAMED_CLIP)
    without = text(decoder.decode(window(samples, language="en")))
    favoured = text(decoder.decode(window(samples, language="en", hotwords=NAMES)))

    assert "Liddy" not in without
    assert "Jamieson" not in without
    assert "kissed Liddy" in favoured
    assert "Jamieson" in favoured


def test_hotwords_stand_before_the_prompt_and_both_before_the_speech(
    decoder: WindowDecoder, asked: list[Request], speech: Path
) -> None:
    decoder.decode(window(decoded(speech / NAMED_CLIP), language="en", hotwords=NAMES, prompt="Chapter nine."))
    told = asked[0].prompt[1 : asked[0].start]

    assert "".join(decoder._backend.token_text(token)[0] for token in told) == f" {NAMES} Chapter nine."


def test_hotwords_and_prompt_are_cut_to_half_of_the_context(
    decoder: WindowDecoder, asked: list[Request], speech: Path
) -> None:
    decoder.decode(
        window(decoded(speech / NAMED_CLIP), language="en", hotwords="Liddy, " * 300, prompt="dinner " * 300)
    )

    assert asked[0].start == 1 + 223


def test_hotwords_are_not_given_back_as_what_was_said(
    decoder: WindowDecoder, asked: list[Request], speech: Path
) -> None:
    samples = decoded(speech / "en/ls-533-1066-0000.flac")
    answer = decoder.decode(window(samples, language="en", hotwords="hello world " * 2000))

    assert "hello world" not in text(answer).lower()
    assert asked[-1].start == 0


@pytest.mark.parametrize(("profile", "beams"), [("fast", [1]), ("balanced", [5]), ("accurate", [8, 8])])
def test_a_profile_decides_how_widely_and_how_often_is_searched(
    decoder: WindowDecoder, asked: list[Request], speech: Path, profile: str, beams: list[int]
) -> None:
    answer = decoder.decode(window(decoded(speech / ENGLISH_CLIP), language="en", profile=profile))

    assert [request.beam_size for request in asked] == beams
    assert answer.passes == len(beams)
    assert ENGLISH in text(answer)


def test_accurate_keeps_the_more_probable_of_two_window_sizes(decoder: WindowDecoder, speech: Path) -> None:
    samples = decoded(speech / NAMED_CLIP)
    alone = decoder.decode(window(samples, language="en", beam_size=8))
    compared = decoder.decode(window(samples, language="en", profile="accurate"))

    assert compared.parts[0].avg_logprob >= alone.parts[0].avg_logprob


def test_each_language_of_a_window_comes_out_in_its_own(decoder: WindowDecoder, switching: Pcm, speech: Path) -> None:
    pause_s = len(decoded(speech / MANDARIN_CLIP)) / RATE
    spans = [(0.4, pause_s - 0.3), (pause_s + 0.3, len(switching) / RATE - 0.3)]
    answer = decoder.decode(window(switching, spans, language_detection="window"))
    first, *others = answer.parts

    assert first.language == "zh"
    assert {part.language for part in others} == {"en"}
    assert answer.language == "en"
    assert mandarin_error_rate("".join(word.text for word in first.words)) < 0.2
    assert ENGLISH in text(answer)
    assert first.words[-1].end < pause_s < others[0].words[0].start + 0.2


# --- through the API --------------------------------------------------------------------------------------------------


def test_a_window_is_encoded_once_to_detect_its_language_and_to_be_decoded(
    decoder: WindowDecoder, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, lengths = decoder.runtime.encode, list[int]()

    def counted(mel: Mel) -> object:
        lengths.append(mel.shape[1])
        return encode(mel)

    monkeypatch.setattr(decoder.runtime, "encode", counted)
    answer = decoder.decode(window(decoded(speech / "en/jfk.flac"), language=None))

    assert answer.language == "en"
    assert "ask not what your country can do for you" in text(answer)
    assert lengths == [1300], "13 s: the length that it is decoded at"


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="not needed", max_retries=0, timeout=120) as made:
        yield made


def test_the_openai_client_sends_extensions_in_extra_body(client: openai.OpenAI, speech: Path) -> None:
    extensions = {"profile": "fast", "beam_size": 3, "temperatures": [0, 0.4], "hotwords": NAMES}
    result = client.audio.transcriptions.create(
        model="base", file=speech / NAMED_CLIP, language="en", extra_body=extensions
    )

    assert "kissed Liddy" in result.text


def test_the_first_step_of_a_ladder_is_where_decoding_starts(client: openai.OpenAI, speech: Path) -> None:
    result = client.audio.transcriptions.create(
        model="base",
        file=speech / ENGLISH_CLIP,
        language="en",
        response_format="verbose_json",
        extra_body={"temperatures": [0.3]},
    )

    assert {segment.temperature for segment in result.segments or ()} == {0.3}


def test_keywords_are_the_standard_name_of_hotwords(client: openai.OpenAI, speech: Path) -> None:
    result = client.audio.transcriptions.create(
        model="base", file=speech / NAMED_CLIP, language="en", extra_body={"keywords": ["Liddy", "Mr. Jamieson"]}
    )

    assert "kissed Liddy" in result.text


def test_mandarin_is_in_the_script_that_is_asked_for_in_every_format(service: Service, speech: Path) -> None:
    clip = (speech / MANDARIN_CLIP).read_bytes()

    def heard(**fields: Any) -> str:
        return send(service.client, clip, language="zh", response_format="text", **fields).text.strip()

    whole = send(service.client, clip, response_format="verbose_json", **{"timestamp_granularities[]": "word"}).json()
    subtitles = send(service.client, clip, language="zh", response_format="srt").text
    stream = send(service.client, clip, language="zh", stream="true").text
    events = [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line.startswith("data: ")]
    simplified, traditional = heard(script="simplified"), heard()

    assert set("因为国") <= set(simplified)
    assert set("因為國") <= set(traditional), "which is the default"
    assert mandarin_error_rate(traditional) == mandarin_error_rate(heard(script="as_heard"))
    assert whole["text"] == traditional
    assert "".join(word["word"].strip() for word in whole["words"]) == traditional.replace(" ", "")
    assert "".join(subtitles.split("\n")[2::4]) == traditional
    assert "".join(event.get("delta", "") for event in events) == events[-1]["text"] == traditional


def test_a_recording_is_stored_and_exported_in_the_script_that_was_asked_for(service: Service, speech: Path) -> None:
    clip = (speech / MANDARIN_CLIP).read_bytes()
    api = "/api/v1/recordings"
    sent = send(service.client, clip, path=api, model=None, language="zh", script="simplified", title="script")
    place = f"{api}/{sent.json()['id']}"
    kept = wait_until(lambda: service.client.get(f"{place}/transcripts/current", params={"words": "true"}).json()
                      .get("segments"), "the transcript is stored")  # fmt: skip
    exported = service.client.get(f"{place}/export", params={"format": "txt"}).text
    text = "".join(segment["text"] for segment in kept)

    assert "因为" in text
    assert text == "".join(word["word"].strip() for segment in kept for word in segment["words"])
    assert text in exported.replace("\n", "")


def test_a_script_that_is_none_is_refused(service: Service, speech: Path) -> None:
    answer = send(service.client, (speech / MANDARIN_CLIP).read_bytes(), script="hant")

    refused(answer, 400, "invalid_parameter", "script")


def test_an_extension_out_of_range_is_a_bad_request_error(client: openai.OpenAI, speech: Path) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(model="base", file=speech / NAMED_CLIP, extra_body={"beam_size": 11})

    assert (caught.value.code, caught.value.param) == ("invalid_parameter", "beam_size")


def test_profiles_search_as_widely_as_they_say(service: Service, speech: Path) -> None:
    """One pass more for each window shows in the metrics."""
    clip = (speech / ENGLISH_CLIP).read_bytes()

    def extra_passes(profile: str) -> float:
        before = service.metric("care_voice_window_extra_passes_total", model="base")
        assert ENGLISH in send(service.client, clip, language="en", profile=profile).json()["text"]
        return service.metric("care_voice_window_extra_passes_total", model="base") - before

    assert (extra_passes("balanced"), extra_passes("accurate")) == (0, 1)


def test_a_recording_that_switches_language_comes_out_right(client: openai.OpenAI, switching: Pcm) -> None:
    result = client.audio.transcriptions.create(
        model="base",
        file=("visit.wav", wav(switching)),
        response_format="verbose_json",
        extra_body={"language_detection": "window"},
    )
    languages = [segment.to_dict()["language"] for segment in result.segments or ()]
    mandarin = "".join(s.text for s in result.segments or () if s.to_dict()["language"] == "chinese")

    assert result.language == "english"
    assert languages == sorted(languages)
    assert set(languages) == {"chinese", "english"}
    assert mandarin_error_rate(mandarin) < 0.2
    assert ENGLISH in result.text


def test_all_languages_of_a_recording_are_named_that_of_the_most_speech_first(
    client: openai.OpenAI, switching: Pcm
) -> None:
    result = client.audio.transcriptions.create(
        model="base",
        file=("visit.wav", wav(switching)),
        languages=["zh", "en", "ja"],
        extra_body={"language_detection": "window"},
    )

    assert [language.code for language in result.languages or ()] == ["en", "zh"]


def test_segments_have_no_language_of_their_own_where_the_recording_has_one(
    client: openai.OpenAI, speech: Path
) -> None:
    result = client.audio.transcriptions.create(
        model="base", file=speech / ENGLISH_CLIP, response_format="verbose_json"
    )

    assert result.segments
    assert all("language" not in segment.to_dict() for segment in result.segments)


def test_a_translation_takes_the_extensions_too(service: Service, switching: Pcm) -> None:
    wishes = {"profile": "fast", "language_detection": "window", "response_format": "verbose_json"}
    answer = send(service.client, wav(switching), TRANSLATIONS, **wishes).json()

    assert answer["language"] == "english"
    assert ENGLISH in answer["text"]
    assert all("language" not in segment for segment in answer["segments"])
