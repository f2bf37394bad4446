"""Reads reports of `pip install --report`, and prints what was installed: names, versions, licences and digests.

The reports themselves name the index that a build used, which is nobody else's business.
"""

import json
import sys
from pathlib import Path


def main() -> None:
    """Print one JSON array, sorted by name."""
    items = [item for report in sys.argv[1:] for item in json.loads(Path(report).read_bytes())["install"]]
    installed = [
        {
            "name": item["metadata"]["name"],
            "version": item["metadata"]["version"],
            "licence": item["metadata"].get("license_expression") or item["metadata"].get("license"),
            "sha256": item["download_info"]["archive_info"]["hashes"]["sha256"],
        }
        for item in items
    ]
    json.dump(sorted(installed, key=lambda each: each["name"].lower()), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
