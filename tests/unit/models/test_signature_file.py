"""The signature file may hold anything: it is refused with a reason, or it says the same as before."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_signing import hashing
from model_signing._signing.sign_ec_key import Signer
from model_signing._signing.signing import Payload

from care_voice.domain.model_errors import SignatureMissing, SignatureProblem
from care_voice.models.signatures import MAX_SIGNATURE_BYTES
from support.signed import SignedModel, forbid_network, refusal, trusting

NO_BUNDLES = [
    b"null",
    b"[]",
    b'"text"',
    b"{}",
    b"\xff\xfe",
    b'{"verificationMaterial": 1}',
    b'{"verificationMaterial": {"publicKey": []}}',
    b"[" * 200_000,
    b"1" * 10_000,
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=3), below, max_size=2),
    max_leaves=4,
)
many_times = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedModel:
    forbid_network(monkeypatch)
    return SignedModel(tmp_path)


def test_without_a_signature_file_the_signature_is_missing(model: SignedModel, tmp_path: Path) -> None:
    for absent in (tmp_path / "no.sig", tmp_path / "no" / "no.sig", model.signature / "base.sig"):
        with pytest.raises(SignatureMissing, match="'base' has no signature"):
            trusting(model.public).check("base", model.view, absent)


@pytest.mark.parametrize("part", ["payload", "sig"])
@pytest.mark.parametrize("where", [0.0, 0.5, 0.9])
def test_one_bit_of_the_signature_is_enough(model: SignedModel, part: str, where: float) -> None:
    bundle = model.bundle
    holder = bundle["dsseEnvelope"] if part == "payload" else bundle["dsseEnvelope"]["signatures"][0]
    content = bytearray(base64.b64decode(holder[part]))
    content[int(len(content) * where)] ^= 1
    holder[part] = base64.b64encode(content).decode()
    model.rewrite(bundle)

    assert "altered" in model.refusal()


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_truncated_signature_is_refused(model: SignedModel, kept: int) -> None:
    model.rewrite(model.signature.read_bytes()[:kept])

    assert "malformed" in model.refusal()


@pytest.mark.parametrize("content", NO_BUNDLES, ids=lambda content: repr(content[:20]))
def test_what_is_no_bundle_is_malformed(model: SignedModel, content: bytes) -> None:
    model.rewrite(content)

    assert "malformed" in model.refusal()


def test_a_signed_statement_about_something_else_is_malformed(model: SignedModel) -> None:
    payload = Payload(hashing.Config().hash(model.view))
    payload.statement.pb.predicate_type = "https://example.org/other"
    model.signature.unlink()
    Signer(model.private).sign(payload).write(model.signature)

    assert "malformed" in model.refusal()


def test_a_signature_by_an_identity_provider_is_refused_with_the_reason(model: SignedModel) -> None:
    bundle = model.bundle
    bundle["verificationMaterial"] = {"certificate": {"rawBytes": "AAAA"}, "tlogEntries": []}
    model.rewrite(bundle)

    assert "neither with a key nor with a chain of certificates" in model.refusal()


@pytest.mark.parametrize("size", [MAX_SIGNATURE_BYTES + 1, 5_000_000])
def test_a_large_signature_is_refused(model: SignedModel, size: int) -> None:
    model.rewrite(model.signature.read_bytes().ljust(size))

    assert "larger than" in model.refusal()


def test_a_signature_of_just_the_largest_size_is_read(model: SignedModel) -> None:
    model.rewrite(model.signature.read_bytes().ljust(MAX_SIGNATURE_BYTES))

    assert model.check().state == "valid"


def test_a_directory_or_a_pipe_is_no_signature(model: SignedModel, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sig")

    for path in (tmp_path, tmp_path / "pipe.sig"):
        assert "not a regular file" in refusal(trusting(model.public), model.view, path)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux has a file that even root cannot read")
def test_an_unreadable_signature_is_refused(model: SignedModel) -> None:
    assert "cannot be read" in refusal(trusting(model.public), model.view, Path("/proc/self/mem"))


@many_times
@given(data=st.data())
def test_any_value_anywhere_in_the_bundle_is_refused_cleanly_or_changes_nothing(
    model: SignedModel, data: st.DataObject
) -> None:
    before, bundle = model.signature.read_bytes(), model.bundle
    holder, key = data.draw(st.sampled_from(places_in(bundle)))
    holder[key] = data.draw(VALUES)
    model.rewrite(bundle)

    assert_refused_or_unchanged(model, before)


@many_times
@given(data=st.data())
def test_any_flipped_bit_is_refused_cleanly_or_changes_nothing(model: SignedModel, data: st.DataObject) -> None:
    before = model.signature.read_bytes()
    content = bytearray(before)
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    model.rewrite(bytes(content))

    assert_refused_or_unchanged(model, before)


def assert_refused_or_unchanged(model: SignedModel, before: bytes) -> None:
    """JSON and Base64 leave some bits without a meaning; every other one must matter."""
    try:
        assert model.check().state == "valid"
        changed = model.payload
        model.rewrite(before)
        assert changed == model.payload
    except SignatureProblem:
        model.rewrite(before)


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value that can be assigned to, as its container and its key."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [place for key in keys for place in [(value, key), *places_in(value[key])]]
