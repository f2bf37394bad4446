"""Which tests one process of pytest-xdist runs: those of a module, or of a folder whose modules share a lot."""

from __future__ import annotations

from typing import Any

import pytest

TOGETHER = {
    "tests/acceptance/containers/": "containers",
    "tests/acceptance/deploy/test_container_rollouts.py": "containers",
    "tests/browser/engines/": "engines",
}
"""How a test's id begins, and whom it stays with. One image, for whose build another process would only wait; one
service with recordings in it."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Called where tests are shared out, whatever `--dist` says."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - most runs share nothing out

    class Sharing(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            places = (place for begin, place in TOGETHER.items() if nodeid.startswith(begin))
            return next(places, None) or super()._split_scope(nodeid)

    return Sharing(config, log)
