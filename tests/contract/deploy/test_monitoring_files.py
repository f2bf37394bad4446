"""Rules, dashboard and scrape settings, read by Prometheus' own tools; their metrics, looked up where they are made."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from care_voice.telemetry.metrics import Metrics
from support.deploy_files import DEPLOY, checked, compose, tool
from support.waiting import wait_until

FOLDER = DEPLOY / "monitoring"
RULES = FOLDER / "care-voice.rules.yaml"
DASHBOARD = FOLDER / "grafana" / "dashboards" / "care-voice.json"


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def expressions() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [*(rule["expr"] for rule in alerts()), *shown]


def metrics_in(expression: str, prefix: str) -> set[str]:
    """Names of metrics, not of labels' values."""
    return set(re.findall(rf"\b{prefix}_\w+", re.sub(r'"[^"]*"', '""', expression)))


def of_the_service() -> Iterator[str]:
    for family in Metrics().registry.collect():
        yield from {family.name, *(f"{family.name}_{end}" for end in ("total", "bucket", "sum", "count"))}


def test_every_metric_is_one_of_the_service() -> None:
    known = set(of_the_service())
    for expression in expressions():
        for prefix in ("care_voice", "process"):
            assert metrics_in(expression, prefix) <= known, expression


def test_every_metric_of_the_entrance_is_one_of_haproxy(tmp_path: Path) -> None:
    program, config = tool("haproxy"), tmp_path / "haproxy.cfg"
    part = (DEPLOY / "compose" / "entrance-metrics.cfg").read_text(encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, descriptor = listener.getsockname()[1], listener.fileno()
        config.write_text(_ONE_SERVER + part.replace("bind :3004", f"bind fd@{descriptor}"), encoding="utf-8")
        process = subprocess.Popen([program, "-db", "-f", str(config)], pass_fds=(descriptor,))
    try:
        wait_until(lambda: read(port, "/healthy") == "ok", "HAProxy answers")
        told = set(re.findall(r"^(haproxy_\w+)", read(port, "/metrics"), re.MULTILINE))
    finally:
        process.kill()
        process.wait()
    used = set().union(*(metrics_in(expression, "haproxy") for expression in expressions()))
    assert used
    assert used <= told


_ONE_SERVER = """
defaults
    mode http
    timeout connect 1s
    timeout client 9s
    timeout server 9s
backend pair
    server blue 127.0.0.1:1
"""


def read(port: int, path: str) -> str:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return ""


def test_prometheus_takes_the_rules_and_they_sound_when_they_should() -> None:
    checked(tool("promtool"), "check", "rules", RULES)
    checked(tool("promtool"), "test", "rules", FOLDER / "care-voice.rules.test.yaml")


def test_prometheus_takes_the_scrape_settings(tmp_path: Path) -> None:
    token = tmp_path / "operator.token"
    token.write_text("secret", encoding="utf-8")
    config = tmp_path / "prometheus.yaml"
    text = (FOLDER / "prometheus.yaml").read_text(encoding="utf-8")
    config.write_text(text.replace("/run/secrets/operator.token", str(token)), encoding="utf-8")
    (tmp_path / RULES.name).write_bytes(RULES.read_bytes())
    checked(tool("promtool"), "check", "config", config)
    checked(tool("amtool"), "check-config", FOLDER / "alertmanager.yaml")


def test_prometheus_scrapes_what_the_compose_file_runs() -> None:
    services = compose("compose.yaml")["services"]
    jobs = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    targets = {target for job in jobs for each in job["static_configs"] for target in each["targets"]}
    assert targets == {"blue:3000", "green:3000", "entrance:3004", "127.0.0.1:9090"}
    assert {target.partition(":")[0] for target in targets} - {"127.0.0.1"} <= set(services)
    hosts = services["blue"]["environment"]["CARE_VOICE_API__ALLOWED_HOSTS"].split(",")
    assert {"blue", "green"} <= set(hosts)


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names))
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "action"}


def test_the_dashboard_reads_by_its_own_source_and_its_panels_do_not_overlap() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert dashboard["uid"] == "care-voice"
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        columns, rows = (range(place[at], place[at] + place[size]) for at, size in (("x", "w"), ("y", "h")))
        cells = set(product(columns, rows))
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${source}"}


def test_prometheus_can_read_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    queries = [target["expr"].replace("$__rate_interval", "5m") for panel in panels() for target in panel["targets"]]
    rules = [{"record": f"query:{index}", "expr": query} for index, query in enumerate(queries)]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    assert f"{len(queries)} rules found" in checked(tool("promtool"), "check", "rules", path)
