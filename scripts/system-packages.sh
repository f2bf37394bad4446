# Sourced by test.sh: a browser and fonts for the browser tests, from the system's package manager.

install_system_packages() {
  if command -v chromium >/dev/null && fc-list :lang=zh 2>/dev/null | grep -q .; then return; fi
  if ! command -v apt-get >/dev/null; then
    say "No apt-get here: install chromium and Chinese fonts yourself, or the browser tests are skipped."
    return
  fi
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  say "Installing chromium and fonts for the browser tests"
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    chromium fonts-noto-cjk fontconfig >/dev/null
}
