#!/usr/bin/env bash
# Sets up whatever is missing, then starts Care Voice in the background and waits until it is ready.
# ./start.sh --foreground runs it in this terminal instead, without an entrance before it.
set -euo pipefail
cd "$(dirname "$0")"
source scripts/setup.sh
source scripts/system-packages.sh
setup_venv
setup_web
if [ "${1:-}" = --foreground ]; then exec "$VENV/bin/care-voice" serve; fi
install_entrance
"$VENV/bin/care-voice" models pull
exec "$VENV/bin/care-voice" start "$@"
