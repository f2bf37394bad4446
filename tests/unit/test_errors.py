"""The error tree: every error has a code, a sentence, a place in the drawing and a status."""

from __future__ import annotations

import pickle
import re
import string

import pytest

from care_voice.api.problems import headers_of, openai_body, problem_body, status_of
from care_voice.domain import deploy_errors, errors, model_errors, service_errors, store_errors
from care_voice.domain.errors import CareVoiceError, RequestError


def tree(cls: type[CareVoiceError] = CareVoiceError) -> list[type[CareVoiceError]]:
    modules = {each.__name__ for each in (errors, deploy_errors, model_errors, service_errors, store_errors)}
    children = [child for child in cls.__subclasses__() if child.__module__ in modules]
    return [cls, *(each for child in children for each in tree(child))]


def made(cls: type[CareVoiceError]) -> CareVoiceError:
    """The error with a value for each field that its texts name."""
    texts = f"{cls.__doc__} {cls.hint}"
    fields = {name for _, name, _, _ in string.Formatter().parse(texts) if name}
    return cls(**{name: 7 if name.endswith(("_s", "_bytes")) else f"<{name}>" for name in fields})


ALL = pytest.mark.parametrize("cls", tree(), ids=lambda cls: cls.__name__)


def test_no_two_errors_share_a_code() -> None:
    codes = [cls.code for cls in tree()]

    assert sorted(codes) == sorted(set(codes))


@ALL
def test_every_error_has_a_code_of_its_own(cls: type[CareVoiceError]) -> None:
    assert "code" in vars(cls)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", cls.code)


@ALL
def test_every_error_is_a_sentence_with_its_fields_filled_in(cls: type[CareVoiceError]) -> None:
    error = made(cls)

    assert error.message.endswith(".")
    assert not re.search(r"[{}\n]", error.message + error.advice)
    for value in error.fields.values():
        assert str(value) in f"{error.message} {error.advice}"


def test_a_sentence_that_is_quoted_at_the_end_does_not_double_the_full_stop() -> None:
    assert service_errors.NotReady(why="The disk is full.").message == "The service is not ready: The disk is full."
    assert service_errors.NotReady(why="so be it...").message.endswith("it....")


@ALL
def test_every_error_survives_pickling(cls: type[CareVoiceError]) -> None:
    error = made(cls)
    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), copy.message, copy.fields) == (cls, error.message, error.fields)


def drawn_parents(drawn: list[tuple[int, str]]) -> dict[str, str]:
    """Name -> name of what it is drawn below."""
    above: dict[int, str] = {}
    parents = {}
    for depth, name in drawn:
        above[depth] = name
        parents[name] = above.get(depth - 1, "")
    return parents


def test_the_drawing_shows_the_tree_as_it_is() -> None:
    drawn = [
        (len(branch) // 4, name) for branch, name in re.findall(r"(?m)^    ([│├└─ ]*)([A-Z]\w+)", errors.__doc__ or "")
    ]
    real = [(len(cls.__mro__) - len(CareVoiceError.__mro__), cls.__name__) for cls in tree()]

    assert sorted(drawn) == sorted(real)
    assert all(drawn_parents(drawn)[cls.__name__] == cls.__base__.__name__ for cls in tree()[1:])  # type: ignore[union-attr]


@ALL
def test_every_error_has_a_status_that_fits_its_branch(cls: type[CareVoiceError]) -> None:
    status = status_of(made(cls))

    assert (
        (400 <= status < 500) if issubclass(cls, RequestError) else (status in (404, 409, 422, 500, 502, 503, 504, 507))
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UnknownModel(model="x"), 404),
        (errors.BodyTooLarge(limit_bytes=1), 413),
        (errors.MediaTooLong(limit_s=1), 413),
        (errors.MediaCrashedDecoder(), 422),
        (service_errors.WindowQuarantined(kills=3), 422),
        (errors.InvalidParameter(param="p", why="w"), 400),
        (service_errors.WorkerFailed(why="w"), 500),
        (errors.ModelInUse(name="n"), 409),
        (errors.ModelBusy(name="n", why="w"), 409),
        (model_errors.UnknownCatalogueModel(name="n", known="k"), 404),
        (model_errors.ModelNotInstalled(name="n"), 404),
        (service_errors.NotReady(why="w"), 503),
        (model_errors.ModelDamaged(name="n", why="w"), 503),
        (errors.SettingsInvalid(name="n", why="w"), 500),
        (service_errors.RemoteUnavailable(why="w", retry_after_s=7), 503),
        (service_errors.RemoteMisconfigured(why="w"), 502),
        (service_errors.RemoteRefused(why="w"), 422),
    ],
    ids=lambda value: value.code if isinstance(value, CareVoiceError) else str(value),
)
def test_the_status_of_an_error_is_the_one_in_the_documentation(error: CareVoiceError, status: int) -> None:
    assert status_of(error) == status


@ALL
def test_both_shapes_of_an_answer_have_all_their_keys(cls: type[CareVoiceError]) -> None:
    error = made(cls)
    body = openai_body(error)["error"]

    assert isinstance(body, dict)
    assert set(body) == {"message", "type", "param", "code"}
    assert body["type"] == ("invalid_request_error" if status_of(error) < 500 else "server_error")
    assert set(problem_body(error)) == {"type", "title", "status", "detail", "code", "hint", "param", "request_id"}


def test_only_a_503_tells_when_to_try_again() -> None:
    assert headers_of(service_errors.Overloaded(retry_after_s=11)) == {"Retry-After": "11"}
    assert headers_of(service_errors.NotReady(why="w")) == {"Retry-After": "5"}
    assert headers_of(errors.EmptyFile()) == {}
    assert headers_of(model_errors.ModelNotInstalled(name="n")) == {}
    assert headers_of(model_errors.ModelNotInstalled(name="n"), 503) == {"Retry-After": "5"}
