"""The file with the operator's own models: what it may say, and which entry is at fault when it may not."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.model_errors import CatalogueInvalid
from care_voice.models.catalogue import Catalogue, CatalogueModel, FileEntry
from care_voice.models.pins import Pin, with_pin
from care_voice.models.user_entries import read_user_entries
from support.stores import model_of

REVISION = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "a" * 64
SHIPPED = Catalogue((model_of("base", {"model.bin": b"weights"}),))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "models.toml"


def read(file: Path, toml: str) -> tuple[CatalogueModel, ...]:
    file.write_text(toml, encoding="utf-8")
    return read_user_entries(file, SHIPPED)


def test_no_file_means_no_models(file: Path) -> None:
    assert read_user_entries(file, SHIPPED) == ()
    assert read(file, "") == ()
    assert read(file, "[models]") == ()


def test_the_example_in_the_documentation_of_the_module_is_read(file: Path) -> None:
    from care_voice.models import user_entries  # noqa: PLC0415 - only its docstring is wanted

    example = (user_entries.__doc__ or "").partition("\n\n")[2].replace("d01c3014...", DIGEST)
    with pytest.raises(CatalogueInvalid, match="`mirrored`: digests must be given for all of its files"):
        read(file, example)
    whole = example + f'"config.json" = {{ size = 5, sha256 = "{DIGEST}" }}\n'
    visits, local, mirrored = read(file, whole)
    assert (visits.hub_repo, visits.revision, visits.files) == ("organisation/whisper-visits", REVISION, ())
    assert visits.wanted == ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")
    assert local.directory == "/srv/models/local"
    assert mirrored.urls == {
        "config.json": "https://models.example/a/config.json",
        "model.bin": "https://models.example/a/model.bin",
    }
    assert FileEntry("model.bin", 145_217_532, DIGEST) in mirrored.files


def test_what_is_not_said_has_a_value(file: Path) -> None:
    (model,) = read(file, '[models.own]\ndirectory = "/srv"')
    assert (model.languages, model.licence, model.note, model.format) == (
        "multilingual",
        "not stated",
        "",
        "CTranslate2",
    )
    assert model.memory_bytes == 0


def test_file_names_of_addresses_are_decoded_and_queries_are_no_part_of_them(file: Path) -> None:
    (model,) = read(file, '[models.own]\nurls = ["https://h/a%2Db/model%2Ebin?download=true#x"]')
    assert list(model.urls) == ["model.bin"]


DIRECTORY = 'directory = "/srv/own"'
WRONG = {
    "no origin": ("", "exactly one of"),
    "two origins": (f'{DIRECTORY}\nhub = "a/b"\nrevision = "{REVISION}"', "exactly one of"),
    "no revision": ('hub = "a/b"', "needs a revision"),
    "a branch": ('hub = "a/b"\nrevision = "main"', "revision"),
    "a short commit": ('hub = "a/b"\nrevision = "0123456"', "revision"),
    "a revision of nothing": (f'{DIRECTORY}\nrevision = "{REVISION}"', "nothing else has one"),
    "a repository that is a path": (f'hub = "../b"\nrevision = "{REVISION}"', "hub"),
    "a repository with a host": (f'hub = "https://h/a/b"\nrevision = "{REVISION}"', "hub"),
    "a number": ("hub = 5", "hub"),
    "an unknown field": (f"{DIRECTORY}\nsize = 5", "size"),
    "an unknown language": (f'{DIRECTORY}\nlanguages = "klingon"', "klingon"),
    "a relative directory": ('directory = "models/own"', "absolute"),
    "an empty directory": ('directory = ""', "absolute"),
    "a directory with a null": ('directory = "/srv/\\u0000"', "absolute"),
    "no address": ('urls = ["model.bin"]', "not an http or https"),
    "a file address": ('urls = ["file:///etc/passwd"]', "not an http or https"),
    "no host": ('urls = ["https:///model.bin"]', "not an http or https"),
    "half an address": ('urls = ["http://[::1/model.bin"]', "IPv6"),
    "no such port": ('urls = ["http://h:99999/model.bin"]', "[Pp]ort"),
    "a password": ('urls = ["https://user:secret@h/model.bin"]', "password"),
    "an address that climbs": ('urls = ["https://h/%2e%2e%2fmodel.bin"]', "no name"),
    "an address of a directory": ('urls = ["https://h/models/"]', "no name"),
    "the same file twice": ('urls = ["https://h/a/model.bin", "https://h/b/model.bin"]', "same file name"),
    "files beside addresses": ('urls = ["https://h/model.bin"]\nfiles = ["model.bin"]', "leave out files"),
    "a file twice": (f'{DIRECTORY}\nfiles = ["model.bin", "model.bin"]', "twice"),
    "a file that climbs": (f'{DIRECTORY}\nfiles = ["../model.bin"]', "files"),
    "a file that is a path": (f'{DIRECTORY}\nfiles = ["a/model.bin"]', "files"),
    "a hidden file": (f'{DIRECTORY}\nfiles = [".git"]', "files"),
    "a file with a very long name": (f'{DIRECTORY}\nfiles = ["{"m" * 129}"]', "files"),
    "half of the digests": (
        f"""{DIRECTORY}
        files = ["config.json", "model.bin"]
        digests = {{ "model.bin" = {{ size = 5, sha256 = "{DIGEST}" }} }}""",
        "all of its files or for none",
    ),
    "a digest that is none": (f'{DIRECTORY}\ndigests = {{ "model.bin" = {{ size = 5, sha256 = "abc" }} }}', "sha256"),
    "a digest in capitals": (
        f'{DIRECTORY}\ndigests = {{ "model.bin" = {{ size = 5, sha256 = "{"A" * 64}" }} }}',
        "sha256",
    ),
    "an empty file": (f'{DIRECTORY}\ndigests = {{ "model.bin" = {{ size = 0, sha256 = "{DIGEST}" }} }}', "size"),
    "a digest of a path": (f'{DIRECTORY}\ndigests = {{ "../x" = {{ size = 5, sha256 = "{DIGEST}" }} }}', "digests"),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_entry_that_is_wrong_is_named_with_the_reason(file: Path, case: str) -> None:
    entry, why = WRONG[case]
    with pytest.raises(CatalogueInvalid, match=rf"models\.toml, is not valid: `wrong`: .*{why}"):
        read(file, f"[models.right]\n{DIRECTORY}\n[models.wrong]\n{entry}\n")


@pytest.mark.parametrize("name", ["../own", "a/b", ".hidden", "-rf", "", "m" * 129, "模型", "a b", "own\\n"])
def test_a_name_that_could_be_a_path_or_an_option_is_refused(file: Path, name: str) -> None:
    with pytest.raises(CatalogueInvalid, match="is no name"):
        read(file, f'[models."{name}"]\n{DIRECTORY}\n')


def test_a_shipped_model_cannot_be_shadowed(file: Path) -> None:
    with pytest.raises(CatalogueInvalid, match="`base`: this is the name of a model that Care Voice knows"):
        read(file, f"[models.base]\n{DIRECTORY}\n")


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("[models.own", "end of document"),
        ("models = 3", "models"),
        ("[models]\nown = 3", "`own`"),
        ("[other]\nx = 1", "other"),
        ("a = " + "[" * 5000, "nested too deeply"),
        (f"[models.own]\n{DIRECTORY}\n[models.own]\n{DIRECTORY}\n", "own"),
    ],
)
def test_what_is_no_such_file_is_refused(file: Path, toml: str, why: str) -> None:
    with pytest.raises(CatalogueInvalid, match=why):
        read(file, toml)


def test_what_cannot_be_read_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(CatalogueInvalid, match="codec"):
        read_user_entries(file, SHIPPED)
    file.unlink()
    file.mkdir()
    with pytest.raises(CatalogueInvalid, match="directory"):
        read_user_entries(file, SHIPPED)


@given(st.text(max_size=200))
def test_no_text_at_all_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(text.encode("utf-8", "replace"))
    with suppress(CatalogueInvalid):
        read_user_entries(file, SHIPPED)


def test_recorded_digests_belong_to_one_origin(file: Path) -> None:
    (entry,) = read(file, f"[models.own]\n{DIRECTORY}\n")
    recorded = FileEntry("model.bin", 5, DIGEST)
    (elsewhere,) = read(file, '[models.own]\ndirectory = "/srv/elsewhere"\n')
    pin = Pin(model_of("own", {"model.bin": b"x"}, repo=None), "", "", "")
    assert with_pin(entry, None).files == ()
    assert with_pin(entry, pin).files == ()
    (digests,) = read(
        file, f'[models.own]\n{DIRECTORY}\ndigests = {{ "model.bin" = {{ size = 5, sha256 = "{DIGEST}" }} }}'
    )
    same = Pin(digests, "", "", "")
    assert with_pin(entry, same).files == (recorded,)
    assert with_pin(elsewhere, same).files == ()
