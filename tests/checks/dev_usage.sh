#!/usr/bin/env bash
# A wrong use of ./dev is one line on stderr and exit status 2.
cd "$(dirname "$0")/../.." || exit 1
failed=0
for words in 'nonsense' 'demo --fast' 'build nonsense' 'test --preset nonsense' 'test a b' \
             'install' 'check nonsense'; do
  # shellcheck disable=SC2086  # the words are meant to be split
  message=$(./dev $words 2>&1 >/dev/null)
  status=$?
  if [[ $status != 2 || $(wc -l <<<"$message") != 1 || $message != dev:* ]]; then
    echo "./dev $words: exit status $status, message: $message"
    failed=1
  fi
done
./dev help >/dev/null || failed=1
exit $failed
