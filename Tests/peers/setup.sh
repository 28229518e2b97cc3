#!/usr/bin/env bash
# Makes the Python environment of the peer tests and prints the path of its interpreter.
#
#   PYTHON=$(Tests/peers/setup.sh)
#
# The environment lies in .build/peers (or $MARTLET_PEERS) and is made anew only when requirements.txt changes.
# Several callers may run this at once: they wait for each other.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${MARTLET_PEERS:-$here/../../.build/peers}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

exec 9>"$folder/lock"
flock 9
if ! cmp -s "$here/requirements.txt" "$folder/installed.txt"; then
    rm -rf "$folder/venv" "$folder/installed.txt"
    python3 -m venv "$folder/venv" >&2
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$folder/installed.txt"
fi
echo "$folder/venv/bin/python"
