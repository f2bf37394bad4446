"""A Whisper model that says the same to whatever it hears, in milliseconds, through all that a real one goes through.

Its residual branches are nil, so what it says next depends on the position alone: the position's encoding is the
direction of the token that is to come. Attention runs on random weights, and word times mean nothing.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tokenizers
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import visit_spec

SAYS = (
    " And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
    " Then the nurse wrote down that his blood pressure was higher than last week, that he had slept badly,"
    " and that the doctor should look at the swollen ankle before the weekend."
)
WIDTH, MELS, FRAMES, POSITIONS = 64, 80, 1500, 448
_PROMPT = 4
"""Tokens before the first one that is said, when there is no earlier text."""
_LOUD = 8.0
"""Length of a position's encoding over that of a token: what was said before must not change what comes."""

Weights = npt.NDArray[np.float32]


def save_parrot(directory: Path, like: Path) -> Path:
    """Save the model, with tokenizer and vocabulary of the model in the directory `like`; return its directory."""
    tokenizer = tokenizers.Tokenizer.from_file(str(like / "tokenizer.json"))
    says = [*tokenizer.encode(SAYS, add_special_tokens=False).ids, tokenizer.token_to_id("<|endoftext|>")]
    words = (like / "vocabulary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    spec = WhisperSpec(1, 2, 1, 2)
    values = _values(spec, says, len(words))
    visit_spec(spec, lambda layer, name, _: _set(layer, name, values))
    spec.register_vocabulary(words)
    config = json.loads((like / "config.json").read_text(encoding="utf-8"))
    for name in ("lang_ids", "suppress_ids", "suppress_ids_begin"):
        setattr(spec.config, name, config[name])
    spec.config.alignment_heads = [(0, 0), (0, 1)]
    spec.validate()
    spec.optimize(quantization="float16")
    directory.mkdir(parents=True)
    spec.save(str(directory))
    shutil.copy(like / "tokenizer.json", directory)
    return directory


def save_parrot_store(folder: Path, like: Path) -> Path:
    """A store with the model `parrot`, as an operator adds a model of their own."""
    store = folder / "store"
    store.mkdir(parents=True)
    parrot = save_parrot(folder / "parrot", like)
    (store / "models.toml").write_text(f'[models.parrot]\ndirectory = "{parrot}"\n', encoding="utf-8")
    return store


def _set(layer: object, name: str, values: dict[str, Weights]) -> None:
    if name in values:
        setattr(layer, name.rpartition("/")[2], values[name])


def _values(spec: WhisperSpec, says: list[int], words: int) -> dict[str, Weights]:
    names: list[str] = []
    visit_spec(spec, lambda _, name, value: names.append(name) if value is None or _is_wanted(name) else None)
    random = np.random.default_rng(7)
    values = {name: _value(name, random) for name in names}
    tokens = np.zeros((words, WIDTH), np.float32)
    tokens[says] = 4 * random.choice(np.array([-1, 1], np.float32), (len(says), WIDTH)) / np.sqrt(WIDTH)
    places = np.tile(tokens[says[-1]], (POSITIONS, 1))
    places[: _PROMPT - 1] = 0
    places[_PROMPT - 1 : _PROMPT - 1 + len(says)] = tokens[says]
    values["decoder/embeddings/weight"] = values["decoder/projection/weight"] = tokens
    values["decoder/position_encodings/encodings"] = _LOUD * places
    return values


def _is_wanted(name: str) -> bool:
    return name.endswith(("bias", "/encodings")) and "projection" not in name


def _value(name: str, random: np.random.Generator) -> Weights:
    if name.endswith("gamma"):
        return np.ones(WIDTH, np.float32)
    if name.endswith(("beta", "bias")):
        return np.zeros(_outputs(name), np.float32)
    if _ends_a_branch(name):
        return np.zeros((WIDTH, WIDTH), np.float32)
    if "conv" in name:
        return random.standard_normal((WIDTH, MELS if "conv1" in name else WIDTH, 3), dtype=np.float32)
    rows = FRAMES if name.endswith("encodings") else _outputs(name)
    return random.standard_normal((rows, WIDTH), dtype=np.float32)


def _ends_a_branch(name: str) -> bool:
    return name.startswith("decoder") and name.endswith(
        ("self_attention/linear_1/weight", "/attention/linear_2/weight", "ffn/linear_1/weight")
    )


def _outputs(name: str) -> int:
    """Queries, keys and values are one matrix in self-attention; keys and values are one in cross-attention."""
    if "self_attention/linear_0" in name:
        return 3 * WIDTH
    return 2 * WIDTH if "/attention/linear_1" in name else WIDTH
