"""The catalogue that ships is complete and consistent, and nothing malformed can be read as one."""

from __future__ import annotations

import msgspec
import pytest

from care_voice.domain.model_errors import UnknownCatalogueModel
from care_voice.models.catalogue import Catalogue, CatalogueModel, memory_of_graphs

NAMES = ["tiny", "tiny.en", "base", "small", "medium", "large-v3", "large-v3-turbo"]
VOCABULARIES = {"vocabulary.txt", "vocabulary.json"}
shipped = Catalogue.load()


def test_the_models_are_there() -> None:
    assert [model.name for model in shipped.models] == NAMES


@pytest.mark.parametrize("model", shipped.models, ids=lambda model: model.name)
def test_every_model_has_what_an_engine_needs(model: CatalogueModel) -> None:
    names = [entry.name for entry in model.files]
    assert len(names) == len(set(names))
    assert {"config.json", "model.bin", "tokenizer.json"} < set(names)
    assert VOCABULARIES & set(names)
    assert all((model.note, model.licence, model.format))


@pytest.mark.parametrize("model", shipped.models, ids=lambda model: model.name)
def test_small_files_come_first_so_that_a_bad_source_shows_early(model: CatalogueModel) -> None:
    assert list(model.files) == sorted(model.files, key=lambda entry: entry.size)


def test_shared_files_are_merged_in_and_are_the_same_everywhere() -> None:
    multilingual = [shipped.get(name) for name in ("tiny", "base", "small", "medium")]
    for shared in ("tokenizer.json", "vocabulary.txt"):
        entries = {entry for model in multilingual for entry in model.files if entry.name == shared}
        assert len(entries) == 1
        assert entries.isdisjoint(shipped.get("tiny.en").files)


def test_one_digest_never_stands_for_two_sizes() -> None:
    pairs = {(entry.sha256, entry.size) for model in shipped.models for entry in model.files}
    assert len({digest for digest, _ in pairs}) == len(pairs)


def test_carriers_hold_every_file_of_their_model_and_no_other() -> None:
    with_carriers = [model for model in shipped.models if model.carriers]
    assert [model.name for model in with_carriers] == ["tiny.en", "base"]
    for model in with_carriers:
        held = {name for carrier in model.carriers for name in carrier.members}
        assert held == {entry.name for entry in model.files}


def test_parts_of_one_file_are_listed_in_the_order_of_joining() -> None:
    members = [carrier.members["model.bin"][0] for carrier in shipped.get("base").carriers]
    assert [member.rpartition(".")[2] for member in members] == ["part1", "part2"]


def test_the_memory_estimate_covers_what_was_measured() -> None:
    assert 334e6 < shipped.get("base").memory_bytes < 400e6
    assert 261e6 < shipped.get("tiny.en").memory_bytes < 300e6
    # Graphs of base, with all ten windows that a worker takes.
    assert 1287e6 < memory_of_graphs(80_828_056) < 1350e6


def test_an_unknown_model_is_told_what_is_known() -> None:
    with pytest.raises(UnknownCatalogueModel, match=r"'whisper-9'.*tiny\.en, base") as caught:
        shipped.get("whisper-9")
    assert "models list" in caught.value.advice


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../escape"),
        ("name", "-option"),
        ("name", "trailing\n"),
        ("revision", "main"),
        ("hub_repo", "no-owner"),
        ("languages", "klingon"),
        ("files", [{"name": "a/b", "size": 1, "sha256": "0" * 64}]),
        ("files", [{"name": "a", "size": 0, "sha256": "0" * 64}]),
        ("files", [{"name": "a", "size": 1, "sha256": "A" * 64}]),
        ("carriers", [{"package": "--index-url", "version": "1", "members": {}}]),
    ],
)
def test_a_malformed_entry_is_not_read(field: str, value: object) -> None:
    model = {**msgspec.to_builtins(shipped.get("tiny")), field: value}
    with pytest.raises(msgspec.ValidationError):
        Catalogue.parse(msgspec.json.encode({"models": [model]}))
