#!/usr/bin/env python3
"""Compares random models, compiled by Martlet, with ONNX Runtime; and loads what Martlet writes as ONNX.

    numerics_test.py [SEED [ROUNDS]]      (default: seed 1, 50 rounds, about 1,550 models)

The seed is printed; the same seed gives the same models.
"""
import json
import pathlib
import sys
import tempfile

import numpy as np

import numerics
from programs import run_swift_tests


def written(cases, folder):
    """How many models that Martlet has read and written again give the same numbers, and the names of the others."""
    passed, failed = 0, []
    for case in cases:
        path = folder / f"{case['name']}.onnx"
        if "model" not in case or case["name"].startswith("legacy"):  # files of the repository; operator set 6
            continue
        try:
            session = numerics.session(str(path))
            inputs = {t["name"]: numerics.array(t) for t in case["inputs"]}
            results = session.run([t["name"] for t in case["outputs"]], inputs)
            same = all(np.array_equal(r, numerics.array(t), equal_nan=True) for r, t in zip(results, case["outputs"]))
        except Exception as error:  # whatever ONNX Runtime has against the file is the finding
            print(f"{case['name']}: {error}")
            same = False
        passed += same
        failed += [] if same else [case["name"]]
    return passed, failed


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    print(f"seed {seed}")
    cases, _ = numerics.generate(seed, rounds)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        path = folder / "cases.jsonl"
        path.write_text("".join(json.dumps(case) + "\n" for case in cases))
        done = run_swift_tests(
            "PeerCaseTests", {"MARTLET_PEER_CASES": str(path), "MARTLET_PEER_OUT": str(folder)}, check=False)
        disagreements = [line for line in done.stdout.splitlines() if "recorded an issue" in line]
        print("\n".join(disagreements[:20]))
        if done.returncode != 0 and not disagreements:
            print(done.stdout[-4000:], done.stderr[-2000:])
        passed, failed = written(cases, folder)
    wrong = max(len(disagreements), 1 if done.returncode != 0 else 0)
    print(f"written again and wrong: {failed[:20]}" if failed else f"{passed} models written again are the same")
    print(f"{len(cases) - wrong + passed} passed, {wrong + len(failed)} failed")
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    sys.exit(main())
