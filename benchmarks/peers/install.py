"""Install the peers, each in an environment of its own under data/peers, and convert the weights for them.

    .venv/bin/python benchmarks/peers/install.py [--model base] [PEER ...]

What is there already is kept; a changed list of requirements installs anew. `whisper_cpp` is the wheel of the package
index, `whisper_cpp_native` the same release compiled here for this processor.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from care_voice.models.build import build_puller
from care_voice.models.settings import ModelSettings

PROJECT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
TARGET = PROJECT / "data" / "peers"
PEERS = {
    "faster_whisper": [],
    "whisper_cpp": [],
    "whisper_cpp_native": ["--no-binary", "pywhispercpp"],
    "openai_whisper": [],
}
"""Name -> further arguments of pip."""


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment."""
    return TARGET / peer / "bin" / "python"


def weights_for(peer: str, model: str) -> Path:
    """What a peer loads."""
    if peer == "faster_whisper":
        return PROJECT / "data" / "models" / "views" / model
    suffix = "pt" if peer == "openai_whisper" else "q8_0.bin"
    return TARGET / "weights" / f"{model}.{suffix}"


def install(peer: str) -> None:
    """Make the environment, unless it holds what is asked for."""
    requirements = HERE / "requirements" / f"{peer.removesuffix('_native')}.txt"
    done = TARGET / peer / "installed.txt"
    if done.is_file() and done.read_text(encoding="utf-8") == requirements.read_text(encoding="utf-8"):
        return
    print(f"installing {peer}", file=sys.stderr)
    shutil.rmtree(TARGET / peer, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", TARGET / peer], check=True)
    subprocess.run([python_of(peer), "-m", "pip", "install", "-q", *PEERS[peer], "-r", requirements], check=True)
    shutil.copyfile(requirements, done)


def convert(peer: str, model: str) -> None:
    """Write the peer's weights, unless they are there."""
    target, source = weights_for(peer, model), weights_for("faster_whisper", model)
    if target.exists():
        return
    print(f"converting {model} for {peer}", file=sys.stderr)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    if peer == "openai_whisper":
        _convert_for_openai(source, partial)
    else:
        _run(sys.executable, "to_ggml.py", source, partial)
    partial.rename(target)


def _convert_for_openai(source: Path, target: Path) -> None:
    """In two steps: only one of the environments has torch, only the other can read the weights."""
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        state = Path(directory) / "state.npz"
        _run(sys.executable, "weights.py", source, state)
        _run(python_of("openai_whisper"), "to_openai.py", state, target)


def _run(python: str | Path, script: str, *arguments: Path) -> None:
    subprocess.run([python, HERE / script, *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--model", default="base")
    arguments = parser.parse_args()
    build_puller(ModelSettings(PROJECT / "data" / "models")).pull(arguments.model)
    for peer in arguments.peers or PEERS:
        install(peer)
        convert(peer, arguments.model)


if __name__ == "__main__":
    main()
