#!/usr/bin/env bash
# tutorial_kill.sh PROGRAM: what docs/tutorial.md does by hand in "Kill it", with the program of that
# section, and the totals that it says.
set -euo pipefail
program=$1
work=$(mktemp -d)
child=''
end() {
  [[ -z $child ]] || kill -KILL "$child" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT
cd "$work"
mkdir incoming

await() {  # await FILE TEXT...: all of them are lines of the file
  local file=$1 tries=600 text
  shift
  while :; do
    local missing=''
    for text; do grep -qxF "$text" "$file" || missing=$text; done
    [[ $missing ]] || return 0
    ((tries--)) || { echo "\"$missing\" did not come: $(tail -n 20 "$file")" >&2; exit 1; }
    sleep 0.1
  done
}

: >first
"$program" >first 2>errors &
child=$!
# What lies there when it first looks is old.
tries=600
until grep -q '^Time: ' first; do
  ((tries--)) || { echo "no batch: $(cat errors)" >&2; exit 1; }
  sleep 0.1
done
echo "one two two" >a.txt && mv a.txt incoming
await first '(one,1)' '(two,2)'
kill -KILL "$child"
wait "$child" 2>/dev/null || true
echo "two three" >b.txt && mv b.txt incoming
: >second
"$program" >second 2>errors &
child=$!
await second '(one,1)' '(two,3)' '(three,1)'
kill -TERM "$child"
wait "$child"
child=''
if grep -qE '^\(one,[^1]\)|^\(two,[4-9]\)|^\(three,[^1]\)' first second; then
  echo "a total is wrong: $(cat first second)" >&2
  exit 1
fi
