"""What the signature policy lets through at a pull, and before a worker loads."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from care_voice.domain.errors import SettingsInvalid
from care_voice.domain.model_errors import SignatureInvalid, SignatureMissing
from care_voice.models.puller import Puller
from care_voice.models.signatures import SignatureSettings, sign_with_key
from care_voice.models.sources.base import SIGNATURE_NAME
from care_voice.models.store import ModelStore
from care_voice.service.model_keeper import ModelKeeper
from care_voice.telemetry.metrics import Metrics
from support.authority import new_key, write_private, write_public


@pytest.fixture
def private(tmp_path: Path) -> Path:
    return write_private(tmp_path / "key.pem", new_key())


@pytest.fixture
def require(tmp_path: Path, private: Path) -> SignatureSettings:
    key = load_pem_private_key(private.read_bytes(), None)
    public = write_public(tmp_path / "key.pub", key)  # type: ignore[arg-type]
    return SignatureSettings("require", public_keys=(public,))


@pytest.fixture
def strict(puller: Puller, store: ModelStore, require: SignatureSettings) -> Puller:
    """The same sources, under the policy `require`."""
    return Puller(store, puller._sources, signatures=require)


def signature_of(puller: Puller, private: Path, tmp_path: Path, name: str = "one") -> bytes:
    target = tmp_path / "out.sig"
    sign_with_key(puller.pull(name).view, private, target)
    return target.read_bytes()


def test_an_unsigned_model_is_refused_but_stays_to_be_signed(strict: Puller, store: ModelStore, private: Path) -> None:
    with pytest.raises(SignatureMissing, match="'one'"):
        strict.pull("one")
    assert store.verify("one").ok
    sign_with_key(store.view_path("one"), private, store.signature_path("one"))
    assert strict.pull("one").fetched == {}
    assert strict.gate.check("one").state == "valid"


def test_the_signature_beside_a_model_is_fetched_and_kept(
    puller: Puller, strict: Puller, store: ModelStore, served: dict[str, bytes], private: Path, tmp_path: Path
) -> None:
    served[SIGNATURE_NAME] = signature_of(puller, private, tmp_path)
    store.remove("one")
    strict.pull("one")
    assert store.signature_path("one").read_bytes() == served[SIGNATURE_NAME]
    assert [path.name for path in store.signature_path("one").parent.iterdir()] == ["one.sig"]


def test_a_damaged_signature_is_replaced_by_the_good_one_of_a_source(
    puller: Puller, strict: Puller, store: ModelStore, served: dict[str, bytes], private: Path, tmp_path: Path
) -> None:
    served[SIGNATURE_NAME] = signature_of(puller, private, tmp_path)
    strict.pull("one")
    store.signature_path("one").chmod(0o644)
    store.signature_path("one").write_bytes(b"{}")
    with pytest.raises(SignatureInvalid):
        strict.gate.check("one")
    strict.pull("one")
    assert strict.gate.check("one").state == "valid"


def test_a_signature_over_another_model_or_by_a_stranger_is_not_kept(
    puller: Puller, strict: Puller, store: ModelStore, served: dict[str, bytes], private: Path, tmp_path: Path
) -> None:
    stranger = write_private(tmp_path / "stranger.pem", new_key())
    for content in (signature_of(puller, private, tmp_path, "two"), signature_of(puller, stranger, tmp_path)):
        served[SIGNATURE_NAME] = content
        with pytest.raises(SignatureMissing):
            strict.pull("one")
        assert not store.signature_path("one").exists()


async def test_no_worker_gets_a_model_without_a_signature(strict: Puller, store: ModelStore, private: Path) -> None:
    keeper = ModelKeeper("one", strict, Metrics())
    with pytest.raises(SignatureMissing):
        await keeper.ensure()
    with pytest.raises(SignatureMissing):
        await keeper.require()
    sign_with_key(store.view_path("one"), private, store.signature_path("one"))
    assert (await keeper.require()).view == store.view_path("one")
    store.signature_path("one").unlink()
    with pytest.raises(SignatureMissing):
        await keeper.require()


async def test_under_the_policy_warn_the_worker_starts_and_the_operator_is_told(
    puller: Puller, store: ModelStore, require: SignatureSettings
) -> None:
    warning = SignatureSettings("warn", public_keys=require.public_keys)
    keeper = ModelKeeper("one", Puller(store, puller._sources, signatures=warning), Metrics())
    await keeper.ensure()
    assert (await keeper.require()).view.is_dir()
    assert isinstance(keeper.signature_problem, SignatureMissing)


def test_a_removed_model_takes_its_signature_along(
    puller: Puller, strict: Puller, store: ModelStore, served: dict[str, bytes], private: Path, tmp_path: Path
) -> None:
    served[SIGNATURE_NAME] = signature_of(puller, private, tmp_path)
    strict.pull("one")
    store.remove("one")
    assert not store.signature_path("one").exists()


def test_a_policy_without_anybody_to_trust_is_refused(store: ModelStore) -> None:
    with pytest.raises(SettingsInvalid, match="needs a public key or a certificate"):
        Puller(store, [], signatures=SignatureSettings("require"))
