"""Making a signature: whole or not at all, and with a reason when it cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from care_voice.domain.model_errors import SigningFailed
from care_voice.models.signatures import sign_with_key
from support.authority import new_key, write_private, write_public
from support.signed import FILES, SignedModel, forbid_network, trusting

PASSWORD = "correct horse"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedModel:
    forbid_network(monkeypatch)
    return SignedModel(tmp_path)


def test_an_encrypted_key_signs_with_its_password(model: SignedModel, tmp_path: Path) -> None:
    key = new_key()
    sign_with_key(model.view, write_private(tmp_path / "k.pem", key, PASSWORD), tmp_path / "x.sig", PASSWORD)

    signed = trusting(write_public(tmp_path / "p.pem", key)).check("base", model.view, tmp_path / "x.sig")
    assert signed.state == "valid"


@pytest.mark.parametrize(
    ("password", "why"), [("wrong", "Incorrect password"), (None, "Password was not given"), ("", "was not given")]
)
def test_an_encrypted_key_without_its_password_signs_nothing(
    model: SignedModel, tmp_path: Path, password: str | None, why: str
) -> None:
    locked = write_private(tmp_path / "locked.pem", new_key(), PASSWORD)

    with pytest.raises(SigningFailed, match=why) as caught:
        sign_with_key(model.view, locked, tmp_path / "x.sig", password)

    assert (caught.value.code, "password" in caught.value.advice) == ("signing_failed", True)
    assert not (tmp_path / "x.sig").exists()


def test_a_password_for_a_key_that_has_none_is_a_mistake_to_point_out(model: SignedModel) -> None:
    with pytest.raises(SigningFailed, match="not encrypted"):
        sign_with_key(model.view, model.private, model.signature, PASSWORD)


def test_other_files_than_ec_private_keys_are_refused_by_name(model: SignedModel, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    strange = write_private(tmp_path / "strange.pem", new_key(ec.SECP256K1()))
    other = write_private(tmp_path / "rsa.pem", rsa.generate_private_key(65537, 2048))

    for path in (junk, strange, other, model.public, tmp_path / "absent.pem", tmp_path):
        with pytest.raises(SigningFailed, match=path.name):
            sign_with_key(model.view, path, tmp_path / "x.sig")


def test_a_signature_replaces_the_one_before_and_leaves_nothing_else(model: SignedModel) -> None:
    (model.view / "tokenizer.json").write_bytes(b"{}")
    sign_with_key(model.view, model.private, model.signature)

    assert model.check().state == "valid"
    assert list(model.signature.parent.iterdir()) == [model.signature]


def test_a_signature_that_cannot_be_made_leaves_the_one_before(model: SignedModel, tmp_path: Path) -> None:
    before = model.signature.read_bytes()
    with pytest.raises(SigningFailed):
        sign_with_key(model.view, tmp_path / "absent.pem", model.signature)

    assert (model.signature.read_bytes(), list(model.signature.parent.iterdir())) == (before, [model.signature])


def test_a_place_that_cannot_be_written_is_named_and_left_clean(model: SignedModel, tmp_path: Path) -> None:
    occupied = tmp_path / "out" / "base.sig"
    (occupied / "file").mkdir(parents=True)

    for target in (occupied, model.private / "base.sig"):
        with pytest.raises(SigningFailed, match=r"base\.sig cannot be written"):
            sign_with_key(model.view, model.private, target)
    assert list(occupied.parent.iterdir()) == [occupied]


def test_a_signature_may_not_lie_among_the_files_it_covers(model: SignedModel) -> None:
    for target in (model.view / "model.sig", model.view / ".." / "base" / "model.sig", model.view):
        with pytest.raises(SigningFailed, match="among the files"):
            sign_with_key(model.view, model.private, target)
    assert {path.name for path in model.view.iterdir()} == set(FILES)
