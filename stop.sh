#!/usr/bin/env bash
# Lets Care Voice finish the transcriptions it has in hand, then stops it.
set -euo pipefail
cd "$(dirname "$0")"
if [ ! -x .venv/bin/care-voice ]; then echo "Care Voice was never started here."; exit 0; fi
exec .venv/bin/care-voice stop
