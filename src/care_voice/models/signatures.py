"""Signatures of models in the format of OpenSSF Model Signing: make one, and check one under the operator's policy.

The libraries behind it take 0.3 s and 36 MB to load, so nothing here imports them until there is something to
do: with the policy `off` nothing is loaded and nothing is hashed. The way offline is the only way: keys and
certificates come from files, and no transparency log or identity provider is ever asked.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import structlog

from care_voice.domain.errors import SettingsInvalid
from care_voice.domain.model_errors import SignatureInvalid, SignatureMissing, SignatureProblem, SigningFailed
from care_voice.models.files import write_durably
from care_voice.models.signature_policy import Policy, apply_policy, difference, expires_soon

if TYPE_CHECKING:
    from care_voice.models.signature_trust import Trust

log = structlog.get_logger(__name__)

MAX_SIGNATURE_BYTES = 1024 * 1024
"""Signatures of Whisper models have a few kilobytes; what is larger is not read."""

_POLICY_SETTING = "CARE_VOICE_MODELS__SIGNATURES__POLICY"


@dataclass(frozen=True, slots=True)
class SignatureSettings:
    """Whose signatures on models count, and what happens to a model without one."""

    policy: Policy = "off"
    """off checks nothing; warn logs and shows a problem and goes on; require refuses the model."""

    public_keys: tuple[Path, ...] = ()
    """PEM files with the EC public keys (P-256, P-384 or P-521) that are trusted; a signature by any of them counts."""

    certificates: tuple[Path, ...] = ()
    """PEM files with the root certificates that are trusted, and intermediates that signatures do not carry."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a check found. `valid`: every file is as somebody who is trusted signed it, and there is no other file."""

    state: Literal["valid", "unchecked"]

    key: str = ""
    """Who signed: the start of the public key's SHA-256, or the subject of the certificate; empty when unchecked."""

    expires_at: datetime | None = None
    """When the first certificate of the chain expires, in UTC; None for a key, which does not expire."""

    problem: SignatureProblem | None = None
    """Why it is unchecked though the policy is `warn`; None otherwise."""


class SignatureVerifier:
    """Checks models against their signatures.

    Trusted keys and certificates are read once, at the first check: what is trusted changes with the settings only.
    """

    def __init__(self, settings: SignatureSettings, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Take the settings and a clock that returns aware times. Raises SettingsInvalid when nothing is trusted."""
        if settings.policy != "off" and not (settings.public_keys or settings.certificates):
            raise SettingsInvalid(name=_POLICY_SETTING, why=f"'{settings.policy}' needs a public key or a certificate")
        self._settings = settings
        self._now = now

    def check(self, name: str, view: Path, signature: Path, known: Mapping[str, str] | None = None) -> Signed:
        """Check the files of the directory `view` against the signature file of the model `name`. `known` are their
        digests (SHA-256) where somebody has just made sure of them; nothing is hashed then.

        Raises:
            SignatureMissing: There is no signature file. This and the next two only under the policy `require`.
            SignatureInvalid: It is no trusted signature over exactly these files.
            SignatureExpired: A certificate that it leans on has expired.
            SettingsInvalid: A trusted key or certificate cannot be read. Under `warn` too: no signature is to blame.
        """
        if self._settings.policy == "off":
            return Signed("unchecked")
        trust = self._trust
        try:
            return self._verified(trust, name, signature, lambda: known or _digests_of(name, view))
        except SignatureProblem as problem:
            if apply_policy(self._settings.policy, problem) == "refuse":
                raise
            log.warning("signature_problem", model=name, error=problem.code, why=problem.message)
            return Signed("unchecked", problem=problem)

    @cached_property
    def _trust(self) -> Trust:
        from care_voice.models.signature_trust import load_trust  # noqa: PLC0415 - loads the crypto library

        return load_trust(self._settings.public_keys, self._settings.certificates)

    def _verified(self, trust: Trust, name: str, signature: Path, found: Callable[[], Mapping[str, str]]) -> Signed:
        from care_voice.models import openssf  # noqa: PLC0415 - loads the signing library

        now = self._now()
        statement = openssf.authenticate(name, _read_signature(name, signature), trust, now)
        if why := difference(statement.digests, found()):
            raise SignatureInvalid(name=name, why=why)
        if expires_soon(statement.expires_at, now):
            log.warning(
                "signature_expires_soon", model=name, key=statement.signer, expires_at=str(statement.expires_at)
            )
        return Signed("valid", statement.signer, statement.expires_at)


def _digests_of(name: str, view: Path) -> Mapping[str, str]:
    from care_voice.models import openssf  # noqa: PLC0415 - loads the signing library

    try:
        return openssf.digests_of(view)
    except (OSError, ValueError) as error:
        raise SignatureInvalid(name=name, why=f"its files cannot be compared: {error}") from error


def sign_with_key(view: Path, private_key: Path, target: Path, password: str | None = None) -> None:
    """Sign the files of the directory `view` with an EC private key (PEM), and write the signature to `target`.

    It names files and digests only, so it is good for the same bytes in any other place. Raises SigningFailed.
    """
    from care_voice.models import openssf  # noqa: PLC0415 - loads the signing library

    _refuse_target_inside(view, target)
    _publish(view, openssf.sign_with_key(view, private_key, password), target)


def sign_with_certificate(
    view: Path,
    private_key: Path,
    certificate: Path,
    chain: Sequence[Path],
    target: Path,
    *,
    password: str | None = None,
) -> None:
    """Sign the files of the directory `view` with the key of a certificate, and write the signature to `target`.

    The signature carries the certificate and those in `chain`, the intermediates between it and a trusted root (all
    PEM). Raises SigningFailed.
    """
    from care_voice.models import openssf  # noqa: PLC0415 - loads the signing library

    _refuse_target_inside(view, target)
    _publish(view, openssf.sign_with_certificate(view, private_key, certificate, chain, password), target)


def _refuse_target_inside(view: Path, target: Path) -> None:
    if target.resolve().is_relative_to(view.resolve()):
        raise SigningFailed(view=view, why="the signature may not lie among the files that it covers")


def _publish(view: Path, content: bytes, target: Path) -> None:
    """Give the signature its name by a rename, from a directory that is gone afterwards whatever happens."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".signing-", dir=target.parent) as incoming:
            write_durably(target, content, Path(incoming))
    except OSError as error:
        raise SigningFailed(view=view, why=f"{target} cannot be written: {error.strerror}") from error


def _read_signature(name: str, path: Path) -> bytes:
    """Read the signature file, once, so that what is judged is what is verified."""
    try:
        return _read_small_file(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SignatureMissing(name=name) from error
    except OSError as error:
        raise SignatureInvalid(name=name, why=f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SignatureInvalid(name=name, why=f"{path} {error}") from error


def _read_small_file(path: Path) -> bytes:
    """The bytes of a regular file. Raises ValueError for anything else, and OSError."""
    # Without O_NONBLOCK the opening of a named pipe would wait for somebody who writes to it.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError("is not a regular file")
    with os.fdopen(handle, "rb") as file:
        content = file.read(MAX_SIGNATURE_BYTES + 1)
    if len(content) > MAX_SIGNATURE_BYTES:
        raise ValueError(f"is larger than {MAX_SIGNATURE_BYTES} bytes")
    return content
