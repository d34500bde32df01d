#!/usr/bin/env bash
# Installs the build into a folder, builds a program against it, runs that and the installed binary.
#   check_package.sh BUILD_FOLDER SCENARIO
set -euo pipefail
build=$1
scenario=$2
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")

cmake --install "$build" --prefix "$folder/prefix" >/dev/null
"$folder/prefix/bin/plimsoll" --version
"$folder/prefix/bin/plimsoll" show gpus >/dev/null # finds the installed catalog
"$folder/prefix/bin/plimsoll" validate "$folder/prefix/share/plimsoll/scenarios/azure_conversation.yaml"

cmake -S "$here/consumer" -B "$folder/build" -DCMAKE_PREFIX_PATH="$folder/prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release
cmake --build "$folder/build"
"$folder/build/consumer" "$scenario"
