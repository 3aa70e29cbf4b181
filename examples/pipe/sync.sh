#!/usr/bin/env bash
# Syncs LeadLex into a Singer target and keeps the state: sync.sh FOLDER TARGET [ARGUMENT...]
#
# FOLDER belongs to this destination alone: it holds state.json, and what a run needs beside it.
# The tap's settings are in the environment (TAP_LEADLEX_*). SYNC_WITHOUT names the properties that
# are not to leave LeadLex, separated by spaces.
#
# Exit codes: 0 synced; 1 the tap failed, or nothing could begin; 2 the target failed; 3 there is no
# new state; 64 wrong usage; 75 another sync uses FOLDER. A signal ends it as that signal does.
set -euo pipefail

say() { echo "sync.sh: $*" >&2; }

fail() {
  say "${@:2}"
  exit "$1"
}

# Give the exit code of a process. A signal to this script ends a `wait`, but not the process.
ended() {
  while kill -0 "$1" 2>/dev/null; do wait "$1" || :; done
  wait "$1"
}

# The tap writes its last STATE and ends; with its input, the target ends too. The target gets no
# signal: some would then confirm what they have not written.
stop() {
  signal=$1
  kill "$tap" 2>/dev/null || :
}

# Put the last STATE that the target confirmed in the place of the old one, if it is whole.
keep() {
  if [ ! -s "$states" ]; then
    say "The target confirmed no STATE: the state stays as it was."
  elif ! tail --lines=1 "$states" | jq --exit-status '.bookmarks | objects' &>/dev/null; then
    say "The target's last line is no whole STATE: the state stays as it was."
  elif tail --lines=1 "$states" >"$new" && sync "$new" && mv --force "$new" "$state"; then
    return 0
  else
    say "The new state cannot be written: the state stays as it was."
  fi
  return 3
}

(($# >= 2)) || fail 64 "usage: sync.sh FOLDER TARGET [ARGUMENT...]"
folder=$1 state=$1/state.json new=$1/state.json.new states=$1/states.jsonl catalog=$1/catalog.json
shift
mkdir --parents "$folder"
# Tap and target inherit the lock: it holds as long as one of them lives, even without this script.
exec {lock}<"$folder"
flock --nonblock "$lock" || fail 75 "Another sync uses $folder."

tap-leadlex --config=ENV --discover |
  jq --arg without "${SYNC_WITHOUT-}" '
    ($without | split(" ") - [""]) as $names
    | [.streams[].metadata[] | select(.metadata.inclusion == "available").breadcrumb[1]] as $known
    | if $names - $known == [] then . else error("cannot leave out \($names - $known)") end
    | .streams[].metadata[] |= (.metadata.selected = (.breadcrumb[1] | IN($names[]) | not))
  ' >"$catalog" || fail 1 "There is no catalog: nothing was synced."
arguments=(--config=ENV "--catalog=$catalog")
[ ! -e "$state" ] || arguments+=("--state=$state")

tap='' signal=''
trap 'stop HUP' HUP
trap 'stop INT' INT
trap 'stop TERM' TERM
# In sessions of their own: else Ctrl+C would reach the target.
exec {messages}< <(exec setsid tap-leadlex "${arguments[@]}")
tap=$!
[ -z "$signal" ] || stop "$signal"
setsid "$@" <&"$messages" >"$states" &
target=$!
exec {messages}<&- # else the tap would not see when the target is gone

tap_code=0 target_code=0 kept=0
ended "$target" || target_code=$?
# Without a target the tap would go on, or wait for the quota, in vain.
((target_code == 0)) || kill "$tap" 2>/dev/null || :
ended "$tap" || tap_code=$?

((target_code == 0)) || fail 2 "The target failed ($target_code): the state stays as it was."
keep || kept=$?
if [ -n "$signal" ]; then
  say "Stopped by SIG$signal: the next run goes on from the state."
  trap - "$signal"
  kill -s "$signal" "$$"
fi
((tap_code == 0)) || fail 1 "The tap failed ($tap_code): its last line says why."
exit "$kept"
