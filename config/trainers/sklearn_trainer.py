#!/usr/bin/env python3
"""A trainer for Martlet in Python with scikit-learn: any executable that keeps the contract of docs/trainer.md may be one.

    pip install numpy scikit-learn onnx
    sklearn_trainer.py JOB_FOLDER

In the controller's configuration: training.trainers: ["sklearn=/usr/bin/python3 /etc/martlet/sklearn_trainer.py"]
"""
import io
import json
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier


def tell(event, progress, **more):
    """One line of progress."""
    print(json.dumps({"event": event, "progress": progress, **more}), flush=True)


def read_shards(job, manifest):
    """Frames, classes and notes of all shards (WebDataset: three members a stem)."""
    frames, classes, notes = [], [], []
    for shard in manifest["shards"]:
        with tarfile.open(job / shard["file"]) as tar:
            members = {}
            for member in tar:
                stem, extension = member.name.rsplit(".", 1)
                members.setdefault(stem, {})[extension] = tar.extractfile(member).read()
        for stem in sorted(members):
            parts = members[stem]
            frames.append(np.load(io.BytesIO(parts["npy"])))
            classes.append(int(parts["cls"]))
            notes.append(json.loads(parts["json"]))
    return np.stack(frames), np.array(classes), notes


def onnx_model(network, manifest):
    """The perceptron as a graph: `frame` [N, steps, width] in, `probabilities` [N, classes] out."""
    nodes = [helper.make_node("Flatten", ["frame"], ["flat"])]
    constants, value = [], "flat"
    last = len(network.coefs_) - 1
    for index, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_)):
        if index == last and weights.shape[1] == 1:
            # scikit-learn keeps one logit for two classes; a softmax over (0, z) is the same.
            weights, bias = np.hstack([np.zeros_like(weights), weights]), np.array([0.0, bias[0]])
        constants += [
            numpy_helper.from_array(weights.astype(np.float32), f"w{index}"),
            numpy_helper.from_array(bias.astype(np.float32), f"b{index}"),
        ]
        nodes.append(helper.make_node("Gemm", [value, f"w{index}", f"b{index}"], [f"z{index}"]))
        value = f"z{index}"
        if index < last:
            nodes.append(helper.make_node("Relu", [value], [f"a{index}"]))
            value = f"a{index}"
    nodes.append(helper.make_node("Softmax", [value], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes,
        "sklearn",
        [helper.make_tensor_value_info("frame", TensorProto.FLOAT, ["N", manifest["steps"], manifest["width"]])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(manifest["classes"])])],
        constants,
    )
    model = helper.make_model(graph, producer_name="sklearn", opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def main():
    started = time.time()
    job = Path(sys.argv[1])
    manifest = json.loads((job / "manifest.json").read_text())
    config_file = job / "config.json"
    config = json.loads(config_file.read_text() or "{}") if config_file.exists() else {}
    values, classes, notes = read_shards(job, manifest)
    tell("started", 0.0, message=f"{len(classes)} frames")

    channels = 1 if manifest["kind"] == "image" else manifest["width"]
    offset = np.array(manifest["offset"], np.float32).reshape(channels)
    scale = np.array(manifest["scale"], np.float32).reshape(channels)
    flat = ((np.nan_to_num(values) - offset) / scale).reshape(len(values), -1)
    split = np.array([note["split"] for note in notes])
    training = split == "training"

    network = MLPClassifier(
        hidden_layer_sizes=tuple(config.get("hidden", [64, 32])),
        random_state=manifest["seed"] % 2**32,
        max_iter=int(config.get("epochs", 60)),
        early_stopping=False,
        alpha=1e-3,
    )
    # Every class must be known, even one that the training split lacks.
    wanted = np.arange(len(manifest["classes"]))
    epochs = network.max_iter
    rng = np.random.default_rng(manifest["seed"])
    for epoch in range(epochs):
        order = rng.permutation(np.flatnonzero(training))
        network.partial_fit(flat[order], classes[order], classes=wanted)
        tell("epoch", (epoch + 1) / epochs, epoch=epoch + 1, epochs=epochs, trainingLoss=float(network.loss_))

    predicted = network.predict(flat)
    metrics = {
        "format": 1,
        "trainer": "sklearn MLPClassifier",
        "predictions": np.bincount(predicted[training], minlength=len(wanted)).tolist(),
        "accuracy": {
            name: float((predicted[split == name] == classes[split == name]).mean())
            for name in ("training", "validation", "heldBack")
            if (split == name).any()
        },
        "epochs": epochs,
        "seconds": time.time() - started,
    }
    onnx.save(onnx_model(network, manifest), job / "model.onnx")
    (job / "metrics.json").write_text(json.dumps(metrics, indent=1))
    tell("finished", 1.0)


if __name__ == "__main__":
    main()
