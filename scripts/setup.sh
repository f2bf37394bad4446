# Sourced by start.sh, test.sh and .ci/run: the virtual environment and the web app, each only when something changed.
# Needs Python 3.11 or later; Node comes from the package index where the machine has none that is recent enough.

VENV=.venv

say() { printf '%s\n' "$*" >&2; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3.14 python3; do
    if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  say "Care Voice needs Python 3.11 or later; set PYTHON to its path if it is not on PATH."
  return 1
}

# changed NAME FILE...: true unless the files are as they were when `done_with NAME FILE...` was last called.
stamp_of() { cat "$@" | sha256sum | cut -d ' ' -f 1; }
changed() { [ "$(cat "$VENV/.stamp-$1" 2>/dev/null)" != "$(stamp_of "${@:2}")" ]; }
done_with() { stamp_of "${@:2}" > "$VENV/.stamp-$1"; }

setup_venv() {
  # pip comes last: without it the environment was broken off while it was made, and is made anew.
  if [ ! -x "$VENV/bin/pip" ]; then
    local python
    python=$(find_python)
    say "Making the virtual environment with $python"
    "$python" -m venv "$VENV"
  fi
  install_locked requirements-pip.lock
  install_locked requirements.lock
  if changed project pyproject.toml; then
    "$VENV/bin/python" -m pip install --quiet --no-deps --editable .
    done_with project pyproject.toml
  fi
}

install_locked() {
  changed "$1" "$1" || return 0
  say "Installing the packages of $1"
  "$VENV/bin/python" -m pip install --quiet --require-hashes --requirement "$1"
  done_with "$1" "$1"
}

node_is_recent() {
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a >= 22 || (a == 20 && b >= 19) ? 0 : 1)' \
    2>/dev/null && [ "$(npm --version 2>/dev/null | cut -d . -f 1)" -ge 11 ] 2>/dev/null
}

setup_node() {
  node_is_recent && return
  export PATH="$PWD/$VENV/bin:$PATH"
  install_locked requirements-node.lock
}

# npm runs inside web/: with --prefix it would not read the machine's own npmrc, and with it the proxy or certificates.
in_web() { (cd web && npm "$@"); }

install_web_packages() {
  if [ -d web/node_modules ] && ! changed node_modules web/package-lock.json; then return; fi
  in_web ci --no-fund --no-audit --no-update-notifier --loglevel=error >&2
  done_with node_modules web/package-lock.json
}

web_sources() { find web -path web/node_modules -prune -o -type f -print | LC_ALL=C sort; }

setup_web() {
  local sources
  mapfile -t sources < <(web_sources)
  if [ -f src/care_voice/api/static/index.html ] && ! changed web "${sources[@]}"; then return; fi
  setup_node
  say "Building the web app"
  install_web_packages
  in_web run build --silent -- --logLevel error >&2
  done_with web "${sources[@]}"
}
