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

# Else one would take away what another one is still setting up. Held until the rollout has ended.
exec 9>"$releases/.lock"
flock --nonblock 9 || { echo "Another ./deploy.sh is under way." >&2; exit 1; }

unused() { "$root/.venv/bin/care-voice" deploy unused "$releases"; }

# Whether it was checked out to the end: a kill in the middle leaves Git's own lock behind.
is_whole() {
  local of_git
  [ -e "$1/.git" ] && of_git=$(git -C "$1" rev-parse --git-dir 2>/dev/null) && ! grep -qx initializing "$of_git/locked" 2>/dev/null
}

take_away() {
  git worktree unlock "$1" 2>/dev/null || true
  git worktree remove --force "$1" 2>/dev/null || rm -rf "$1"
  git worktree prune
}

unused | while read -r old; do is_whole "$old" || take_away "$old"; done
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
unused | while read -r old; do [ "$old" = "$release" ] || take_away "$old"; done
exec "$root/.venv/bin/care-voice" deploy start "$release" "$@"
