"""The edge to the library of OpenSSF Model Signing: what it raises is mapped here and nowhere else.

Its verifiers are used without the function around them (`verifying.Config.verify`). That one leaves out files which the
signature tells it to leave out, hashes in the way that the signature asks for, and reads every file by itself again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from model_signing import hashing
from model_signing._signing.sign_certificate import Signer as CertificateSigner
from model_signing._signing.sign_certificate import Verifier as CertificateVerifier
from model_signing._signing.sign_ec_key import Signer as KeySigner
from model_signing._signing.sign_ec_key import Verifier as KeyVerifier
from model_signing._signing.sign_sigstore_pb import Signature
from model_signing._signing.signing import Payload
from model_signing.manifest import Manifest

from care_voice.domain.model_errors import SignatureInvalid, SignatureProblem, SigningFailed
from care_voice.models.signature_trust import Trust, judge_chain, may_sign, signs_models

Digests = Mapping[str, str]
"""The SHA-256 of each file, by its name below the model's directory."""


@dataclass(frozen=True)
class Statement:
    """What a trusted signer said: these files, with these digests."""

    digests: Digests
    signer: str
    expires_at: datetime | None


def digests_of(view: Path) -> Digests:
    """Hash every file of a directory. Raises OSError, and ValueError for anything but files in it, or none at all."""
    return _digests_in(_manifest_of(view))


def authenticate(name: str, raw: bytes, trust: Trust, now: datetime) -> Statement:
    """Return what the signature in `raw` says about the model `name`.

    Raises:
        SignatureInvalid: It is malformed, altered, or nobody's who is trusted.
        SignatureExpired: A certificate that it leans on has expired.
    """
    with _mapped(name):
        signature = Signature.read(_held(raw))
        material = signature.bundle.verification_material
        if material.public_key is not None:
            return _by_key(name, signature, material.public_key.hint or "", trust)
        if material.x509_certificate_chain is not None:
            chain = [each.raw_bytes for each in material.x509_certificate_chain.certificates]
            return _by_certificate(name, signature, chain, trust, now)
    raise SignatureInvalid(name=name, why="it was made neither with a key nor with a chain of certificates")


def sign_with_key(view: Path, private_key: Path, password: str | None) -> bytes:
    """Return a signature by an EC private key. Raises SigningFailed."""
    with _signing(view):
        return _sign(view, KeySigner(_held(_private_key(private_key, password))))


def sign_with_certificate(
    view: Path,
    private_key: Path,
    certificate: Path,
    chain: Sequence[Path],
    password: str | None,
) -> bytes:
    """Return a signature by a certificate's private key, with the certificates in it. Raises SigningFailed."""
    with _signing(view):
        key = _private_key(private_key, password)
        leaf = _certificates(certificate)[0]
        if not may_sign(leaf):
            raise ValueError(f"{certificate} was not issued for signing files")
        # The library cannot read an empty chain, and the signer's own certificate in it does no harm.
        others = [each for path in chain for each in _certificates(path)] or [leaf]
        return _sign(view, CertificateSigner(_held(key), _held(_pem(leaf)), [_held(_pem(*others))]))


def _by_key(name: str, signature: Signature, hint: str, trust: Trust) -> Statement:
    key = trust.keys.get(hint)
    if key is None:
        raise SignatureInvalid(name=name, why="it was made with a key that is not trusted here")
    manifest = KeyVerifier(_held(key.pem)).verify(signature)
    return Statement(_signed_digests(name, manifest), key.fingerprint, None)


def _by_certificate(name: str, signature: Signature, chain: list[bytes], trust: Trust, now: datetime) -> Statement:
    if not trust.roots:
        raise SignatureInvalid(name=name, why="it was made with a certificate, and none are trusted here")
    judged = judge_chain(name, [x509.load_der_x509_certificate(each) for each in chain], trust.roots, now)
    # The library judges the chain too, but at the moment when the signer's certificate began to be valid.
    manifest = CertificateVerifier([_held(_pem(*trust.roots))]).verify(signature)
    return Statement(_signed_digests(name, manifest), judged.subject, judged.expires_at)


def _signed_digests(name: str, manifest: Manifest) -> Digests:
    how = manifest.serialization_type
    if (how["method"], how["hash_type"]) != ("files", "sha256"):
        raise SignatureInvalid(name=name, why="it does not cover whole files by their SHA-256")
    return _digests_in(manifest)


def _digests_in(manifest: Manifest) -> Digests:
    return {each.identifier: each.digest.digest_hex for each in manifest.resource_descriptors()}


def _manifest_of(view: Path) -> Manifest:
    _refuse_all_but_files(view)
    config = hashing.Config()  # type: ignore[no-untyped-call] # the library leaves its constructors without types
    manifest = config.set_ignored_paths(paths=(), ignore_git_paths=False).hash(view)
    if not _digests_in(manifest):
        raise ValueError(f"{view} has no files in it")
    return manifest


def _refuse_all_but_files(view: Path) -> None:
    """Models are flat. The library would follow directories to any depth, and pass over those that it cannot list."""
    if view.is_symlink() or not view.is_dir():
        raise ValueError(f"{view} is not a directory")
    others = sorted(path.name for path in view.iterdir() if path.is_symlink() or not path.is_file())
    if others:
        raise ValueError(f"{others[0]!r} is not a file but a link, a directory or a device")


def _sign(view: Path, signer: KeySigner) -> bytes:
    signature = cast("Signature", signer.sign(Payload(_manifest_of(view))))
    return signature.bundle.to_json().encode()


def _private_key(path: Path, password: str | None) -> bytes:
    """The key in PEM form without its encryption, for memory only: one of the library's signers takes no password."""
    content = path.read_bytes()
    try:
        key = load_pem_private_key(content, password.encode() if password else None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"the private key {path} cannot be used: {error}") from error
    if not signs_models(key.public_key()):
        raise ValueError(f"the private key {path} is not an EC key on P-256, P-384 or P-521")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} holds no certificates in PEM form") from error


def _pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


@contextlib.contextmanager
def _mapped(name: str) -> Iterator[None]:
    """Make a refusal of whatever the library trips over."""
    try:
        yield
    except SignatureProblem:
        raise
    except InvalidSignature as error:
        why = "it does not fit what it signs: one of the two was altered"
        raise SignatureInvalid(name=name, why=why) from error
    except Exception as error:
        # Anybody may have written the file, and the library takes its shape for granted while it walks through it.
        why = f"it is malformed ({type(error).__name__})"
        raise SignatureInvalid(name=name, why=why) from error


@contextlib.contextmanager
def _signing(view: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SigningFailed(view=view, why=f"a file cannot be read: {error}") from error
    except ValueError as error:
        raise SigningFailed(view=view, why=str(error)) from error


@dataclass(frozen=True)
class _Held:
    """Bytes in the place of a path: the library reads what was judged, not what a file holds a moment later."""

    content: bytes

    def read_bytes(self) -> bytes:
        return self.content

    def read_text(self, encoding: str) -> str:
        return self.content.decode(encoding)


def _held(content: bytes) -> Path:
    return cast("Path", _Held(content))
