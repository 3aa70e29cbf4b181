#!/bin/sh
# Runs a schedule of meltano.yml, as cron has it: run.sh hourly
set -eu
cd "$(dirname "$0")"

# One run at a time: two of one extractor break each other. What comes meanwhile waits.
exec 9<.
flock --wait 3000 9 || { echo "run.sh: the run before is still going on" >&2; exit 1; }

meltano schedule run "$1"

# A refresh that the quota stopped goes on the next hour, not the next week.
if [ "$1" = hourly ] &&
  meltano state get prod:tap-leadlex-to-target-postgres | grep -q '"refresh": *{'; then
  meltano schedule run weekly
fi
