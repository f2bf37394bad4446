#!/usr/bin/env bash
# Sets up whatever is missing, then starts Care Voice in the background and waits until it is ready.
# ./start.sh --foreground runs it in this terminal instead, without an entrance before it.
set -euo pipefail
cd "$(dirname "$0")"
source scripts/setup.sh
source scripts/system-packages.sh

# Whether a service or its steward runs on the data directory, by the locks that they hold.
runs_already() {
  local data="${CARE_VOICE_DATA_DIR:-data}" lock
  for lock in "$data"/deploy/steward.lock "$data"/run/server.lock "$data"/slots/*/run/server.lock; do
    if [ -e "$lock" ] && ! flock --nonblock "$lock" true; then return 0; fi
  done
  return 1
}

# Packages and pages are not changed under a service that runs: ./deploy.sh brings another version out beside it.
if [ -x "$VENV/bin/care-voice" ] && runs_already; then
  [ "${1:-}" != --foreground ] || shift
  exec "$VENV/bin/care-voice" start "$@"
fi
setup_venv
setup_web
if [ "${1:-}" = --foreground ]; then exec "$VENV/bin/care-voice" serve; fi
install_entrance
"$VENV/bin/care-voice" models pull
exec "$VENV/bin/care-voice" start "$@"
