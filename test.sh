#!/usr/bin/env bash
# Installs what the tests need, system packages too, and runs all of them; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
source scripts/setup.sh
source scripts/system-packages.sh
source scripts/deploy-tools.sh
setup_venv
install_locked requirements-dev.lock
setup_web
install_system_packages
install_deploy_tools
setup_node
install_web_packages
in_web test --silent
"$VENV/bin/care-voice" models pull base
exec "$VENV/bin/python" -m pytest "$@"
