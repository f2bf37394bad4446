"""A signature vouches for exactly the files that were signed, by exactly the keys that are trusted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from model_signing import hashing
from structlog.testing import capture_logs

from care_voice.domain.errors import SettingsInvalid
from care_voice.domain.model_errors import SignatureProblem, SigningFailed
from care_voice.models.signature_policy import Policy
from care_voice.models.signatures import SignatureSettings, SignatureVerifier, Signed, sign_with_key
from support.authority import new_key, write_private, write_public
from support.signed import FILES, SignedModel, forbid_network, make_view, refusal, sha256, trusting


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedModel:
    forbid_network(monkeypatch)
    return SignedModel(tmp_path)


# Who signed.


def test_a_signature_is_valid_and_says_whose_it_is(model: SignedModel) -> None:
    command = ["openssl", "pkey", "-pubin", "-in", model.public, "-outform", "DER"]
    der = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout

    assert model.check() == Signed("valid", f"sha256:{sha256(der)[:16]}")


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_keys_on_all_three_curves_sign(model: SignedModel, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    key = new_key(curve)
    sign_with_key(model.view, write_private(tmp_path / "k.pem", key), tmp_path / "s.sig")

    signed = trusting(write_public(tmp_path / "p.pem", key)).check("base", model.view, tmp_path / "s.sig")
    assert signed.state == "valid"


def test_any_of_several_trusted_keys_will_do(model: SignedModel, tmp_path: Path) -> None:
    others = [write_public(tmp_path / f"{number}.pem", new_key()) for number in range(2)]
    several = trusting(others[0], model.public, others[1], model.public)

    assert several.check("base", model.view, model.signature).state == "valid"
    assert "not trusted" in refusal(trusting(*others), model.view, model.signature)


def test_a_signature_that_claims_a_trusted_key_must_be_by_it(model: SignedModel, tmp_path: Path) -> None:
    trusted = model.bundle["verificationMaterial"]
    sign_with_key(model.view, write_private(tmp_path / "k.pem", new_key()), model.signature)
    model.rewrite({**model.bundle, "verificationMaterial": trusted})

    assert "altered" in model.refusal()


def test_a_signature_that_names_no_key_is_refused_in_silence(
    model: SignedModel, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle = model.bundle
    del bundle["verificationMaterial"]["publicKey"]["hint"]
    model.rewrite(bundle)

    assert "not trusted" in model.refusal()
    assert capfd.readouterr() == ("", "")


# The files.


def test_a_signature_is_good_for_the_same_bytes_anywhere(model: SignedModel, tmp_path: Path) -> None:
    other = make_view(tmp_path / "elsewhere", "other", FILES)

    assert trusting(model.public).check("other", other, model.signature).state == "valid"


def test_a_signature_names_files_and_digests_and_no_path(model: SignedModel) -> None:
    predicate = model.payload["predicate"]

    assert {each["name"]: each["digest"] for each in predicate["resources"]} == {
        name: sha256(content) for name, content in FILES.items()
    }
    assert predicate["serialization"] == {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    assert str(model.directory) not in json.dumps(model.payload)


def test_the_library_accepts_our_signatures_and_we_accept_its_own(model: SignedModel) -> None:
    model.verify_by_library()
    model.sign_by_library(hashing.Config())

    # It tells to leave out names that are not there, which costs nothing.
    assert ".gitignore" in model.payload["predicate"]["serialization"]["ignore_paths"]
    assert model.check().state == "valid"


@pytest.mark.parametrize("position", [0, 5000, len(FILES["model.bin"]) - 1])
def test_one_bit_of_a_model_file_is_enough(model: SignedModel, position: int) -> None:
    content = bytearray(FILES["model.bin"])
    content[position] ^= 1
    (model.view / "model.bin").write_bytes(content)

    assert model.refusal().endswith("is not valid: altered: 'model.bin'.")


def test_a_missing_file_is_named(model: SignedModel) -> None:
    (model.view / "tokenizer.json").unlink()

    assert model.refusal().endswith("is not valid: missing: 'tokenizer.json'.")


@pytest.mark.parametrize("extra", ["vocabulary.txt", ".gitignore", "model.sig", "line\nbreak"])
def test_an_unsigned_file_is_named(model: SignedModel, extra: str) -> None:
    (model.view / extra).write_bytes(b"x")

    assert model.refusal().endswith(f"is not valid: not signed: {extra!r}.")


@pytest.mark.parametrize("left_out", [["extra.bin"], ["."], ["extra.bin", "../base/extra.bin"]])
def test_a_trusted_signature_cannot_ask_to_leave_files_out(model: SignedModel, left_out: list[str]) -> None:
    model.sign_by_library(hashing.Config().set_ignored_paths(paths=left_out))
    (model.view / "extra.bin").write_bytes(b"x")

    model.verify_by_library()  # so there is something to guard against
    assert "not signed: " in model.refusal()


def test_a_trusted_signature_over_nothing_vouches_for_nothing(model: SignedModel) -> None:
    model.sign_by_library(hashing.Config().set_ignored_paths(paths=["."]))
    shutil.rmtree(model.view)
    model.view.mkdir()

    model.verify_by_library()
    assert "has no files" in model.refusal()


@pytest.mark.parametrize(
    "config",
    [
        lambda: hashing.Config().use_shard_serialization(shard_size=1000),
        lambda: hashing.Config().use_file_serialization(hashing_algorithm="blake3"),
        lambda: hashing.Config().use_file_serialization(hashing_algorithm="blake2"),
    ],
    ids=["shards", "blake3", "blake2"],
)
def test_a_signature_cannot_choose_how_files_are_hashed(
    model: SignedModel, config: Callable[[], hashing.Config]
) -> None:
    model.sign_by_library(config())

    assert "whole files" in model.refusal()


def test_signatures_of_two_models_cannot_be_swapped(model: SignedModel, tmp_path: Path) -> None:
    small = make_view(tmp_path / "store", "small", {**FILES, "model.bin": b"other weights"})
    sign_with_key(small, model.private, tmp_path / "small.sig")
    verifier = trusting(model.public)

    assert verifier.check("small", small, tmp_path / "small.sig").state == "valid"
    assert "altered: 'model.bin'" in refusal(verifier, model.view, tmp_path / "small.sig")
    assert "altered: 'model.bin'" in refusal(verifier, small, model.signature)


@pytest.mark.parametrize("content", [FILES["tokenizer.json"], b"other"])
def test_a_link_among_the_files_is_refused_even_when_its_bytes_are_right(
    model: SignedModel, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "target.json").write_bytes(content)
    (model.view / "tokenizer.json").unlink()
    (model.view / "tokenizer.json").symlink_to(tmp_path / "target.json")

    assert "'tokenizer.json' is not a file but a link" in model.refusal()
    with pytest.raises(SigningFailed, match=r"'tokenizer\.json' is not a file but a link"):
        sign_with_key(model.view, model.private, tmp_path / "x.sig")
    assert not (tmp_path / "x.sig").exists()


def test_a_directory_among_the_files_is_refused(model: SignedModel) -> None:
    (model.view / ".git").mkdir()

    assert "'.git' is not a file" in model.refusal()


def test_a_pipe_among_the_files_is_refused_and_not_read(model: SignedModel) -> None:
    os.mkfifo(model.view / "pipe\n")

    assert r"'pipe\n' is not a file" in model.refusal()


def test_a_link_to_a_view_is_no_view(model: SignedModel, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(model.view)

    assert "not a directory" in refusal(trusting(model.public), tmp_path / "link", model.signature)


def test_a_name_that_is_no_text_is_an_unsigned_file_and_cannot_be_signed(model: SignedModel, tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(model.view) + b"/\xff")).write_bytes(b"x")

    assert r"not signed: '\udcff'" in model.refusal()
    with pytest.raises(SigningFailed):
        sign_with_key(model.view, model.private, tmp_path / "x.sig")


@pytest.mark.parametrize("instead", ["nothing", "file"])
def test_a_view_that_is_no_directory_is_refused(model: SignedModel, instead: str) -> None:
    shutil.rmtree(model.view)
    if instead == "file":
        model.view.write_bytes(b"x")

    assert "not a directory" in model.refusal()
    with pytest.raises(SigningFailed, match="not a directory"):
        sign_with_key(model.view, model.private, model.signature)


# The policy and the settings.


def test_off_looks_at_nothing(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    verifier = SignatureVerifier(SignatureSettings("off", public_keys=(absent,), certificates=(absent,)))

    assert verifier.check("base", absent, absent) == Signed("unchecked")


@pytest.mark.parametrize("damage", ["signature", "model", "missing"])
def test_warn_logs_and_reports_what_require_refuses(model: SignedModel, damage: str) -> None:
    if damage == "signature":
        model.rewrite(b"x")
    elif damage == "model":
        (model.view / "model.bin").write_bytes(b"x")
    else:
        model.signature.unlink()
    with pytest.raises(SignatureProblem) as caught:
        model.check("require")
    problem = caught.value

    with capture_logs() as logs:
        signed = model.check("warn")

    assert (signed.state, signed.key, signed.expires_at) == ("unchecked", "", None)
    assert (type(signed.problem), str(signed.problem)) == (type(problem), problem.message)
    logged = {"log_level": "warning", "model": "base", "error": problem.code, "why": problem.message}
    assert logs == [{"event": "signature_problem", **logged}]


def test_warn_says_nothing_about_a_valid_signature(model: SignedModel) -> None:
    with capture_logs() as logs:
        signed = model.check("warn")

    assert (signed.state, signed.problem, logs) == ("valid", None, [])


@pytest.mark.parametrize("policy", ["warn", "require"])
def test_a_policy_needs_somebody_to_trust(policy: Policy) -> None:
    with pytest.raises(SettingsInvalid, match="CARE_VOICE_MODELS__SIGNATURES__POLICY"):
        SignatureVerifier(SignatureSettings(policy))


@pytest.mark.parametrize("policy", ["warn", "require"])
@pytest.mark.parametrize("setting", ["public_keys", "certificates"])
@pytest.mark.parametrize("fault", ["absent", "directory", "junk", "private", "rsa", "other curve"])
def test_a_trusted_file_that_cannot_be_used_is_a_fault_of_the_settings(
    model: SignedModel, tmp_path: Path, policy: Policy, setting: str, fault: str
) -> None:
    path = tmp_path / "trusted.pem"
    if fault == "directory":
        path.mkdir()
    elif fault == "junk":
        path.write_bytes(b"junk")
    elif fault == "private":
        write_private(path, new_key())
    elif fault == "rsa":
        write_public(path, rsa.generate_private_key(65537, 2048))
    elif fault == "other curve":
        write_public(path, new_key(ec.SECP256K1()))
    trusted = {"public_keys": (path,)} if setting == "public_keys" else {"certificates": (path,)}
    verifier = SignatureVerifier(SignatureSettings(policy, **trusted))

    with pytest.raises(SettingsInvalid, match=rf"CARE_VOICE_MODELS__SIGNATURES__{setting.upper()} .*trusted\.pem"):
        verifier.check("base", model.view, model.signature)


def test_what_is_trusted_does_not_change_while_the_service_runs(model: SignedModel) -> None:
    verifier = trusting(model.public)
    assert verifier.check("base", model.view, model.signature).state == "valid"
    write_public(model.public, new_key())

    assert verifier.check("base", model.view, model.signature).state == "valid"


def test_nothing_heavy_is_imported_until_there_is_something_to_check() -> None:
    program = """
import sys
from pathlib import Path
from care_voice.models.signatures import SignatureSettings, SignatureVerifier
SignatureVerifier(SignatureSettings("off")).check("base", Path("none"), Path("none"))
SignatureVerifier(SignatureSettings("require", (Path("none"),)))
print(*({"model_signing", "cryptography", "sigstore", "sigstore_models", "OpenSSL", "pydantic"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == []
