#!/usr/bin/env bash
# clang-tidy on what changed. Usage: tidy.sh BUILD_DIRECTORY (with a compile_commands.json)
#
# Changed means: not committed yet, or committed since the base. The base is $MILLRACE_BASE, else
# where this branch left main, else the commit before this one, else the empty tree.
set -eu
cd "$(dirname "$0")/../.."
build=$1

find_base() {
  local main base
  if [[ -n ${MILLRACE_BASE-} ]]; then
    git rev-parse --verify --quiet "$MILLRACE_BASE^{commit}" && return
  fi
  for main in origin/main main; do
    base=$(git merge-base HEAD "$main" 2>/dev/null) || continue
    [[ $base != "$(git rev-parse HEAD)" ]] && echo "$base" && return
  done
  git rev-parse --verify --quiet HEAD~1 || git hash-object -t tree /dev/null
}

if ! git rev-parse --git-dir >/dev/null 2>&1; then
  echo "tidy: not a git repository, so nothing counts as changed"
  exit 0
fi
mapfile -t changed < <({
  git diff --name-only --diff-filter=d "$(find_base)" -- '*.cpp' '*.hpp'
  git ls-files --others --exclude-standard -- '*.cpp' '*.hpp'
} | sort -u)

# What is compiled; a header is seen through the first source that includes it.
mapfile -t compiled < <(sed -n "s|^ *\"file\": \"$PWD/\(.*\)\".*|\1|p" \
  "$build/compile_commands.json" | grep -v '^build/' | sort -u)
declare -A is_compiled=() chosen=()
for file in "${compiled[@]}"; do is_compiled[$file]=1; done
for file in "${changed[@]}"; do
  [[ -n ${is_compiled[$file]-} ]] && chosen[$file]=1
done
for file in "${changed[@]}"; do
  [[ $file == *.hpp ]] || continue
  name=${file#include/}
  name=${name#src/}
  for source in "${!chosen[@]}" "${compiled[@]}"; do
    if grep -qF "$name" "$source"; then
      chosen[$source]=1
      break
    fi
  done
done

echo "tidy: ${#changed[@]} files changed, looking at ${#chosen[@]} sources"
((${#chosen[@]})) || exit 0
report=$(mktemp)
trap 'rm -f "$report"' EXIT
if ! printf '%s\0' "${!chosen[@]}" | sort -z |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p "$build" >"$report" 2>&1; then
  grep -vE '^[0-9]+ warnings? (generated|treated as errors?)' "$report"
  exit 1
fi
