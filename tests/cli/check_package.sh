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
# From any folder, through a link, and from PLIMSOLL_CATALOG where the program stands alone.
point=(predict --model llama2-7b --gpu a100-80gb --profile vllm-modern --prompt 100 --output 10)
mkdir "$folder/elsewhere" "$folder/alone"
ln -s "$folder/prefix/bin/plimsoll" "$folder/elsewhere/linked"
(cd "$folder/elsewhere" && ./linked "${point[@]}") >"$folder/linked.txt"
cp "$folder/prefix/bin/plimsoll" "$folder/alone"
if "$folder/alone/plimsoll" "${point[@]}" 2>"$folder/alone.txt"; then
  echo "a catalog was found where there is none" >&2
  exit 1
fi
grep -q "set PLIMSOLL_CATALOG" "$folder/alone.txt"
(cd "$folder/alone" && PLIMSOLL_CATALOG="$folder/prefix/share/plimsoll/scenarios/catalog" \
  ./plimsoll "${point[@]}") | cmp - "$folder/linked.txt"
"$folder/prefix/bin/plimsoll" validate "$folder/prefix/share/plimsoll/scenarios/azure_conversation.yaml"

# Archives carry what link-time optimization needs, which would take two minutes.
quick=$(case "$compiler" in *clang*) ;; *) echo -fno-lto ;; esac)
cmake -S "$here/consumer" -B "$folder/build" -DCMAKE_PREFIX_PATH="$folder/prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXE_LINKER_FLAGS="$quick"
cmake --build "$folder/build"
"$folder/build/consumer" "$scenario"
