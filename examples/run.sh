#!/usr/bin/env bash
# run.sh BIN_DIRECTORY EXAMPLE: starts the example, gives it what it reads, waits until it printed
# what it should, and stops it as a user does.
set -euo pipefail
bin=$1 example=$2
here=$(mktemp -d)
trap 'exec 3>&-; kill $(jobs -p) 2>/dev/null || true; rm -rf "$here"' EXIT

start() { "$bin/$example" "$@" >"$here/out" 2>&1 & program=$!; }
await() {  # until the output has such a line
  for _ in $(seq 300); do
    if grep -qE "$1" "$here/out"; then return; fi
    if ! kill -0 "$program" 2>/dev/null; then break; fi
    sleep 0.1
  done
  echo "it never printed: $1"; cat "$here/out"; exit 1
}
serve() {  # to so many clients what is written to descriptor 3
  mkfifo "$here/send"
  python3 -c '
import os, socket, sys
server = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1], "w").write(f"{server.getsockname()[1]}\n")
clients = [server.accept()[0] for _ in range(int(sys.argv[2]))]
while sent := os.read(0, 4096):
    for client in clients: client.sendall(sent)
' "$here/port" "$1" <"$here/send" &
  exec 3>"$here/send"
  until [ -s "$here/port" ]; do sleep 0.05; done
  port=$(cat "$here/port")
}

case $example in
  custom_receiver) start; await '^\(3,23.0\)$' ;;
  directory_word_count)
    mkdir "$here/in"; start "$here/in"; await '^Time:'
    printf 'to be or not to be\n' >"$here/words"; mv "$here/words" "$here/in/"
    await '^\(be,2\)$'; await '^\(not,1\)$' ;;
  files_to_json)
    mkdir "$here/in"; start "$here/in" "$here/totals"
    # What was there when it started is not read: until one was, another is moved in.
    for n in $(seq 300); do
      printf 'item,user\n7,ada\n8,bob\nx,eve\n7,"a ""b"""\n' >"$here/clicks"
      mv "$here/clicks" "$here/in/$n.csv"
      if grep -qsF '{"item":7,"times":2}' "$here"/totals/*.json; then break; fi
      sleep 0.1
    done
    grep -qF '{"item":8,"times":1}' "$here"/totals/FilesToJson.clicked.*.json ;;
  network_word_join_sentiments)
    printf 'sunshine\t3\nrain\t-1\n' >"$here/sentiments"
    serve 1; start 127.0.0.1 "$port" "$here/sentiments"
    echo 'rain rain sunshine nothing' >&3; await '^\(3,sunshine\)$'; await '^\(-2,rain\)$' ;;
  page_views) start; await '^\(/news,[0-9]+\)$'; await 'Ada|Grace|Edsger' ;;
  queue_stream) start; await '^\(9,100\)$'; wait "$program"; exit ;;  # ends by itself
  raw_grep)
    serve 2; start 2 127.0.0.1 "$port"
    # A frame: its length, and two rows, each after its own length.
    printf '\0\0\0\x1c\x0eover the hills\x0cand far away' >&3; await '^[12]$' ;;
  stateful_network_word_count)
    serve 1; start 127.0.0.1 "$port"
    echo 'hello you' >&3; await '^\(hello,2\)$'
    echo hello >&3; await '^\(hello,3\)$'; await '^\(world,1\)$' ;;
  windowed_word_count)
    serve 1; start 127.0.0.1 "$port"
    echo 'a b a' >&3; await '^\(a,2\)$'
    echo a >&3; await '^\(a,3\)$'; await '^\(b,1\)$' ;;
  word_totals_sqlite)
    mkdir "$here/in"; start "$here/in" "$here/totals.db"
    total() {
      python3 -c '
import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute("SELECT n FROM totals WHERE word = ?", sys.argv[2:]):
    print(*row)' "$here/totals.db" "$1" 2>/dev/null || true
    }
    # What was there when it started is not read: until one was, another is moved in.
    for n in $(seq 300); do
      echo 'to be or not to be' >"$here/words"; mv "$here/words" "$here/in/$n"
      if [ -n "$(total be)" ]; then break; fi
      sleep 0.1
    done
    kill -TERM "$program"; wait "$program"
    [ "$(total be)" -eq "$((2 * $(total or)))" ] && [ "$(total be)" -gt 0 ]
    exit ;;
  *) echo "run.sh does not know the example $example"; exit 2 ;;
esac
kill -TERM "$program"
wait "$program"
