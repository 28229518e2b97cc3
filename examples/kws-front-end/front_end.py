#!/usr/bin/env python3
"""Puts the pre-processing of the keyword-spotting model into the model: audio in, scores out.

    front_end.py KWS.onnx OUT.onnx [CASE]

KWS.onnx takes 49 × 10 MFCC features; OUT.onnx takes one second of audio (16,000 samples, -1…1) and computes them as a part
of the graph: STFT → magnitude → MelWeightMatrix → log → DCT. CASE is a folder that then gets OUT.onnx with a synthetic
sound and what it should give (features by NumPy, scores by ONNX Runtime), in the layout of ONNX's backend test suite,
for `martlet model check CASE`. Needs the PyPI packages onnx, and for CASE numpy and onnxruntime.

The features are those of MLPerf Tiny's keyword spotting: frames of 30 ms every 20 ms under a Hann window, a transform of 512
points, 40 mel bands from 20 to 4000 Hz, the logarithm, and the first ten coefficients of an orthonormal DCT-II.
"""
import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

RATE, SECONDS = 16_000, 1
FRAME, STEP, POINTS = 480, 320, 512
BANDS, LOWEST, HIGHEST = 40, 20.0, 4000.0
COEFFICIENTS = 10
FLOOR = 1e-6
OPERATOR_SET = 17


def window():
    """A periodic Hann window, with zeros up to the transform's length."""
    hann = 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(FRAME) / FRAME)
    return numpy.concatenate([hann, numpy.zeros(POINTS - FRAME)]).astype(numpy.float32)


def cosines():
    """The first coefficients of an orthonormal DCT-II as a matrix [BANDS, COEFFICIENTS]."""
    angles = numpy.pi / BANDS * (numpy.arange(BANDS)[:, None] + 0.5) * numpy.arange(COEFFICIENTS)[None]
    scale = numpy.full(COEFFICIENTS, numpy.sqrt(2 / BANDS))
    scale[0] = numpy.sqrt(1 / BANDS)
    return (numpy.cos(angles) * scale).astype(numpy.float32)


def front_end(shape):
    """The graph from audio to features of `shape`, whose elements are 49 frames of 10 coefficients."""
    constants = {
        "step": numpy.int64(STEP), "window": window(), "points": numpy.int64(POINTS),
        "bands": numpy.int64(BANDS), "rate": numpy.int64(RATE),
        "lowest": numpy.float32(LOWEST), "highest": numpy.float32(HIGHEST), "floor": numpy.float32(FLOOR),
        "cosines": cosines(), "shape": numpy.array(shape, numpy.int64),
    }
    nodes = [
        helper.make_node("STFT", ["audio", "step", "window", "points"], ["spectrum"], onesided=1),
        helper.make_node("ReduceL2", ["spectrum"], ["magnitude"], axes=[3], keepdims=0),
        helper.make_node("MelWeightMatrix", ["bands", "points", "rate", "lowest", "highest"], ["triangles"]),
        helper.make_node("MatMul", ["magnitude", "triangles"], ["mel"]),
        helper.make_node("Add", ["mel", "floor"], ["above"]),
        helper.make_node("Log", ["above"], ["log_mel"]),
        helper.make_node("MatMul", ["log_mel", "cosines"], ["coefficients"]),
        helper.make_node("Reshape", ["coefficients", "shape"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes, "front_end",
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, [1, RATE * SECONDS, 1])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(numpy.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPERATOR_SET)], ir_version=8)


def extents(value):
    return [dimension.dim_value or 1 for dimension in value.type.tensor_type.shape.dim]


def with_front_end(network):
    """The network with its features computed inside."""
    network = onnx.version_converter.convert_version(network, OPERATOR_SET)
    network.ir_version = 8
    [features] = network.graph.input
    joined = compose.merge_models(
        front_end(extents(features)), compose.add_prefix(network, "network/"),
        io_map=[("features", f"network/{features.name}")],
        outputs=["features"] + [f"network/{output.name}" for output in network.graph.output],
    )
    onnx.checker.check_model(joined)
    return joined


def sound():
    """One second of noise in which a tone sweeps upwards."""
    time = numpy.arange(RATE * SECONDS) / RATE
    sweep = numpy.sin(2 * numpy.pi * (200 * time + 900 * time**2)) * numpy.clip(4 * time - 1, 0, 0.8)
    noise = numpy.random.default_rng(1).normal(0, 0.02, time.size)
    return (sweep + noise).astype(numpy.float32).reshape(1, -1, 1)


def mel(frequency):
    return 2595 * numpy.log10(1 + frequency / 700)


def triangles():
    """MelWeightMatrix as its specification has it."""
    edges = mel(LOWEST) + numpy.arange(BANDS + 2) * (mel(HIGHEST) - mel(LOWEST)) / (BANDS + 2)
    bins = ((POINTS + 1) * 700 * (10 ** (edges / 2595) - 1) // RATE).astype(int)
    weights = numpy.zeros((POINTS // 2 + 1, BANDS))
    for band, (low, centre, high) in enumerate(zip(bins, bins[1:], bins[2:])):
        if centre == low:
            weights[centre, band] = 1
        else:
            weights[low : centre + 1, band] = numpy.arange(centre - low + 1) / (centre - low)
        if high > centre:
            weights[centre:high, band] = (high - numpy.arange(centre, high)) / (high - centre)
    return weights


def features(audio, shape):
    """The features of a sound by NumPy, in double precision."""
    frames = numpy.lib.stride_tricks.sliding_window_view(audio[0, :, 0].astype(float), POINTS)[::STEP]
    magnitude = numpy.abs(numpy.fft.rfft(frames * window()))
    return (numpy.log(magnitude @ triangles() + FLOOR) @ cosines()).astype(numpy.float32).reshape(shape)


def write_case(network, joined, folder):
    import onnxruntime

    audio = sound()
    [port] = network.graph.input
    inputs = features(audio, extents(port))
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    results = [inputs] + session.run(None, {port.name: inputs})
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    onnx.save(joined, folder / "model.onnx")
    (data / "input_0.pb").write_bytes(numpy_helper.from_array(audio, "audio").SerializeToString())
    for index, result in enumerate(results):
        (data / f"output_{index}.pb").write_bytes(numpy_helper.from_array(result).SerializeToString())


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    network = onnx.load(sys.argv[1])
    joined = with_front_end(network)
    onnx.save(joined, sys.argv[2])
    if len(sys.argv) == 4:
        write_case(network, joined, pathlib.Path(sys.argv[3]))


if __name__ == "__main__":
    main()
