"""An installation with models of the operator's own, and a server that has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from care_voice.models.build import build_puller
from care_voice.models.catalogue import Catalogue
from care_voice.models.puller import Puller
from care_voice.models.sources.derivation import Convert
from support.faulty_server import FaultyServer, faulty_server
from support.stores import impatient, model_of, noise, on_hub, on_mirror

CONTENTS = {"config.json": b'{"a": 1}\n', "model.bin": noise(1, 200_000)}
OTHER = {**CONTENTS, "model.bin": noise(2, 200_000)}
SHIPPED = Catalogue((model_of("shipped", CONTENTS),))
WEIGHTS_AT = "/models/own/model.bin"


@contextmanager
def serving_models() -> Iterator[FaultyServer]:
    """The same files at addresses of their own, on the hub, and as the shipped model on a mirror."""
    paths = {name: (f"/models/own/{name}", on_hub(name), on_mirror("shipped", name)) for name in CONTENTS}
    with faulty_server({path: CONTENTS[name] for name, its in paths.items() for path in its}) as server:
        yield server


class Site:
    """An installation with a TOML file that can be written again."""

    def __init__(self, directory: Path, server: FaultyServer) -> None:
        self.settings = impatient(
            directory, sources=("directory", "mirror", "hub"), mirrors=(server.url,), hub_endpoint=server.url
        )
        directory.mkdir()

    def write(self, toml: str) -> None:
        """Say which own models there are."""
        self.settings.own_models_file.write_text(toml)

    def puller(self, convert: Convert | None = None) -> Puller:
        """A puller that has read the file as it is now."""
        return build_puller(self.settings, SHIPPED, convert=convert)


def by_urls(server: FaultyServer) -> str:
    """The entry of a model `own` by its addresses."""
    urls = ", ".join(f'"{server.url}/models/own/{name}"' for name in CONTENTS)
    return f"[models.own]\nurls = [{urls}]\n"


def in_directory(directory: Path, contents: Mapping[str, bytes]) -> str:
    """The entry of a model `own` in a directory, which gets these files."""
    directory.mkdir(exist_ok=True)
    for name, content in contents.items():
        (directory / name).write_bytes(content)
    return f'[models.own]\ndirectory = "{directory}"\n'
