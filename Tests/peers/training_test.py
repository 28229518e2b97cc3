"""ONNX Runtime gives the same outputs, to 1e-5, for the models that the built-in trainer writes.

    training_test.py [FOLDER]

FOLDER holds what the Swift suite `WrittenModelTests` exported; without one the suite is run first.
"""
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from programs import run_swift_tests


def export(folder):
    run_swift_tests("WrittenModelTests", {"MARTLET_TRAINING_SAMPLES": str(folder)})


def check(model_file):
    onnx.checker.check_model(onnx.load(model_file), full_check=True)
    sample = json.loads(model_file.with_suffix(".json").read_text())
    steps, width = (int(extent) for extent in sample["shape"][0])
    frames = np.array(sample["frames"], np.float32).reshape(-1, steps, width)
    session = onnxruntime.InferenceSession(model_file)
    (found,) = session.run(["probabilities"], {"frame": frames})
    return float(np.abs(found - np.array(sample["expected"], np.float32)).max())


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(name)
        if len(sys.argv) < 2:
            export(folder)
        errors = {file.stem: check(file) for file in sorted(folder.glob("*.onnx"))}
    failed = {name: error for name, error in errors.items() if not error < 1e-5}
    for name, error in failed.items():
        print(f"{name}: outputs differ by {error}")
    print(f"{len(errors) - len(failed)} passed, {len(failed) or (0 if errors else 1)} failed")
    sys.exit(1 if failed or not errors else 0)


if __name__ == "__main__":
    main()
