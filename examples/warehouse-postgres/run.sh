#!/bin/sh
# Runs a schedule of meltano.yml: run.sh hourly
set -eu
cd "$(dirname "$0")"

# One run at a time, because two runs of one extractor break each other. Others wait.
exec 9<.
flock --wait 3000 9 || { echo "run.sh: the previous run is still in progress" >&2; exit 1; }

meltano schedule run "$1"

# Continue a refresh that the quota stopped in the next hour, not in the next week.
if [ "$1" = hourly ] &&
  meltano state get prod:tap-leadlex-to-target-postgres | grep -q '"refresh": *[[{]'; then
  meltano schedule run weekly
fi
