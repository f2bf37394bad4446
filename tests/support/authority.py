"""Keys and certificates for the tests of signatures, made when they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NOW = datetime(2031, 6, 15, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
FOR_FILES = (ExtendedKeyUsageOID.CODE_SIGNING,)
FOR_SERVERS = (ExtendedKeyUsageOID.SERVER_AUTH,)


def new_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def write_private(path: Path, key: PrivateKey, password: str = "") -> Path:
    lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    return path


def write_public(path: Path, key: PrivateKey) -> Path:
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


@dataclass(frozen=True)
class Usage:
    """What a certificate says that it is for; None leaves the extension out."""

    authority: bool = False
    signature: bool | None = True
    extended: tuple[x509.ObjectIdentifier, ...] | None = FOR_FILES


AUTHORITY = Usage(authority=True, extended=None)


@dataclass(frozen=True)
class Holder:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: PrivateKey

    def issue(
        self,
        subject: str,
        usage: Usage | None = None,
        *,
        start: datetime = NOW - YEAR,
        end: datetime = NOW + YEAR,
        key: PrivateKey | None = None,
    ) -> Holder:
        """A certificate for a new key, signed by this holder's."""
        key = key or new_key()
        return Holder(_certificate(subject, key, self, usage or Usage(), (start, end)), key)

    def write(self, path: Path) -> Path:
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return path

    def write_key(self, path: Path, password: str = "") -> Path:
        return write_private(path, self.key, password)


def root(subject: str = "Root", *, start: datetime = NOW - 5 * YEAR, end: datetime = NOW + 5 * YEAR) -> Holder:
    """A self-signed authority."""
    key = new_key()
    return Holder(_certificate(subject, key, None, AUTHORITY, (start, end)), key)


def _certificate(
    subject: str,
    key: PrivateKey,
    issuer: Holder | None,
    usage: Usage,
    validity: tuple[datetime, datetime],
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    builder = x509.CertificateBuilder(
        issuer_name=issuer.certificate.subject if issuer else name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=validity[0],
        not_valid_after=validity[1],
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=usage.authority, path_length=None), critical=True)
    if usage.signature is not None:
        builder = builder.add_extension(_key_usage(usage.signature, usage.authority), critical=True)
    if usage.extended is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage.extended), critical=False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def _key_usage(signature: bool, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signature,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
