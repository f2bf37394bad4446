#!/usr/bin/env bash
# Installs what the tests need, system packages too, and runs all of them; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
source scripts/setup.sh
source scripts/beside.sh
source scripts/system-packages.sh
source scripts/deploy-tools.sh

# These measure memory, keep all cores busy or record in real time: they have the machine to themselves.
ALONE=(tests/chaos tests/browser/recording tests/browser/engines/test_{every_engine_records,newcomer}.py)
# Tests wait a lot: for workers that start, for a browser, for a disk.
WORKERS=${TEST_WORKERS:-$(($(nproc) + 1))}
# Images of Python switch this on. Here hundreds of processes would compile the program, and each pytest all tests, anew.
unset PYTHONDONTWRITEBYTECODE

# One after the other: apt does one thing at a time.
install_debian_packages() {
  install_system_packages
  unpack_debian_tools
}

pytest() { "$VENV/bin/python" -m pytest "$@"; }

beside system-packages install_debian_packages
setup_venv
install_locked requirements-dev.lock
beside deploy-tools install_python_tools
setup_node
beside model "$VENV/bin/care-voice" models pull base
setup_web
install_web_packages
in_web test --silent
joined model system-packages deploy-tools
if [ $# -gt 0 ]; then
  pytest "$@"
  exit
fi
failed=()
# support.sharing says which stay together. The order puts those that take long before `unit`.
pytest "${ALONE[@]/#/--ignore=}" --numprocesses "$WORKERS" --no-loadscope-reorder || failed+=(shared)
pytest "${ALONE[@]}" || failed+=(alone)
[ ${#failed[@]} -eq 0 ] || { say "Tests failed: ${failed[*]}"; exit 1; }
