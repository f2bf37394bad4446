"""The tie of a child process to its parent."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """On Linux the kernel kills this process when its parent dies, also while it is stopped by a signal.

    The kernel means the thread that started this process: that thread must live as long as the work is wanted.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
