"""What is done about a signature: the policy, the comparison of files, the notice before expiry. No I/O here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from care_voice.domain.model_errors import SignatureProblem

Policy = Literal["off", "warn", "require"]
Verdict = Literal["pass", "warn", "refuse"]

EXPIRY_NOTICE = timedelta(days=30)
"""How long before a certificate expires it is said: long enough to get a new one and sign again."""

_NAMED_AT_MOST = 3


def apply_policy(policy: Policy, problem: SignatureProblem | None) -> Verdict:
    """Decide about a model whose signature has this problem; None means that the signature is valid."""
    if policy == "off" or problem is None:
        return "pass"
    return "refuse" if policy == "require" else "warn"


def difference(signed: Mapping[str, object], found: Mapping[str, object]) -> str:
    """Say how the files that were found differ from those that were signed; empty when they are the same.

    Both map the name of a file to its digest.
    """
    faults = (
        ("missing", signed.keys() - found.keys()),
        ("not signed", found.keys() - signed.keys()),
        ("altered", {name for name in signed.keys() & found.keys() if signed[name] != found[name]}),
    )
    return "; ".join(f"{fault}: {_listed(names)}" for fault, names in faults if names)


def expires_soon(expires_at: datetime | None, now: datetime) -> bool:
    """Whether the notice before expiry is due."""
    return expires_at is not None and expires_at - now <= EXPIRY_NOTICE


def _listed(names: set[str]) -> str:
    """The first names, quoted: a stranger's file may be called anything, line breaks included."""
    more = len(names) - _NAMED_AT_MOST
    listed = ", ".join(repr(name) for name in sorted(names)[:_NAMED_AT_MOST])
    return f"{listed} and {more} more" if more > 0 else listed
