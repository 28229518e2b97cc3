#!/usr/bin/env bash
# Makes a Python environment of foreign implementations and prints the path of its interpreter.
#
#   PYTHON=$(Tests/peers/setup.sh)                                  the peer tests'
#   PYTHON=$(Tests/peers/setup.sh Benchmarks/requirements.txt)      the benchmarks'
#
# The environment lies in .build/peers (or $MARTLET_PEERS), that of another folder's requirements in .build/FOLDER; it is
# made anew only when the requirements change. Several callers may run this at once: they wait for each other.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
requirements=$(realpath "${1:-$here/requirements.txt}")
name=$(basename "$(dirname "$requirements")")
folder=$here/../../.build/${name,,}
[ $# -eq 0 ] && folder=${MARTLET_PEERS:-$folder}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

exec 9>"$folder/lock"
flock 9
if ! cmp -s "$requirements" "$folder/installed.txt"; then
    rm -rf "$folder/venv" "$folder/installed.txt"
    python3 -m venv "$folder/venv" >&2
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2
    cp "$requirements" "$folder/installed.txt"
fi
echo "$folder/venv/bin/python"
