#!/usr/bin/env bash
# Moves the running service to another version of this repository without anyone noticing:
#
#   ./deploy.sh [REVISION] [OPTIONS OF `care-voice deploy start`]
#
# The revision (HEAD without one) is checked out and set up in data/releases/, beside what runs, and rolled out from
# there: started, proved, given more and more of the traffic, and taken back by itself where it fails.
set -euo pipefail
cd "$(dirname "$0")"
root=$PWD
revision=HEAD
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  revision=$1
  shift
fi
commit=$(git rev-parse --verify --short=12 "$revision^{commit}")
releases="${CARE_VOICE_DATA_DIR:-$root/data}/releases"
mkdir -p "$releases"
# As `deploy unused` names it, below: the whole path, without links.
releases=$(cd "$releases" && pwd -P)
release="$releases/$commit"
if [ ! -e "$release/.git" ]; then
  git worktree prune
  git worktree add --force --detach "$release" "$commit" >/dev/null
fi
(
  cd "$release"
  source scripts/setup.sh
  setup_venv
  setup_web
)
# What runs in a slot stays, and so does the newest that was set up; everything older goes.
"$root/.venv/bin/care-voice" deploy unused "$releases" | while read -r old; do
  [ "$old" = "$release" ] || git worktree remove --force "$old"
done
exec "$root/.venv/bin/care-voice" deploy start "$release" "$@"
