#!/usr/bin/env bash
# Uses millrace from a separate project. Usage: check.sh find_package|add_subdirectory SOURCE BUILD
set -eu
way=$1 source=$2 build=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }

case $way in
  find_package)
    quietly cmake --install "$build" --prefix "$work/installed"
    mv "$work/installed" "$work/moved"  # an installed package knows no absolute path
    quietly cmake -S "$source/tests/install" -B "$work/build" -G Ninja \
      -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/moved"
    quietly cmake --build "$work/build"
    "$work/build/linked"
    "$work/build/application"
    [[ ! -x "$work/build/state_on_disk" ]] || "$work/build/state_on_disk"
    test -f "$work"/moved/share/doc/millrace/LICENSE
    ;;
  add_subdirectory)
    quietly cmake -S "$source/tests/install" -B "$work/build" -G Ninja -DMILLRACE_SOURCE="$source"
    ;;
esac
