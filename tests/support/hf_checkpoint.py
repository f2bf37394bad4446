"""Write a tiny Whisper checkpoint as transformers saves one: `python hf_checkpoint.py DIRECTORY TOKENIZER_JSON`.

A process of its own, because transformers and torch warn while they are imported.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(directory: Path, tokenizer: Path) -> None:
    import torch  # noqa: PLC0415 - an optional extra
    from transformers import (  # noqa: PLC0415
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizerFast,
    )

    torch.manual_seed(0)
    layers = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    sizes = {"d_model": 64, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "vocab_size": 51865}
    model = WhisperForConditionalGeneration(WhisperConfig(**layers, **sizes))
    model.save_pretrained(directory)
    WhisperTokenizerFast(tokenizer_file=str(tokenizer)).save_pretrained(directory)
    WhisperFeatureExtractor().save_pretrained(directory)
    torch.save(model.state_dict(), directory / "weights.pickled")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
