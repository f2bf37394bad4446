"""A Hugging Face Whisper checkpoint becomes a CTranslate2 model: local files only, and no code from the checkpoint."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ctranslate2.converters import TransformersConverter

from care_voice.domain.languages import LANGUAGES
from care_voice.domain.model_errors import ConversionFailed
from care_voice.engine.backends.quantize import TOOL, Precision, make_empty, quantize

_MAX_CONFIG_BYTES = 16 << 20
_COPIED = ("tokenizer.json", "preprocessor_config.json")
_READ = ("*.json", "*.txt", "*.safetensors", "pytorch_model*.bin")
_NOT_READ = ("adapter_config.json",)
"""Names another model, which would be loaded in place of this one."""


class _LocalConverter(TransformersConverter):  # type: ignore[misc] # the library has no types
    """Unpickles nothing but tensors, and asks no server for what is missing."""

    tokenizer: Any = None

    def load_model(self, model_class: Any, model_name_or_path: str, **options: Any) -> Any:
        safe = any(Path(model_name_or_path).glob("*.safetensors"))
        return model_class.from_pretrained(
            model_name_or_path, local_files_only=True, use_safetensors=safe, weights_only=True, **options
        )

    def load_tokenizer(self, tokenizer_class: Any, model_name_or_path: str, **options: Any) -> Any:
        self.tokenizer = tokenizer_class.from_pretrained(
            model_name_or_path, local_files_only=True, trust_remote_code=False, **options
        )
        if not getattr(self.tokenizer, "additional_special_tokens", None):
            # CTranslate2 finds the languages here where generation_config.json has none; transformers 5 dropped it.
            known = self.tokenizer.get_vocab()
            languages = {f"<|{code}|>" for code in LANGUAGES} & known.keys()
            self.tokenizer.additional_special_tokens = sorted(languages, key=lambda token: int(known[token]))
        return self.tokenizer


def convert_checkpoint(source: Path, target: Path, to: Precision) -> str:
    """Convert the checkpoint in `source` into a complete model directory; return the tools' names and versions.

    Args:
        source: A directory as `save_pretrained` writes it: configuration, weights, tokenizer, feature extractor.
        target: A directory that is empty or does not exist. After an error it may hold a part of the model.
        to: What the weights become; with int8 the rest keeps the checkpoint's float type.

    Raises:
        ConversionFailed: transformers or torch is not installed, or the source is not a Whisper checkpoint.
        Exception: What those libraries raise about a damaged checkpoint, or an OSError.
    """
    versions = ", ".join(f"{name} {_library(name, source.name).__version__}" for name in ("transformers", "torch"))
    config = _checked_config(source)
    make_empty(target, source.name)
    with TemporaryDirectory(dir=target, prefix=".") as scratch:
        for path in sorted(_converted(source, Path(scratch), config, to).iterdir()):
            path.rename(target / path.name)
    return f"{TOOL}, {versions}"


def _converted(source: Path, scratch: Path, config: Mapping[str, object], to: Precision) -> Path:
    """The finished directory below `scratch`. The converter would quantise convolutions too: int8 is a second step."""
    read, made = _linked(source, scratch / "read"), scratch / "float"
    copied = [name for name in _COPIED if (read / name).is_file()]
    converter = _LocalConverter(str(read), copy_files=copied, trust_remote_code=False)
    converter.convert(str(made), quantization=_float_type(config) if to.startswith("int8") else to)
    if "tokenizer.json" not in copied:
        converter.tokenizer.backend_tokenizer.save(str(made / "tokenizer.json"))
    if not to.startswith("int8"):
        return made
    quantize(made, scratch / "quantized", to)
    return scratch / "quantized"


def _linked(source: Path, place: Path) -> Path:
    """Links to what has to be read and to nothing else: transformers 4 runs a custom_generate/generate.py it finds."""
    place.mkdir()
    for path in {path for pattern in _READ for path in source.glob(pattern) if path.name not in _NOT_READ}:
        (place / path.name).symlink_to(path.resolve())
    return place


def _float_type(config: Mapping[str, object]) -> str:
    """What holds the checkpoint's values exactly."""
    return "float16" if config.get("dtype", config.get("torch_dtype")) == "float16" else "float32"


def _library(name: str, model: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        why = f"{name} is not installed; run `pip install 'care-voice[convert]'`"
        raise ConversionFailed(name=model, why=why) from error


def _checked_config(source: Path) -> dict[str, object]:
    """The configuration of a Whisper checkpoint that needs no code of its own. Raises ConversionFailed."""
    configs = {path.name: _read_config(path) for path in sorted(source.glob("*config.json"))}
    if configs.get("config.json", {}).get("model_type") != "whisper":
        raise ConversionFailed(name=source.name, why=f"{source} does not hold a Whisper checkpoint with a config.json")
    for name, config in configs.items():
        if "auto_map" in config:
            raise ConversionFailed(name=source.name, why=f"{name} asks for code of its own, which is never run")
    return configs["config.json"]


def _read_config(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            config = json.loads(file.read(_MAX_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise ConversionFailed(name=path.parent.name, why=f"{path.name} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise ConversionFailed(name=path.parent.name, why=f"{path.name} is not a JSON object")
    return config
