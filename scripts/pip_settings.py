"""pip's settings on this machine as one file, for a build elsewhere: without what lies on this machine's disks."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

_LINE = re.compile(r"^(?P<section>[^.]+)\.(?P<name>[\w-]+)=(?P<value>'.*'|\".*\")$")
_OF_THIS_MACHINE = ("/", "~", "file:")


def main() -> None:
    """Print them in the form of pip.conf; variables of the environment count as the section `global`."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    sections: dict[str, dict[str, str]] = {}
    for found in filter(None, map(_LINE.match, listed.splitlines())):
        words = [word for word in ast.literal_eval(found["value"]).split() if not word.startswith(_OF_THIS_MACHINE)]
        if words:
            section = "global" if found["section"] == ":env:" else found["section"]
            sections.setdefault(section, {})[found["name"]] = " ".join(words)
    for section, values in sections.items():
        print(f"[{section}]", *(f"{name} = {value}" for name, value in values.items()), sep="\n")


if __name__ == "__main__":
    main()
