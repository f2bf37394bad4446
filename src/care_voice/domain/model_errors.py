"""Errors of the verified store and its sources. The tree is drawn in `domain.errors`."""

from __future__ import annotations

from care_voice.domain.errors import CareVoiceError


class ModelError(CareVoiceError):
    """A model cannot be used."""

    code = "model_error"


class CatalogueInvalid(ModelError):
    """The file with your own models, {path}, is not valid: {why}."""

    code = "catalogue_invalid"
    hint = "docs/models.md shows what it may hold."


class UnknownCatalogueModel(ModelError):
    """There is no model '{name}' in the catalogue; it has {known}."""

    code = "model_unknown"
    hint = "`care-voice models list` shows the catalogue."


class ModelNameTaken(ModelError):
    """There is already a model called '{name}'."""

    code = "model_name_taken"
    hint = "Choose another name."


class ModelNotInstalled(ModelError):
    """The model '{name}' is not installed."""

    code = "model_not_installed"
    hint = "Run `care-voice models pull {name}`."


class ModelDamaged(ModelError):
    """The model '{name}' is damaged: {why}."""

    code = "model_damaged"
    hint = "Run `care-voice models pull {name}`: only what is damaged is fetched again."


class DigestMismatch(ModelError):
    """'{file}' from {source} is not what the catalogue pins: {why}."""

    code = "digest_mismatch"
    hint = "The source serves other bytes than the catalogue trusts; nothing of it was kept."


class FileNotOffered(ModelError):
    """The source {source} does not have '{file}'."""

    code = "file_not_offered"


class SourceUnavailable(ModelError):
    """The source {source} could not be used: {why}."""

    code = "source_unavailable"


class AllSourcesFailed(ModelError):
    """No source could deliver the model '{name}': {why}."""

    code = "all_sources_failed"
    hint = "Check the network, the proxy (HTTPS_PROXY) and pip's own index settings, then pull again."


class PullCancelled(ModelError):
    """The pull of the model '{name}' was cancelled."""

    code = "pull_cancelled"
    hint = "Pull again when it suits: it goes on where it stopped."


class ConversionFailed(ModelError):
    """The model '{name}' could not be converted: {why}."""

    code = "conversion_failed"
    hint = "The source was left as it is, and nothing was stored."


class SignatureProblem(ModelError):
    """The signature of a model does not vouch for it."""

    code = "signature_problem"


class SignatureMissing(SignatureProblem):
    """The model '{name}' has no signature."""

    code = "signature_missing"
    hint = "Get the signature from whoever published the model, or check the model and sign it yourself."


class SignatureInvalid(SignatureProblem):
    """The signature of the model '{name}' is not valid: {why}."""

    code = "signature_invalid"
    hint = "Get the model and its signature again from whoever signed it, and check which keys are trusted here."


class SignatureExpired(SignatureProblem):
    """The signature of the model '{name}' counts no longer: the certificate {certificate} expired on {expired_on}."""

    code = "signature_expired"
    hint = "Have the model signed again with a certificate that is still valid, and check this machine's clock."


class SigningFailed(ModelError):
    """The files in {view} could not be signed: {why}."""

    code = "signing_failed"
    hint = "Signing takes an EC private key in PEM form (P-256, P-384 or P-521), and its password where it has one."


class BundleInvalid(ModelError):
    """'{path}' cannot be used as a bundle or a backup of models: {why}."""

    code = "bundle_invalid"
    hint = "Copy it again from where it was written, or write it again; no file of it was used unverified."


class PinConflict(ModelError):
    """The model '{name}' has other contents here: {why}."""

    code = "pin_conflict"
    hint = "To replace it, delete it here with its recorded digests: `care-voice models rm {name} --forget`."


class DecryptionFailed(ModelError):
    """'{path}' cannot be decrypted: {why}."""

    code = "decryption_failed"
    hint = "Give the file with the private key of one of its recipients (--identity); copy a damaged file again."


class TargetUnwritable(ModelError):
    """'{path}' cannot be written: {why}."""

    code = "target_unwritable"
    hint = "What was there before is as it was; choose a place that can be written to."


class TransferIncomplete(ModelError):
    """Not all models were transferred by way of '{path}': {why}. Whole: {whole}."""

    code = "transfer_incomplete"
    hint = "Mend the cause and run the same command again: what is whole is not copied again."


class StoreUnwritable(ModelError):
    """The model store {path} cannot be written: {why}."""

    code = "store_unwritable"
    hint = "Give the service's user write access to the directory, or set CARE_VOICE_DATA_DIR."


class DiskFull(ModelError):
    """There is not enough disk space in {path}: {needed_bytes} bytes are needed, {free_bytes} are free."""

    code = "disk_full"
    hint = "Free some space, or set CARE_VOICE_DATA_DIR to a larger disk."
