"""What a build makes, and that there is no image without verified models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import care_voice
from care_voice.models.catalogue import Catalogue
from support.containers import BUILD_TIMEOUT_S, IMAGE, PROJECT, ContainerFailed, ContainerLab

pytestmark = pytest.mark.timeout(BUILD_TIMEOUT_S)

_BROKEN = "localhost/care-voice:broken"


def test_a_flipped_byte_of_a_model_ends_the_build_and_names_the_file(
    container_lab: ContainerLab, container_image: str, model_store: Path, tmp_path: Path
) -> None:
    shutil.copytree(model_store / "views" / "base", tmp_path / "base")
    model = tmp_path / "base" / "model.bin"
    model.chmod(0o644)
    with model.open("r+b") as file:
        file.seek(100_000_000)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))

    with pytest.raises(ContainerFailed) as failed:
        container_lab.build(_BROKEN, models_from=tmp_path, MODEL_SOURCES="directory")

    said = str(failed.value)
    assert "model.bin" in said
    assert "digest" in said
    assert container_lab.podman("images", "--quiet", _BROKEN).strip() == ""


def test_the_image_says_what_it_is(container_lab: ContainerLab, container_image: str) -> None:
    image = json.loads(container_lab.podman("image", "inspect", container_image))[0]
    config = image["Config"]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=True)
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["version"] == care_voice.__version__
    assert labels["revision"].removesuffix("-dirty") == head.stdout.strip()
    assert labels["licenses"] == "MIT"
    assert labels["created"].endswith("Z")
    assert config["User"] == "10001:10001"
    assert list(config["ExposedPorts"]) == ["3000/tcp"]
    assert list(config["Volumes"]) == ["/data"]
    assert "healthcheck.py" in " ".join(image["Healthcheck"]["Test"])


def test_the_list_of_contents_has_packages_and_models_with_their_digests(
    container_lab: ContainerLab, container_image: str
) -> None:
    contents = json.loads(container_lab.sbom(container_image).read_bytes())
    components: dict[str, Any] = {each["bom-ref"]: each for each in contents["components"]}
    locked = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    python = {ref: each for ref, each in components.items() if ref.startswith("pkg:pypi/")}
    assert len(python) > 60
    for each in python.values():
        assert f"{each['name']}=={each['version']} " in locked
        assert [f"sha256:{digest['content']}" in locked for digest in each["hashes"]] == [True]
    assert any(ref.startswith("pkg:deb/debian/libc6@") for ref in components)
    assert {file["name"]: file["hashes"][0]["content"] for file in components["model:base"]["components"]} == {
        f"base/{file.name}": file.sha256 for file in Catalogue.load().get("base").files
    }


def test_nothing_of_the_machine_that_built_it_stays_in_the_image(
    container_lab: ContainerLab, container_image: str
) -> None:
    unwanted = ("pip.conf", ".npmrc", "with-machine", ".git", "node_modules", "given")
    names = [word for name in unwanted for word in ("-o", "-name", name)][1:]
    found = container_lab.podman(
        "run", "--rm", "--no-healthcheck", "--network=none", "--user=0", "--entrypoint=find", IMAGE,
        "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/sys", ")", "-prune", "-o", "(", *names, ")", "-print",
    )  # fmt: skip
    assert found.split() == []
