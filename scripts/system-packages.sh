# Sourced by start.sh, test.sh and .ci/run. From the system's package manager: the proxy that stands before the service; for
# the tests browsers, fonts, a microphone, a PostgreSQL server, containers and systemd's own tools.

BROWSER=(chromium fonts-noto-cjk fonts-thai-tlwg fontconfig)
MICROPHONE=(pulseaudio pulseaudio-utils)
FIREFOX=(firefox-esr)
# WebKit decodes and records by GStreamer, keeps its pages in a sandbox, and needs a display, of which Xvfb makes one.
WEBKIT=(webkit2gtk-driver libwebkit2gtk-4.1-0 xvfb xauth dbus bubblewrap xdg-dbus-proxy gstreamer1.0-plugins-base
  gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav gstreamer1.0-pulseaudio)
# Images are built on a base that mmdebstrap makes: no registry is needed. crun, which Debian prefers, wants systemd.
CONTAINERS=(podman buildah runc mmdebstrap iptables)
ENTRANCE=(haproxy)

has_browser() { command -v chromium >/dev/null && has_font zh && has_font th; }
has_font() { fc-list ":lang=$1" 2>/dev/null | grep -q .; }
has_microphone() { command -v pulseaudio >/dev/null && command -v paplay >/dev/null && command -v pactl >/dev/null; }
has_firefox() { command -v firefox-esr >/dev/null || command -v firefox >/dev/null; }
has_webkit() {
  command -v WebKitWebDriver >/dev/null && command -v Xvfb >/dev/null &&
    compgen -G "/usr/lib*/*/gstreamer-1.0/libgstpulseaudio.so" >/dev/null &&
    compgen -G "/usr/lib*/*/gstreamer-1.0/libgstlibav.so" >/dev/null &&
    compgen -G "/usr/lib*/*/gstreamer-1.0/libgstvoaacenc.so" >/dev/null
}
has_postgres() { compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || command -v initdb >/dev/null; }
has_containers() {
  command -v podman >/dev/null && command -v runc >/dev/null && command -v mmdebstrap >/dev/null &&
    command -v iptables >/dev/null
}
has_entrance() { command -v haproxy >/dev/null; }

install_system_packages() {
  local packages=()
  has_browser || packages+=("${BROWSER[@]}")
  has_microphone || packages+=("${MICROPHONE[@]}")
  has_firefox || packages+=("${FIREFOX[@]}")
  has_webkit || packages+=("${WEBKIT[@]}")
  has_postgres || packages+=(postgresql)
  has_containers || packages+=("${CONTAINERS[@]}")
  has_entrance || packages+=("${ENTRANCE[@]}")
  command -v systemd-analyze >/dev/null || packages+=(systemd)
  [ ${#packages[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "No apt-get here: install ${packages[*]} yourself, or their tests are skipped."
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

# For start.sh: the service runs without it too, but then it cannot be exchanged while it runs.
install_entrance() {
  local as_root=()
  if has_entrance || [ "${CARE_VOICE_ENTRANCE__ENABLED:-true}" = false ]; then return; fi
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
    say "Installing haproxy, the entrance to the service"
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${ENTRANCE[@]}" >/dev/null 2>&1 ||
      { "${as_root[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq \
        --no-install-recommends "${ENTRANCE[@]}" >/dev/null; } || say "haproxy could not be installed."
  fi
  has_entrance || say "Install haproxy to exchange the service while it runs; without it an upgrade is a restart."
}
