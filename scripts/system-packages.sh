# Sourced by test.sh: browsers, fonts and a microphone for the browser tests and a PostgreSQL server, from the system's
# package manager.

BROWSER=(chromium fonts-noto-cjk fonts-thai-tlwg fontconfig)
MICROPHONE=(pulseaudio pulseaudio-utils)
FIREFOX=(firefox-esr)
# WebKit decodes and records by GStreamer, keeps its pages in a sandbox, and needs a display, of which Xvfb makes one.
WEBKIT=(webkit2gtk-driver libwebkit2gtk-4.1-0 xvfb xauth dbus bubblewrap xdg-dbus-proxy gstreamer1.0-plugins-base
  gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav gstreamer1.0-pulseaudio)

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

install_system_packages() {
  local packages=()
  has_browser || packages+=("${BROWSER[@]}")
  has_microphone || packages+=("${MICROPHONE[@]}")
  has_firefox || packages+=("${FIREFOX[@]}")
  has_webkit || packages+=("${WEBKIT[@]}")
  has_postgres || packages+=(postgresql)
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
