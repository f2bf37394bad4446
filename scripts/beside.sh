# Sourced by test.sh and .ci/run: commands that run side by side. What each says is shown in one piece when it has ended.

declare -A BESIDE=()
BESIDE_LOGS=$(mktemp -d)
trap 'rm -rf "$BESIDE_LOGS"' EXIT

# beside NAME COMMAND...: starts the command, or function, in a shell of its own.
beside() {
  "${@:2}" >"$BESIDE_LOGS/$1" 2>&1 </dev/null &
  BESIDE[$1]=$!
}

# joined NAME...: waits for all of them and shows what they said. False when one has failed.
joined() {
  local name failed=()
  for name in "$@"; do
    wait "${BESIDE[$name]}" || failed+=("$name")
    [ ! -s "$BESIDE_LOGS/$name" ] || { say "--- $name ---"; cat "$BESIDE_LOGS/$name" >&2; }
  done
  [ ${#failed[@]} -eq 0 ] || { say "Failed: ${failed[*]}"; return 1; }
}
