"""The chart, by helm itself and by the schemas of Kubernetes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.deploy_files import CHART, checked, examples, rendered_chart, tool

VALUES = [None, *examples()]
CUSTOM = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}
"""Kinds that Kubernetes itself does not know."""


def named(path: Path | None) -> str:
    return path.stem if path else "default"


def rendered(values: Path | None) -> list[Any]:
    return rendered_chart(*([] if values is None else ["--values", str(values)]))


def of_kind(manifests: list[Any], kind: str) -> Any:
    return next((each for each in manifests if each["kind"] == kind), None)


def refusal(*options: str) -> str:
    ran = subprocess.run(
        [tool("helm"), "template", "demo", str(CHART), *options], capture_output=True, text=True, check=False
    )
    assert ran.returncode != 0
    return ran.stderr


def test_lint() -> None:
    for values in VALUES:
        checked(tool("helm"), "lint", "--strict", CHART, *([] if values is None else ["--values", values]))


@pytest.mark.parametrize("version", ["1.27", "1.37"])
def test_every_manifest_is_what_kubernetes_knows(version: str, tmp_path: Path) -> None:
    manifests = [each for values in VALUES for each in rendered(values)]
    known = [each for each in manifests if each["kind"] not in CUSTOM]
    assert {each["kind"] for each in manifests} - {each["kind"] for each in known} == CUSTOM
    path = tmp_path / "manifests.yaml"
    path.write_text(yaml.safe_dump_all(known), encoding="utf-8")
    said = checked(tool("kubernetes-validate"), "--strict", "--kubernetes-version", version, path)
    assert said.count(" passed ") == len(known)
    assert "WARN" not in said


@pytest.mark.parametrize("values", VALUES, ids=named)
def test_containers_have_no_rights_that_they_do_not_need(values: Path | None) -> None:
    for manifest in rendered(values):
        pod = (
            manifest["spec"] if manifest["kind"] == "Pod" else manifest.get("spec", {}).get("template", {}).get("spec")
        )
        if not pod:
            continue
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("values", VALUES, ids=named)
def test_an_end_is_waited_for_and_a_start_without_a_model_is_no_loop(values: Path | None) -> None:
    pod = of_kind(rendered(values), "Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    drain = next(each["value"] for each in container["env"] if each["name"] == "CARE_VOICE_LIFECYCLE__DRAIN_TIMEOUT_S")
    leave = container["lifecycle"]["preStop"]["exec"]["command"][1]
    assert pod["terminationGracePeriodSeconds"] > float(drain) + float(leave)
    assert container["startupProbe"]["httpGet"]["path"] == "/health/live"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_replicas_are_replaced_without_a_pause_and_one_with_sqlite_is_not() -> None:
    cluster, alone = rendered(CHART / "examples" / "cluster.yaml"), rendered(None)
    strategy = of_kind(cluster, "Deployment")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert of_kind(cluster, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert of_kind(cluster, "PersistentVolumeClaim") is None
    assert of_kind(alone, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert of_kind(alone, "PodDisruptionBudget") is None
    assert of_kind(alone, "PersistentVolumeClaim")["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_it_scales_by_what_waits() -> None:
    scaler = of_kind(rendered(CHART / "examples" / "cluster.yaml"), "HorizontalPodAutoscaler")["spec"]
    assert scaler["metrics"][0]["pods"]["metric"]["name"] == "care_voice_queue_audio_seconds"
    assert "replicas" not in of_kind(rendered(CHART / "examples" / "cluster.yaml"), "Deployment")["spec"]


def test_the_names_of_ways_in_are_allowed_hosts() -> None:
    manifests = rendered(CHART / "examples" / "cluster.yaml")
    env = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    hosts = next(each["value"] for each in env if each["name"] == "CARE_VOICE_API__ALLOWED_HOSTS").split(",")
    service = of_kind(manifests, "Service")["metadata"]["name"]
    assert {of_kind(manifests, "Ingress")["spec"]["rules"][0]["host"], service} <= set(hosts)


def test_the_rules_of_the_operator_are_those_of_the_file() -> None:
    rules = of_kind(rendered(CHART / "examples" / "cluster.yaml"), "PrometheusRule")["spec"]
    assert rules == yaml.safe_load((CHART / "files" / "care-voice.rules.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "replicas=2"], "More than one replica"),
        (["--set", "database.kind=postgresql"], "database.existingSecret"),
        (["--set", "audio.kind=s3"], "audio.s3.bucket"),
        (["--set", "serviceMonitor.enabled=true"], "operator.existingSecret"),
        (["--set", "settings.CARE_VOICE_MODEL=base"], "without CARE_VOICE_"),
        (["--set", "replcas=2"], "replcas"),
        (["--set", "shutdown.drainS=soon"], "drainS"),
        (["--set", "image.digest=latest"], "digest"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_that_cannot_work_are_refused(options: list[str], told: str) -> None:
    assert told in refusal(*options)


def test_numbers_of_settings_arrive_as_they_are_read(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    settings = {"DISK__LOW_BYTES": 1073741824, "DEPLOY__LATENCY_RATIO": 1.25, "ENTRANCE__ENABLED": False}
    values.write_text(yaml.safe_dump({"settings": settings}), encoding="utf-8")
    pod = of_kind(rendered(values), "Deployment")["spec"]["template"]["spec"]
    given = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    told = {name: given[f"CARE_VOICE_{name}"] for name in settings}
    assert told == {"DISK__LOW_BYTES": "1073741824", "DEPLOY__LATENCY_RATIO": "1.25", "ENTRANCE__ENABLED": "false"}
