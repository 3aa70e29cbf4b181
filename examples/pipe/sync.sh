#!/usr/bin/env bash
# Syncs LeadLex into a Singer target and keeps the state: sync.sh FOLDER TARGET [ARGUMENT...]
#
# FOLDER contains the state and temporary files. Use a separate folder for each destination.
# The tap reads its settings from environment variables (TAP_LEADLEX_*). SYNC_WITHOUT lists
# properties to deselect, separated by spaces.
#
# Exit codes: 0 synced; 1 the tap failed or printed no catalog; 2 the target failed; 3 no new state;
# 64 wrong usage; 75 another sync uses FOLDER. After a signal, the script ends with that signal.
set -euo pipefail

say() { echo "sync.sh: $*" >&2; }

fail() {
  say "${@:2}"
  exit "$1"
}

# Wait for a process and return its exit code. A signal to this script interrupts `wait`.
ended() {
  while kill -0 "$1" 2>/dev/null; do wait "$1" || :; done
  wait "$1"
}

# Stop the tap. It writes its last STATE, and the target ends after its input ends. The target gets
# no signal, because some targets would then confirm contacts that they have not written.
stop() {
  signal=$1
  kill "$tap" 2>/dev/null || :
}

# Replace the old state with the last STATE that the target confirmed, if it is complete.
keep() {
  if [ ! -s "$states" ]; then
    say "The target confirmed no STATE; the state is unchanged."
  elif ! tail --lines=1 "$states" | jq --exit-status '.bookmarks | objects' &>/dev/null; then
    say "The target's last line is not a complete STATE; the state is unchanged."
  elif tail --lines=1 "$states" >"$new" && sync "$new" && mv --force "$new" "$state"; then
    return 0
  else
    say "Cannot write the new state; the state is unchanged."
  fi
  return 3
}

(($# >= 2)) || fail 64 "usage: sync.sh FOLDER TARGET [ARGUMENT...]"
folder=$1 state=$1/state.json new=$1/state.json.new states=$1/states.jsonl catalog=$1/catalog.json
shift
mkdir --parents "$folder"
# Tap and target inherit the lock, so it lasts until both have ended, even without this script.
exec {lock}<"$folder"
flock --nonblock "$lock" || fail 75 "Another sync uses $folder."

tap-leadlex --config=ENV --discover |
  jq --arg without "${SYNC_WITHOUT-}" '
    ($without | split(" ") - [""]) as $names
    | [.streams[].metadata[] | select(.metadata.inclusion == "available").breadcrumb[1]] as $known
    | if $names - $known == [] then . else error("cannot deselect \($names - $known)") end
    | .streams[].metadata[] |= (.metadata.selected = (.breadcrumb[1] | IN($names[]) | not))
  ' >"$catalog" || fail 1 "The tap printed no catalog; nothing was synced."
arguments=(--config=ENV "--catalog=$catalog")
[ ! -e "$state" ] || arguments+=("--state=$state")

tap='' signal=''
trap 'stop HUP' HUP
trap 'stop INT' INT
trap 'stop TERM' TERM
# Separate sessions, or Ctrl+C would reach the target.
exec {messages}< <(exec setsid tap-leadlex "${arguments[@]}")
tap=$!
[ -z "$signal" ] || stop "$signal"
setsid "$@" <&"$messages" >"$states" &
target=$!
exec {messages}<&- # otherwise the tap would not notice that the target has ended

tap_code=0 target_code=0 kept=0
ended "$target" || target_code=$?
# Without a target, stop the tap, which may be waiting for the quota.
((target_code == 0)) || kill "$tap" 2>/dev/null || :
ended "$tap" || tap_code=$?

((target_code == 0)) || fail 2 "The target failed ($target_code); the state is unchanged."
keep || kept=$?
if [ -n "$signal" ]; then
  say "Stopped by SIG$signal; the next run continues from the state."
  trap - "$signal"
  kill -s "$signal" "$$"
fi
((tap_code == 0)) || fail 1 "The tap failed ($tap_code); its last line says why."
exit "$kept"
