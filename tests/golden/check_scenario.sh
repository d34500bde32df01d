#!/usr/bin/env bash
# Plays a tiny scenario under every router and queue, as it is and with one event per step: the files
# must be equal, byte for byte. As it stands, the scenario must also give what its resolved form gives.
#   check_scenario.sh PLIMSOLL SCENARIO.yaml
set -euo pipefail
plimsoll=$1
scenario=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# play OUT SCENARIO [OPTIONS]: exit code 99 (a threshold fails) is a result too.
play() {
  local out=$1 code=0
  shift
  "$plimsoll" run "$@" --quiet --out "$folder/$out" || code=$?
  if ((code != 0 && code != 99)); then
    echo "$* ended with exit code $code" >&2
    exit 1
  fi
}

policies() {
  "$plimsoll" show policies | awk -v kind="$1" '$1 == kind { print $2 }'
}

play as_it_is "$scenario"
play resolved "$folder/as_it_is/scenario.resolved.yaml"
diff -r --exclude=run.json "$folder/as_it_is" "$folder/resolved"

pairs=0
for router in $(policies router); do
  for queue in $(policies queue); do
    choice=(--set "service.router.policy=$router" --set "service.queue.policy=$queue")
    play "$router.$queue" "$scenario" "${choice[@]}"
    play "$router.$queue.steps" "$scenario" "${choice[@]}" --set fast_forward=false
    diff -r --exclude=run.json --exclude=scenario.resolved.yaml "$folder/$router.$queue" \
      "$folder/$router.$queue.steps"
    pairs=$((pairs + 1))
  done
done
if ((pairs < 10)); then
  echo "only $pairs pairs of router and queue were played" >&2
  exit 1
fi
