"""The real service over workers that break when they are told to: `python -m support.faulty_service serve`."""

from __future__ import annotations

from care_voice.cli import main
from care_voice.supervisor import spawning

spawning.WORKER_MODULE = "support.faulty_worker"

if __name__ == "__main__":
    main()
