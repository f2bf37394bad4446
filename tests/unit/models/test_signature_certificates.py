"""A certificate counts while it and all above it are valid, when it leads to a trusted root, and for signing files."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_signing import verifying
from structlog.testing import capture_logs

from care_voice.domain.model_errors import SignatureExpired, SignatureInvalid, SignatureProblem, SigningFailed
from care_voice.models.signature_policy import EXPIRY_NOTICE
from care_voice.models.signatures import (
    SignatureSettings,
    SignatureVerifier,
    Signed,
    sign_with_certificate,
    sign_with_key,
)
from support.authority import AUTHORITY, FOR_FILES, FOR_SERVERS, NOW, YEAR, Holder, Usage, new_key, root, write_public
from support.signed import SignedModel, forbid_network

DAY = timedelta(days=1)


@dataclass
class Scene:
    """A model and three generations of certificates; a test exchanges what it is about, and signs again."""

    model: SignedModel
    top: Holder
    middle: Holder
    leaf: Holder

    def sign(self, *chain: Holder) -> None:
        """Sign by the leaf, with these certificates, the middle one where none are given, in the signature."""
        paths = [each.write(self._path(f"chain-{number}")) for number, each in enumerate(chain or (self.middle,))]
        key, certificate = self.leaf.write_key(self._path("key")), self.leaf.write(self._path("leaf"))
        sign_with_certificate(self.model.view, key, certificate, paths, self.model.signature)

    def check(self, now: datetime = NOW, roots: Sequence[Holder] = ()) -> Signed:
        """Check at a moment, trusting the top certificate where no others are given."""
        paths = [each.write(self._path(f"root-{number}")) for number, each in enumerate(roots or (self.top,))]
        return self.check_trusting(*paths, now=now)

    def check_trusting(self, *certificates: Path, now: datetime = NOW) -> Signed:
        verifier = SignatureVerifier(SignatureSettings("require", certificates=certificates), now=lambda: now)
        return verifier.check("base", self.model.view, self.model.signature)

    def refusal(self, now: datetime = NOW, roots: Sequence[Holder] = ()) -> str:
        with pytest.raises(SignatureInvalid) as caught:
            self.check(now, roots)
        return caught.value.message

    def exchange_leaf(self, other: Holder) -> None:
        """Put another certificate in the place of the signer's, in the signature that is there."""
        bundle: Any = self.model.bundle
        der = other.certificate.public_bytes(Encoding.DER)
        chain = bundle["verificationMaterial"]["x509CertificateChain"]["certificates"]
        chain[0]["rawBytes"] = base64.b64encode(der).decode()
        self.model.rewrite(bundle)

    def _path(self, name: str) -> Path:
        return self.model.directory / f"{name}.pem"


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    forbid_network(monkeypatch)
    top = root()
    middle = top.issue("Middle", AUTHORITY, start=NOW - 2 * YEAR, end=NOW + 2 * YEAR)
    made = Scene(SignedModel(tmp_path), top, middle, middle.issue("Signer"))
    made.sign()
    return made


# Valid ones.


def test_a_chain_is_valid_and_says_whose_it_is_and_until_when(scene: Scene) -> None:
    assert scene.check() == Signed("valid", "CN=Signer", NOW + YEAR)


def test_the_first_of_the_chain_to_expire_decides(scene: Scene) -> None:
    scene.middle = scene.top.issue("Middle", AUTHORITY, end=NOW + 50 * DAY)
    scene.leaf = scene.middle.issue("Signer")
    scene.sign()

    assert scene.check().expires_at == NOW + 50 * DAY


def test_an_intermediate_may_come_from_the_settings_instead(scene: Scene) -> None:
    scene.sign(scene.leaf)

    assert scene.check(roots=[scene.middle, scene.top]).state == "valid"
    assert "does not lead to a trusted root" in scene.refusal()


def test_a_root_may_sign_by_itself_what_it_issued(scene: Scene, tmp_path: Path) -> None:
    leaf = scene.top.issue("Direct")
    key, certificate = leaf.write_key(tmp_path / "k.pem"), leaf.write(tmp_path / "c.pem")
    sign_with_certificate(scene.model.view, key, certificate, [], scene.model.signature)

    assert scene.check().key == "CN=Direct"


def test_the_root_in_the_signature_does_no_harm_and_makes_no_trust(scene: Scene) -> None:
    scene.sign(scene.middle, scene.top)

    assert scene.check().state == "valid"
    assert "does not lead to a trusted root" in scene.refusal(roots=[root("Other")])


def test_files_with_several_certificates_or_none_at_the_end_of_the_line_are_read(scene: Scene, tmp_path: Path) -> None:
    both, again = tmp_path / "both.pem", tmp_path / "again.pem"
    texts = [each.certificate.public_bytes(Encoding.PEM) for each in (root("Other"), scene.top)]
    both.write_bytes(b"A comment.\n" + b"".join(texts).rstrip())
    again.write_bytes(texts[1].rstrip())

    assert scene.check_trusting(both, again).state == "valid"


def test_an_encrypted_key_of_a_certificate_signs_with_its_password(scene: Scene, tmp_path: Path) -> None:
    key, certificate = scene.leaf.write_key(tmp_path / "k.pem", "secret"), scene.leaf.write(tmp_path / "c.pem")
    middle = scene.middle.write(tmp_path / "m.pem")
    scene.model.signature.unlink()
    sign_with_certificate(scene.model.view, key, certificate, [middle], scene.model.signature, password="secret")

    assert scene.check().state == "valid"


def test_the_library_accepts_our_signatures(scene: Scene, tmp_path: Path) -> None:
    config = verifying.Config().use_certificate_verifier(certificate_chain=[scene.top.write(tmp_path / "r.pem")])

    config.verify(scene.model.view, scene.model.signature)


# The time.


@pytest.mark.parametrize("late", [timedelta(seconds=1), DAY, 10 * YEAR])
def test_an_expired_leaf_counts_no_longer(scene: Scene, late: timedelta) -> None:
    assert scene.check(now=NOW + YEAR - DAY).state == "valid"
    scene.middle = scene.top
    scene.top = root(end=NOW + 50 * YEAR)
    scene.leaf = scene.top.issue("Signer")
    scene.sign(scene.leaf)

    with pytest.raises(SignatureExpired, match=r"'CN=Signer' expired on 2032-06-14\.") as caught:
        scene.check(now=NOW + YEAR + late)
    assert caught.value.code == "signature_expired"


def test_an_expired_intermediate_counts_no_longer(scene: Scene) -> None:
    scene.middle = scene.top.issue("Middle", AUTHORITY, start=NOW - 2 * YEAR, end=NOW - DAY)
    scene.leaf = scene.middle.issue("Signer")
    scene.sign()

    with pytest.raises(SignatureExpired, match="'CN=Middle' expired on 2031-06-14"):
        scene.check()


def test_an_expired_root_counts_no_longer(scene: Scene) -> None:
    scene.top = root(end=NOW - DAY)
    scene.leaf = scene.top.issue("Signer")
    scene.sign(scene.leaf)

    with pytest.raises(SignatureExpired, match="'CN=Root' expired"):
        scene.check()


def test_an_expired_intermediate_may_be_replaced_by_one_with_its_key(scene: Scene) -> None:
    expired = scene.top.issue("Middle", AUTHORITY, key=scene.middle.key, start=NOW - 2 * YEAR, end=NOW - DAY)
    scene.sign(expired)
    with pytest.raises(SignatureExpired):
        scene.check()

    assert scene.check(roots=[scene.top, scene.middle]).state == "valid"


@pytest.mark.parametrize("whose", ["leaf", "middle"])
def test_what_is_not_yet_valid_does_not_count_yet(scene: Scene, whose: str) -> None:
    start = NOW + DAY
    if whose == "middle":
        scene.middle = scene.top.issue("Middle", AUTHORITY, start=start)
    scene.leaf = scene.middle.issue("Signer", start=start if whose == "leaf" else NOW - YEAR)
    scene.sign()

    assert "is not valid before 2031-06-16" in scene.refusal()
    if whose == "leaf":
        assert scene.check(now=start).state == "valid"


@pytest.mark.parametrize("hours", [-11, 0, 13])
def test_the_zone_of_the_clock_does_not_matter(scene: Scene, hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    end = NOW + YEAR

    assert scene.check(now=(end - timedelta(seconds=1)).astimezone(zone)).state == "valid"
    with pytest.raises(SignatureExpired):
        scene.check(now=(end + timedelta(seconds=1)).astimezone(zone))


def test_the_clock_is_the_machines_when_none_is_given(scene: Scene, tmp_path: Path) -> None:
    today = datetime.now(UTC)
    scene.top = root(start=today - 2 * YEAR, end=today + YEAR)
    trusted = SignatureSettings("require", certificates=(scene.top.write(tmp_path / "r.pem"),))
    scene.leaf = scene.top.issue("Signer", start=today - YEAR, end=today + YEAR)
    scene.sign(scene.leaf)
    assert SignatureVerifier(trusted).check("base", scene.model.view, scene.model.signature).state == "valid"

    scene.leaf = scene.top.issue("Signer", start=today - YEAR, end=today - DAY)
    scene.sign(scene.leaf)
    with pytest.raises(SignatureExpired):
        SignatureVerifier(trusted).check("base", scene.model.view, scene.model.signature)


def test_the_library_by_itself_accepts_what_has_expired(scene: Scene, tmp_path: Path) -> None:
    """Why our own judgement is needed; when this fails, the library judges it too."""
    scene.top = root(start=NOW - 40 * YEAR, end=NOW - 20 * YEAR)
    scene.leaf = scene.top.issue("Signer", start=NOW - 30 * YEAR, end=NOW - 29 * YEAR)
    scene.sign(scene.leaf)
    config = verifying.Config().use_certificate_verifier(certificate_chain=[scene.top.write(tmp_path / "r.pem")])

    config.verify(scene.model.view, scene.model.signature)
    with pytest.raises(SignatureExpired):
        scene.check()


@pytest.mark.parametrize(("early", "told"), [(EXPIRY_NOTICE + DAY, False), (EXPIRY_NOTICE, True), (DAY, True)])
def test_the_end_is_told_before_it_comes(scene: Scene, early: timedelta, told: bool) -> None:
    with capture_logs() as logs:
        scene.check(now=NOW + YEAR - early)

    assert [(entry["event"], entry["model"], entry["key"]) for entry in logs] == (
        [("signature_expires_soon", "base", "CN=Signer")] if told else []
    )


# The trust.


def test_another_root_of_the_same_name_makes_no_trust(scene: Scene) -> None:
    assert "does not lead to a trusted root" in scene.refusal(roots=[root()])


def test_an_intermediate_without_its_root_makes_no_trust(scene: Scene) -> None:
    assert "does not lead to a trusted root" in scene.refusal(roots=[scene.middle])


def test_a_signer_who_issues_certificates_makes_no_trust(scene: Scene) -> None:
    stranger = scene.leaf.issue("Stranger")
    scene.leaf, signer = stranger, scene.leaf
    scene.sign(signer, scene.middle)

    assert "'CN=Signer' does not lead to a trusted root" in scene.refusal()


def test_a_self_signed_certificate_makes_no_trust(scene: Scene) -> None:
    scene.leaf = root("Signer")
    scene.exchange_leaf(scene.leaf)

    assert "does not lead to a trusted root" in scene.refusal()


def test_a_certificate_for_another_key_is_refused(scene: Scene) -> None:
    scene.exchange_leaf(scene.middle.issue("Signer"))

    assert "altered" in scene.refusal()


def test_a_certificate_for_an_rsa_key_is_refused(scene: Scene) -> None:
    scene.exchange_leaf(scene.middle.issue("Signer", key=rsa.generate_private_key(65537, 2048)))

    assert "no certificate for signing files" in scene.refusal()


@pytest.mark.filterwarnings("ignore:The 'warn' (method|function) is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("usage", "fits"),
    [
        (Usage(signature=True, extended=FOR_FILES), True),
        (Usage(signature=True, extended=None), True),
        (Usage(signature=None, extended=FOR_FILES), True),
        (Usage(signature=True, extended=FOR_SERVERS + FOR_FILES), True),
        (Usage(signature=None, extended=None), False),
        (Usage(signature=False, extended=None), False),
        (Usage(signature=False, extended=FOR_FILES), False),
        (Usage(signature=True, extended=FOR_SERVERS), False),
        (Usage(signature=None, extended=FOR_SERVERS), False),
    ],
    ids=repr,
)
def test_only_certificates_for_signing_files_count(scene: Scene, usage: Usage, fits: bool) -> None:
    other = scene.middle.issue("Signer", usage, key=scene.leaf.key)
    scene.exchange_leaf(other)
    scene.leaf = other

    if fits:
        assert scene.check().state == "valid"
        scene.sign()
        return
    assert "no certificate for signing files" in scene.refusal()
    with pytest.raises(SigningFailed, match="not issued for signing files"):
        scene.sign()


def test_line_breaks_in_a_name_do_not_reach_the_log(scene: Scene) -> None:
    scene.leaf = scene.middle.issue("Signer\n\x1b[31m" + "x" * 40)
    scene.sign()

    assert scene.check().key.startswith(r"CN=Signer\n\x1b[31mxx")
    assert "\n" not in scene.refusal(roots=[root("Other")])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_bit_in_a_certificate_is_accepted(scene: Scene, data: st.DataObject) -> None:
    before, bundle = scene.model.signature.read_bytes(), scene.model.bundle
    chain = bundle["verificationMaterial"]["x509CertificateChain"]["certificates"]
    holder = data.draw(st.sampled_from(chain))
    der = bytearray(base64.b64decode(holder["rawBytes"]))
    der[data.draw(st.integers(0, len(der) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    holder["rawBytes"] = base64.b64encode(der).decode()
    scene.model.rewrite(bundle)

    with pytest.raises(SignatureProblem):
        scene.check()
    scene.model.rewrite(before)


# Keys beside certificates.


def test_a_certificate_does_not_count_where_only_keys_are_trusted(scene: Scene, tmp_path: Path) -> None:
    key = scene.leaf.key
    for trusted in (write_public(tmp_path / "p.pem", key), scene.model.public):
        verifier = SignatureVerifier(SignatureSettings("require", (trusted,)))
        with pytest.raises(SignatureInvalid, match="none are trusted here"):
            verifier.check("base", scene.model.view, scene.model.signature)


def test_a_key_does_not_count_where_only_certificates_are_trusted(scene: Scene, tmp_path: Path) -> None:
    key = scene.leaf.write_key(tmp_path / "k.pem")
    sign_with_key(scene.model.view, key, scene.model.signature)

    assert "a key that is not trusted here" in scene.refusal()


def test_where_both_are_trusted_either_counts(scene: Scene, tmp_path: Path) -> None:
    trusted = SignatureSettings("require", (scene.model.public,), (scene.top.write(tmp_path / "r.pem"),))
    verifier = SignatureVerifier(trusted, now=lambda: NOW)

    assert verifier.check("base", scene.model.view, scene.model.signature).key == "CN=Signer"
    sign_with_key(scene.model.view, scene.model.private, scene.model.signature)
    assert verifier.check("base", scene.model.view, scene.model.signature).key.startswith("sha256:")


# Signing.


def test_a_certificate_of_another_key_signs_nothing(scene: Scene) -> None:
    before = scene.model.signature.read_bytes()
    scene.leaf = Holder(scene.leaf.certificate, new_key())

    with pytest.raises(SigningFailed, match="does not match"):
        scene.sign()
    assert scene.model.signature.read_bytes() == before


def test_files_that_are_no_certificates_are_refused_by_name(scene: Scene, tmp_path: Path) -> None:
    key, leaf = scene.leaf.write_key(tmp_path / "k.pem"), scene.leaf.write(tmp_path / "c.pem")
    for wrong in (key, tmp_path / "absent.pem", tmp_path):
        for certificate, chain in ((wrong, [leaf]), (leaf, [leaf, wrong])):
            with pytest.raises(SigningFailed, match=wrong.name):
                sign_with_certificate(scene.model.view, key, certificate, chain, scene.model.signature)
