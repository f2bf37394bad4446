# Sourced by test.sh: a browser and fonts for the browser tests and a PostgreSQL server, from the system's package manager.

has_browser() { command -v chromium >/dev/null && fc-list :lang=zh 2>/dev/null | grep -q .; }
has_postgres() { compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || command -v initdb >/dev/null; }

install_system_packages() {
  local packages=()
  has_browser || packages+=(chromium fonts-noto-cjk fontconfig)
  has_postgres || packages+=(postgresql)
  [ ${#packages[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "No apt-get here: install chromium, Chinese fonts and PostgreSQL yourself, or their tests are skipped."
    return
  fi
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  say "Installing what the tests need: ${packages[*]}"
  "${as_root[@]}" apt-get update -qq
  # The tests start a server of their own, so that none is made and started by the package.
  "${as_root[@]}" mkdir -p /etc/postgresql-common/createcluster.d
  echo "create_main_cluster = false" | "${as_root[@]}" tee /etc/postgresql-common/createcluster.d/care-voice.conf >/dev/null
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}
