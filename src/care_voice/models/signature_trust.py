"""What the operator trusts: public keys and root certificates, read from files, and the judgement of chains of them.

Certificates are judged at the time of the check. Offline nobody can prove when a signature was made, so one made with
a key that was stolen after its certificate expired looks like one made in time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cryptography.x509.extensions import ExtensionTypeVar
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from care_voice.domain.errors import SettingsInvalid
from care_voice.domain.model_errors import SignatureExpired, SignatureInvalid

T = TypeVar("T")

_KEYS_SETTING = "CARE_VOICE_MODELS__SIGNATURES__PUBLIC_KEYS"
_CERTIFICATES_SETTING = "CARE_VOICE_MODELS__SIGNATURES__CERTIFICATES"
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_EXPIRED, _NOT_YET_VALID = 10, 9
"""Codes of X509_verify_cert; OpenSSL's Python binding does not name them."""

_SUBJECT_LENGTH = 120
_FINGERPRINT_DIGITS = 16


@dataclass(frozen=True)
class TrustedKey:
    """A public key, as PEM and by the start of the SHA-256 of its DER form."""

    pem: bytes
    fingerprint: str


@dataclass(frozen=True)
class Trust:
    """Everything that is trusted. Keys are found by the SHA-256 of their PEM form, which signatures name them by."""

    keys: Mapping[str, TrustedKey]
    roots: tuple[x509.Certificate, ...]


@dataclass(frozen=True)
class Chain:
    """A certificate that leads to a trusted root: whose it is, and when the first of them all expires."""

    subject: str
    expires_at: datetime


def load_trust(public_keys: Sequence[Path], certificates: Sequence[Path]) -> Trust:
    """Read trusted keys and certificates. Raises SettingsInvalid, naming the setting and the file."""
    keys = [_read(_KEYS_SETTING, path, _public_key) for path in public_keys]
    roots = [_read(_CERTIFICATES_SETTING, path, x509.load_pem_x509_certificates) for path in certificates]
    return Trust(dict(keys), tuple(certificate for found in roots for certificate in found))


def signs_models(key: object) -> bool:
    """Whether a public key is of a kind that models can be signed with."""
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether a certificate was issued for signatures on files.

    It must say so, and nothing in it may say otherwise: the certificate of a web server is good for signatures too,
    but only for those of the TLS handshake.
    """
    usage = _extension(certificate, x509.KeyUsage)
    extended = _extension(certificate, x509.ExtendedKeyUsage)
    allowed = usage is None or usage.digital_signature
    fitting = extended is None or ExtendedKeyUsageOID.CODE_SIGNING in extended
    return allowed and fitting and not (usage is None and extended is None)


def judge_chain(
    name: str,
    certificates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
) -> Chain:
    """Follow a signature's certificates, the signer's first, to a trusted root, all of them valid now.

    Raises SignatureExpired, SignatureInvalid.
    """
    leaf, *others = (crypto.X509.from_cryptography(each) for each in certificates)
    try:
        chain = crypto.X509StoreContext(_store(roots, now), leaf, others).get_verified_chain()
    except crypto.X509StoreContextError as error:
        raise _refusal(name, error) from error
    if not (may_sign(certificates[0]) and signs_models(certificates[0].public_key())):
        raise SignatureInvalid(name=name, why=f"{_quoted(certificates[0])} is no certificate for signing files")
    expires_at = min(each.to_cryptography().not_valid_after_utc for each in chain)
    return Chain(subject_of(certificates[0]), expires_at)


def subject_of(certificate: x509.Certificate) -> str:
    """Whom a certificate is about, in printable characters."""
    return repr(certificate.subject.rfc4514_string()[:_SUBJECT_LENGTH])[1:-1]


def _quoted(certificate: x509.Certificate) -> str:
    return f"'{subject_of(certificate)}'"


def _store(roots: Sequence[x509.Certificate], now: datetime) -> crypto.X509Store:
    store = crypto.X509Store()
    for root in roots:
        store.add_cert(crypto.X509.from_cryptography(root))
    store.set_time(now.astimezone(UTC))  # the binding drops the zone
    return store


def _refusal(name: str, error: crypto.X509StoreContextError) -> SignatureExpired | SignatureInvalid:
    code, _, message = error.errors
    certificate = error.certificate.to_cryptography()
    if code == _EXPIRED:
        expired_on = certificate.not_valid_after_utc.date().isoformat()
        return SignatureExpired(name=name, certificate=_quoted(certificate), expired_on=expired_on)
    if code == _NOT_YET_VALID:
        start = certificate.not_valid_before_utc.date().isoformat()
        return SignatureInvalid(name=name, why=f"the certificate {_quoted(certificate)} is not valid before {start}")
    why = f"the certificate {_quoted(certificate)} does not lead to a trusted root ({message})"
    return SignatureInvalid(name=name, why=why)


def _extension(certificate: x509.Certificate, kind: type[ExtensionTypeVar]) -> ExtensionTypeVar | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _public_key(pem: bytes) -> tuple[str, TrustedKey]:
    key = load_pem_public_key(pem)
    if not signs_models(key):
        raise ValueError("it is not an EC key on P-256, P-384 or P-521")
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    return hashlib.sha256(pem).hexdigest(), TrustedKey(pem, f"sha256:{digest[:_FINGERPRINT_DIGITS]}")


def _read(setting: str, path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise SettingsInvalid(name=setting, why=f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:
        # What a parser of keys raises for a file that is none depends on how far it got.
        raise SettingsInvalid(name=setting, why=f"{path} cannot be used: {error}") from error
