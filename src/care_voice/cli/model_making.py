"""`care-voice models quantize`, `convert` and `sign`: models that are made here, and who vouches for them."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from care_voice.cli.common import errors_explained
from care_voice.cli.model_store import model_settings, puller_of
from care_voice.cli.progress_shown import progress_shown
from care_voice.domain.model_errors import ModelNotInstalled
from care_voice.models.catalogue import CatalogueModel, Precision, Quantization
from care_voice.models.files import mapped_errors
from care_voice.models.signatures import sign_with_certificate, sign_with_key

Name = Annotated[str, typer.Argument(help="Name of a model, as in `care-voice models list`.")]
PASSWORD_VARIABLE = "CARE_VOICE_SIGNING_PASSWORD"  # noqa: S105 - the name of a variable


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(quantize)
    app.command()(convert)
    app.command()(sign)


def quantize(
    name: Name,
    to: Annotated[
        Quantization,
        typer.Option(help="int8 takes half the disk of float16; onnx-int8 is faster where the processor has VNNI."),
    ],
) -> None:
    """Store a smaller copy of a model as a model of its own, called NAME-TO. The same model and tool give the same
    bytes, so it is verified like any other, and made again when it is damaged."""
    with errors_explained(), progress_shown() as progress:
        pulled = puller_of(model_settings()).derive(name, to, progress)
    typer.echo(f"{name}-{to}: made from {name}, verified, in {pulled.view}")


def convert(
    checkpoint: Annotated[
        Path, typer.Argument(help="Directory with a Whisper checkpoint of Hugging Face transformers.")
    ],
    name: Annotated[str, typer.Argument(help="What to call the model.")],
    to: Annotated[Precision, typer.Option(help="Arithmetic of the weights.")] = "float16",
    note: Annotated[str, typer.Option(help="What it is good for, for the list.")] = "",
    licence: Annotated[str, typer.Option(help="Under which terms it may be used.")] = "not stated",
    english: Annotated[bool, typer.Option("--english", help="It knows English only.")] = False,
) -> None:
    """Convert a fine-tuned checkpoint into a model of your own. Needs the extra 'convert' (transformers and torch)."""
    from care_voice.supervisor.conversion import CONVERSION_TIMEOUT_S, run_conversion  # noqa: PLC0415

    with errors_explained(), progress_shown() as progress:
        settings = model_settings()
        puller = puller_of(settings)
        with mapped_errors(settings.directory):
            puller.store.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        # In `incoming`, so that what a killed conversion leaves is collected like any interrupted pull.
        with TemporaryDirectory(dir=puller.store.incoming) as place:
            made = Path(place) / "made"
            run_conversion("transformers", checkpoint, made, to, cancelled=bool, timeout_s=CONVERSION_TIMEOUT_S)
            model = CatalogueModel(
                name=name,
                languages="english" if english else "multilingual",
                note=note,
                licence=licence,
                format=f"CTranslate2 {to}",
                files=(),
            )
            pulled = puller.adopt(model, made, progress)
    typer.echo(f"{name}: converted, its digests are recorded, in {pulled.view}")


def sign(
    name: Name,
    key: Annotated[Path, typer.Option(help="Your EC private key, PEM.")],
    certificate: Annotated[Path | None, typer.Option(help="The certificate of the key, PEM.")] = None,
    chain: Annotated[list[Path] | None, typer.Option(help="Certificates between it and the root, PEM.")] = None,
) -> None:
    """Verify an installed model, then sign it in the format of OpenSSF Model Signing. The signature is kept in the
    store, goes along into backups and bundles, and can be served beside the model as model.sig.

    An encrypted key takes its password from the variable CARE_VOICE_SIGNING_PASSWORD, else it is asked for.
    """
    with errors_explained(), progress_shown() as progress:
        puller = puller_of(model_settings())
        store = puller.store
        if name not in store.manifest_names():
            raise ModelNotInstalled(name=name)
        view, target = store.verify(name, progress).require().view, store.signature_path(name)
        if certificate is None:
            sign_with_key(view, key, target, _password(key))
        else:
            sign_with_certificate(view, key, certificate, chain or [], target, password=_password(key))
        # The policy of this installation must accept what was signed here, an expired certificate for example not.
        puller.gate.check(name)
    typer.echo(f"{name}: signed, in {target}")


def _password(key: Path) -> str | None:
    try:
        encrypted = b"ENCRYPTED" in key.read_bytes()
    except OSError:
        return None
    if not encrypted:
        return None
    return os.environ.get(PASSWORD_VARIABLE) or typer.prompt("Password of the key", hide_input=True, err=True)
