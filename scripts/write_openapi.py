"""Write web/openapi.json, from which `npm run generate` makes the web app's types.

Run it with `.venv/bin/python scripts/write_openapi.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from care_voice.api.server import create_app
from care_voice.api.services import ApiServices
from care_voice.api.settings import ApiSettings

TARGET = Path(__file__).resolve().parents[1] / "web" / "openapi.json"


def description() -> str:
    """What the service answers at /openapi.json, the version of the program left out: it changes nothing."""
    # The routes are described without a service behind them.
    services = cast("ApiServices", SimpleNamespace(settings=ApiSettings(), metrics=None))
    schema: dict[str, Any] = create_app(services).openapi()
    schema["info"]["version"] = "1"
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(description(), encoding="utf-8")
    print(f"wrote {TARGET}", file=sys.stderr)
