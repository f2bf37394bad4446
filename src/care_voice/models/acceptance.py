"""The signature policy for models that are imported or restored: asked before they are published."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from care_voice.models.intake import Accept
from care_voice.models.signatures import SignatureSettings, SignatureVerifier


def acceptance(settings: SignatureSettings) -> Accept | None:
    """What refuses models as the policy says; None when it is off. Raises SettingsInvalid when nobody is trusted."""
    if settings.policy == "off":
        return None
    verifier = SignatureVerifier(settings)

    def accept(name: str, view: Path, signature: bytes | None) -> bool:
        with TemporaryDirectory() as place:
            candidate = Path(place) / "model.sig"
            if signature is not None:
                candidate.write_bytes(signature)
            return verifier.check(name, view, candidate).problem is None

    return accept
