# Sourced by prepare and upgrade: which engine, which files, which image.

engine=${ENGINE:-$(basename "$(command -v podman || command -v docker)")}

# COMPOSE_FILE holds what you give with -f, as Compose itself understands it.
compose() {
  if [ "$engine" = podman ]; then podman-compose "$@"; else docker compose "$@"; fi
}

# setting NAME DEFAULT: from the environment, else from .env.
setting() {
  local value=${!1:-}
  [ -n "$value" ] || value=$(sed -n "s/^$1=//p" .env 2>/dev/null | tail -n 1)
  echo "${value:-$2}"
}

image() { setting IMAGE localhost/care-voice:0.1.0; }
