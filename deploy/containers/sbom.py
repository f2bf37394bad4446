"""Writes what is in the image as CycloneDX JSON: Python packages, Debian packages, and models, each with its digests.

Python packages come from pip's own report, so that the digest is that of the very file that was installed; Debian
packages from dpkg; models from the catalogue, with which the build has just compared their bytes.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

_SCHEMA = SchemaVersion.V1_6
_FIELDS = "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n"


def main() -> None:
    """Write the list, or end with 1 where it would not be valid."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--packages", type=Path, required=True, help="what installed.py wrote")
    parser.add_argument("--models", type=Path, required=True, help="a folder of what `care-voice models show` said")
    parser.add_argument("--version", required=True)
    parser.add_argument("--epoch", type=int, required=True, help="seconds since 1970 that the list says it is from")
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args()
    components = [*_python(given.packages), *_debian(), *map(_model, sorted(given.models.glob("*.json")))]
    text = _written(components, given.version, datetime.fromtimestamp(given.epoch, UTC))
    fault = JsonStrictValidator(_SCHEMA).validate_str(text)
    if fault is not None:
        sys.exit(f"the list of contents is not valid CycloneDX: {fault}")
    given.output.write_text(text, encoding="utf-8")


def _written(components: list[Component], version: str, at: datetime) -> str:
    program = Component(
        name="care-voice",
        version=version,
        type=ComponentType.CONTAINER,
        licenses=[LicenseFactory().make_with_id("MIT")],
    )
    bom = Bom(components=components)
    bom.metadata.component = program
    bom.metadata.timestamp = at
    bom.register_dependency(program, components)
    # The same contents have the same number, so that the same build gives the same bytes.
    contents = sorted(f"{each.bom_ref.value or each.purl or each.name}" for each in components)
    bom.serial_number = uuid5(NAMESPACE_URL, "\n".join((version, at.isoformat(), *contents)))
    return make_outputter(bom, OutputFormat.JSON, _SCHEMA).output_as_string(indent=1)


def _python(packages: Path) -> Iterator[Component]:
    for each in json.loads(packages.read_bytes()):
        name = re.sub(r"[-_.]+", "-", each["name"]).lower()
        purl = PackageURL("pypi", name=name, version=each["version"])
        yield Component(
            name=name,
            version=each["version"],
            purl=purl,
            bom_ref=str(purl),
            hashes=[_sha256(each["sha256"])],
            licenses=_licences(each["licence"]),
        )


def _debian() -> Iterator[Component]:
    system = platform.freedesktop_os_release()
    listed = subprocess.run(
        ["/usr/bin/dpkg-query", "--show", f"--showformat={_FIELDS}"], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        name, version, architecture, source, source_version = line.split("\t")
        qualifiers = {"arch": architecture, "distro": f"{system['ID']}-{system['VERSION_ID']}"}
        if source != name:
            qualifiers["upstream"] = f"{source}@{source_version}"
        purl = PackageURL("deb", system["ID"], name, version, qualifiers)
        yield Component(name=name, version=version, purl=purl, bom_ref=str(purl))


def _model(shown: Path) -> Component:
    model: dict[str, Any] = json.loads(shown.read_bytes())
    files = [
        Component(
            name=f"{model['name']}/{file['name']}",
            type=ComponentType.FILE,
            bom_ref=f"model:{model['name']}/{file['name']}",
            hashes=[_sha256(file["sha256"])],
        )
        for file in model["files"]
    ]
    return Component(
        name=model["name"],
        version=model["revision"],
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{model['name']}",
        licenses=_licences(model["licence"]),
        components=files,
        properties=[Property(name="care-voice:origin", value=model["origin"])],
    )


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest)


def _licences(text: str | None) -> list[License]:
    """A name, or an expression of SPDX; what packages write in that field can be a whole licence, and is left out."""
    if not text or len(text) > 200 or "\n" in text:
        return []
    return [LicenseFactory().make_from_string(text)]


if __name__ == "__main__":
    main()
