"""A signed model for the tests of signatures, and the library's own way to sign and verify, to compare with."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from model_signing import hashing, signing, verifying

from care_voice.domain.model_errors import SignatureInvalid
from care_voice.models.signature_policy import Policy
from care_voice.models.signatures import SignatureSettings, SignatureVerifier, Signed, sign_with_key
from support.authority import new_key, write_private, write_public

FILES = {"config.json": b'{"a": 1}\n', "model.bin": bytes(range(256)) * 40, "tokenizer.json": b"[]"}


class SignedModel:
    """The model `base` in a store, its signature by a key, and that key. All of it may be tampered with."""

    def __init__(self, directory: Path) -> None:
        key = new_key()
        self.directory = directory
        self.private = write_private(directory / "private.pem", key)
        self.public = write_public(directory / "public.pem", key)
        self.view = make_view(directory / "store", "base", FILES)
        self.signature = directory / "signatures" / "base.sig"
        sign_with_key(self.view, self.private, self.signature)

    def check(self, policy: Policy = "require") -> Signed:
        return trusting(self.public, policy=policy).check("base", self.view, self.signature)

    def refusal(self) -> str:
        """The message of the SignatureInvalid that a check ends in."""
        return refusal(trusting(self.public), self.view, self.signature)

    @property
    def bundle(self) -> Any:
        return json.loads(self.signature.read_bytes())

    @property
    def payload(self) -> Any:
        return json.loads(base64.b64decode(self.bundle["dsseEnvelope"]["payload"]))

    def rewrite(self, content: bytes | dict[str, Any]) -> None:
        """Put other bytes, or another bundle, in the place of the signature."""
        self.signature.chmod(0o644)
        self.signature.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())

    def sign_by_library(self, config: hashing.Config) -> None:
        """Sign as the library does, which leaves out and hashes what `config` says."""
        config_with_key = signing.Config().use_elliptic_key_signer(private_key=self.private)
        self.signature.unlink()
        config_with_key.set_hashing_config(config).sign(self.view, self.signature)

    def verify_by_library(self) -> None:
        verifying.Config().use_elliptic_key_verifier(public_key=self.public).verify(self.view, self.signature)


def make_view(store: Path, name: str, files: dict[str, bytes]) -> Path:
    """A view as the store makes it: hard links to blobs."""
    view, blobs = store / "views" / name, store / "blobs"
    for each in (view, blobs):
        each.mkdir(parents=True, exist_ok=True)
    for number, (file, content) in enumerate(files.items()):
        blob = blobs / f"{name}-{number}"
        blob.write_bytes(content)
        os.link(blob, view / file)
    return view


def trusting(*public_keys: Path, policy: Policy = "require") -> SignatureVerifier:
    return SignatureVerifier(SignatureSettings(policy, public_keys))


def refusal(verifier: SignatureVerifier, view: Path, signature: Path) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        verifier.check("base", view, signature)
    return caught.value.message


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def forbid_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("signatures are made and checked offline")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
