"""A server's certificate that nobody else has signed."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from support.authority import new_key, write_private


def own_certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """For a name or an address: (the server's context, the file to trust it by)."""
    key, now, day = new_key(), datetime.now(UTC), timedelta(days=1)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now - day, now + day)
    builder = builder.add_extension(x509.SubjectAlternativeName([_named(name)]), critical=False)
    trusted = folder / f"{name}.pem"
    trusted.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, write_private(folder / f"{name}.key", key))
    return context, trusted


def certificate_of(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate with its key in one file, as HAProxy reads it, and a client that trusts it."""
    _, trusted = own_certificate(folder, name)
    both = folder / "with-key.pem"
    both.write_bytes(trusted.read_bytes() + (folder / f"{name}.key").read_bytes())
    return both, ssl.create_default_context(cafile=str(trusted))


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
