#!/usr/bin/env bash
# Compares thousands of random models with ONNX Runtime.
#
#   Tests/peers/run-numerics.sh [SEED [ROUNDS]]      (default: a seed from the clock, 100 rounds ≈ 1900 models)
#
# The seed is printed; the same seed gives the same models. SWIFT_TEST replaces the command that runs the tests.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seed=${1:-$(date +%s)}
rounds=${2:-100}
python=$("$here/setup.sh")
cases=$(mktemp --suffix=.jsonl)
trap 'rm -f "$cases"' EXIT
echo "seed $seed"
"$python" "$here/numerics.py" --seed "$seed" --rounds "$rounds" --out "$cases"
cd "$here/../.."
MARTLET_PEER_CASES=$cases ${SWIFT_TEST:-swift test} --filter PeerCaseTests
