#!/usr/bin/env bash
# Compares every C++ file with .clang-format. With --fix, rewrites them.
set -eu
cd "$(dirname "$0")/../.."
mode=(--dry-run --Werror)
[[ ${1-} == --fix ]] && mode=(-i)
for directory in include src tools examples benchmarks tests; do
  [[ -d $directory ]] && find "$directory" \( -name '*.[ch]pp' -o -name '*.inc' \) -print0
done | xargs -0r -n 20 clang-format-19 --style=file "${mode[@]}"
