"""The real service over workers that count their windows: `python -m support.counting_service serve`."""

from __future__ import annotations

from care_voice.cli import main
from care_voice.supervisor import spawning

spawning.WORKER_MODULE = "support.counting_worker"

if __name__ == "__main__":
    main()
