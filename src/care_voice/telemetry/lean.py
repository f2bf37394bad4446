"""structlog without what it brings along."""

from __future__ import annotations

import sys
from importlib import import_module


def import_structlog() -> None:
    """Import structlog, and not rich: it would, for a way to show tracebacks that is not used here. No other thread may
    be importing anything.
    """
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment] # what Python documents for a module that must not be found
    try:
        import_module("structlog")
    finally:
        del sys.modules["rich"]
