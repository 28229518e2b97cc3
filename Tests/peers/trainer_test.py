"""The foreign trainer keeps the contract: a job folder in, a model that ONNX Runtime runs and metrics out.

    trainer_test.py [JOB_FOLDER]    a job that Martlet wrote, or one that is made here
"""
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

TRAINER = Path(__file__).resolve().parents[2] / "config" / "trainers" / "sklearn_trainer.py"


def make_job(folder, classes):
    """A small problem with a clear answer: the class is the channel with the largest mean."""
    rng = np.random.default_rng(7)
    (folder / "shards").mkdir()
    with tarfile.open(folder / "shards" / "000000.tar", "w") as tar:
        for index in range(300):
            label = index % classes
            frame = rng.normal(size=(5, classes)).astype(np.float32)
            frame[:, label] += 3
            buffer = io.BytesIO()
            np.save(buffer, frame)
            split = ["training", "training", "training", "validation", "heldBack"][index % 5]
            note = json.dumps({"group": f"d{index % 4}", "weight": 1, "split": split}).encode()
            for extension, data in (("npy", buffer.getvalue()), ("cls", str(label).encode()), ("json", note)):
                info = tarfile.TarInfo(f"{index:06}.{extension}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    manifest = {
        "format": 1, "model": "t", "kind": "timeseries", "steps": 5, "width": classes,
        "channels": [{"name": f"c{i}", "unit": "g"} for i in range(classes)],
        "classes": [f"k{i}" for i in range(classes)], "offset": [0.0] * classes, "scale": [1.0] * classes,
        "seed": 3, "champion": None, "shards": [{"file": "shards/000000.tar", "frames": 300}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "config.json").write_text('{"epochs": 20}')


def check(folder):
    done = subprocess.run([sys.executable, TRAINER, folder], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["event"] == "started" and lines[-1] == {"event": "finished", "progress": 1.0}, lines[-1]
    assert all(a["progress"] <= b["progress"] for a, b in zip(lines, lines[1:]))
    manifest = json.loads((folder / "manifest.json").read_text())
    metrics = json.loads((folder / "metrics.json").read_text())
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    frame = np.zeros((2, manifest["steps"], manifest["width"]), np.float32)
    (output,) = session.run(["probabilities"], {"frame": frame})
    assert output.shape == (2, len(manifest["classes"]))
    assert np.allclose(output.sum(axis=1), 1, atol=1e-5)
    assert metrics["format"] == 1 and len(metrics["predictions"]) == len(manifest["classes"])
    return metrics


def main():
    if len(sys.argv) > 1:
        check(Path(sys.argv[1]))
        print("1 passed, 0 failed")
        return
    for classes in (2, 4):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_job(folder, classes)
            metrics = check(folder)
            assert metrics["accuracy"]["heldBack"] > 0.9, metrics
    print("2 passed, 0 failed")


if __name__ == "__main__":
    main()
