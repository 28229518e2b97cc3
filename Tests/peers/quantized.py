#!/usr/bin/env python3
"""Writes random small quantized ONNX models with the outputs that ONNX Runtime computes for them.

    quantized.py --seed 1 --rounds 3 --out cases.jsonl

The format is that of numerics.py; `QuantizedCaseTests` allows a difference of 1 in a stored number. On processors
without VNNI ONNX Runtime's kernels for uint8 times int8 saturate sums of 16 bits. So it runs with its optimisations off,
which would put those kernels into the models of floats, and where a model names them weights have 7 bits.

A long run: quantized.py --seed 7 --rounds 100 --out /tmp/q.jsonl, then
MARTLET_QUANTIZED_CASES=/tmp/q.jsonl swift test --filter QuantizedCaseTests
"""

import argparse
import base64
import json
import pathlib
import random

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from numerics import tensor

BYTES = [np.int8, np.uint8]


class Case:
    """A model under construction."""

    def __init__(self, name, rng, pick):
        self.name, self.rng, self.pick = name, rng, pick
        self.nodes, self.constants, self.inputs, self.count = [], [], {}, 0
        self.step = None  # between neighbouring numbers of float results

    def fresh(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def bytes(self, shape, dtype, small=False):
        info = np.iinfo(dtype)
        if small and dtype == np.int8:
            return self.rng.integers(-127, 128, shape).astype(dtype)
        return self.rng.integers(info.min, info.max + 1, shape).astype(dtype)

    def input(self, value):
        name = self.fresh("x")
        self.inputs[name] = value
        return name

    def constant(self, value, dtype=None):
        name = self.fresh("c")
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, kind, inputs, outputs=1, domain="", **attributes):
        names = [self.fresh("v") for _ in range(outputs)]
        self.nodes.append(
            helper.make_node(kind, inputs, names, name=self.fresh(kind), domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def scale(self, low=0.005, high=0.05):
        return np.float32(self.rng.uniform(low, high))

    def zero(self, dtype):
        info = np.iinfo(dtype)
        return dtype(self.pick.choice([0 if dtype == np.int8 else 128, info.min, self.rng.integers(info.min, info.max)]))

    def parameters(self, dtype, scale=None):
        """Names of a scale and a zero point of the type."""
        return [self.constant(scale if scale is not None else self.scale()), self.constant(self.zero(dtype))]

    def dequantized(self, shape):
        """An input of bytes as floats, and its scale."""
        dtype, scale = self.pick.choice(BYTES), self.scale()
        x = self.input(self.bytes(shape, dtype))
        return self.node("DequantizeLinear", [x] + self.parameters(dtype, scale)), scale

    def filters(self, shape, axis, bits=8):
        """Constant weights as (stored, scale, zero point) and the scales' values."""
        count = shape[axis]
        if self.pick.random() < 0.6:
            scales = self.rng.uniform(0.002, 0.02, count).astype(np.float32)
            zeros = np.zeros(count, np.int8)
        else:
            scales = self.scale()
            zeros = np.int8(0)
        dtype = np.int8
        if bits == 7:
            stored = self.rng.integers(-63, 64, shape).astype(np.int8)
            return [self.constant(stored), self.constant(scales), self.constant(zeros)], scales
        if np.ndim(scales) == 0 and self.pick.random() < 0.2:  # weights around 128 are int8 after all
            dtype, zeros = np.uint8, np.uint8(128)
        stored = self.bytes(shape, dtype, small=self.pick.random() < 0.5)
        return [self.constant(stored), self.constant(scales), self.constant(zeros)], scales

    def quantized(self, value, sums=1.0):
        """The float result as bytes; `sums` is about how large it is."""
        dtype = self.pick.choice(BYTES)
        return self.node("QuantizeLinear", [value] + self.parameters(dtype, np.float32(sums / 60)))

    def activation(self, value):
        kind = self.pick.choice(["", "", "Relu", "Clip", "LeakyRelu"])
        if kind == "Clip":
            return self.node(kind, [value, self.constant(0, np.float32), self.constant(6, np.float32)])
        return self.node(kind, [value]) if kind else value

    def finish(self, results):
        results = results if isinstance(results, list) else [results]
        kinds = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int8): TensorProto.INT8,
                 np.dtype(np.uint8): TensorProto.UINT8}
        graph = helper.make_graph(
            self.nodes, self.name,
            [helper.make_tensor_value_info(n, kinds[v.dtype], v.shape) for n, v in self.inputs.items()],
            [helper.make_empty_tensor_value_info(n) for n in results], self.constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])
        model.ir_version = 10
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        values = session.run(results, self.inputs)
        largest = max(float(np.max(np.abs(values[0]))), 1e-6)
        return {
            "unit": self.step and max(1.0, 1e4 * self.step / largest),
            "name": self.name,
            "model": base64.b64encode(model.SerializeToString()).decode(),
            "inputs": [tensor(n, v) for n, v in self.inputs.items()],
            "outputs": [tensor(n, np.asarray(v)) for n, v in zip(results, values)],
        }


# --- Families: each takes a Case and a random.Random and returns the names of the outputs ----------------------------

def window(pick, space, kernel):
    attributes = {"strides": [pick.randint(1, 2) for _ in space], "dilations": [pick.randint(1, 2) for _ in space]}
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, attributes["dilations"])]
    pads = [pick.randint(0, k // 2) for k in kernel + kernel]
    for axis, (extent, size) in enumerate(zip(space, reach)):
        pads[axis] = max(pads[axis], size - extent)
    return dict(attributes, pads=pads)


def geometry(case, pick):
    """Input shape, weights' shape and attributes of a random convolution."""
    groups = pick.choice([1, 1, 1, 2, 3, 0])  # 0: depthwise
    space = [pick.randint(3, 9) for _ in range(pick.choice([1, 2, 2, 2]))]
    kernel = [pick.choice([1, 2, 3, 3, 5]) for _ in space]
    if groups == 0:
        channels = filters = pick.choice([3, 8, 16, 20])
        groups = channels
    else:
        channels, filters = groups * pick.randint(1, 9), groups * pick.randint(1, 21)
    attributes = dict(window(pick, space, kernel), group=groups)
    return [pick.randint(1, 2), channels] + space, [filters, channels // groups] + kernel, attributes


def qdq_conv(case, pick):
    shape, weights, attributes = geometry(case, pick)
    x, scale = case.dequantized(shape)
    parts, scales = case.filters(weights, 0)
    inputs = [x, case.node("DequantizeLinear", parts, axis=0)]
    depth = int(np.prod(weights[1:]))
    if pick.random() < 0.7:
        bias = case.constant(case.rng.integers(-4000, 4000, weights[0]).astype(np.int32))
        bias_scales = case.constant(np.broadcast_to(scale * scales, (weights[0],)).astype(np.float32))
        inputs.append(case.node("DequantizeLinear", [bias, bias_scales], axis=0))
    y = case.activation(case.node("Conv", inputs, **attributes))
    return case.quantized(y, float(scale * np.max(scales) * 5500 * depth**0.5 * 2))


def qdq_gemm(case, pick):
    rows, inner, columns = pick.randint(1, 5), pick.randint(1, 70), pick.randint(1, 40)
    x, scale = case.dequantized([rows, inner])
    transposed = pick.random() < 0.5
    parts, scales = case.filters([columns, inner] if transposed else [inner, columns], 0 if transposed else 1)
    inputs = [x, case.node("DequantizeLinear", parts, axis=0 if transposed else 1)]
    if pick.random() < 0.6:
        inputs.append(case.constant(case.rng.normal(0, 1, columns), np.float32))
    y = case.activation(case.node("Gemm", inputs, transB=int(transposed)))
    return case.quantized(y, float(scale * np.max(scales) * 5500 * inner**0.5 * 2))


def qdq_matmul(case, pick):
    a, scale = case.dequantized([2, pick.randint(1, 5), 12])
    b, other = case.dequantized([2, 12, pick.randint(1, 9)])
    return case.quantized(case.node("MatMul", [a, b]), float(scale * other * 20000 * 7))


def qdq_pair(case, pick):
    shape = [1, pick.randint(1, 9), 4, 5]
    a, _ = case.dequantized(shape)
    b, _ = case.dequantized(pick.choice([shape, [1, shape[1], 1, 1], [5]]))
    return case.quantized(case.activation(case.node(pick.choice(["Add", "Sub", "Mul"]), [a, b])), 4)


def qdq_pool(case, pick):
    shape = [1, pick.randint(1, 20)] + [pick.randint(4, 9) for _ in range(2)]
    dtype, scale, zero = pick.choice(BYTES), case.scale(), None
    zero = case.zero(dtype)
    parts = [case.constant(scale), case.constant(zero)]
    x = case.node("DequantizeLinear", [case.input(case.bytes(shape, dtype))] + parts)
    kind = pick.choice(["AveragePool", "MaxPool", "GlobalAveragePool"])
    kernel = [pick.randint(1, 3), pick.randint(1, 3)]
    attributes = {} if kind == "GlobalAveragePool" else {
        "kernel_shape": kernel, "strides": [pick.randint(1, 2), pick.randint(1, 2)],
        "pads": [pick.randint(0, k // 2) for k in kernel + kernel]}
    if kind == "AveragePool":
        attributes["count_include_pad"] = pick.randint(0, 1)
    y = case.node(kind, [x], **attributes)
    return case.node("QuantizeLinear", [y] + parts) if pick.random() < 0.6 else case.quantized(y, 2)


def qdq_function(case, pick):
    x, _ = case.dequantized([2, pick.randint(1, 40)])
    kind = pick.choice(["Sigmoid", "Tanh", "HardSwish", "Relu", "Elu", "Exp", "Neg", "Abs"])
    return case.quantized(case.node(kind, [x]), 1)


def qdq_movement(case, pick):
    dtype = pick.choice(BYTES)
    parts = case.parameters(dtype)
    pieces = [
        case.node("DequantizeLinear", [case.input(case.bytes([1, pick.randint(1, 4), 3, 4], dtype))] + parts)
        for _ in range(2)]
    y = case.node("Concat", pieces, axis=1)
    y = case.node("Transpose", [y], perm=pick.choice([[0, 2, 3, 1], [0, 3, 1, 2], [0, 1, 3, 2]]))
    y = case.node("Flatten", [y])
    return case.node("QuantizeLinear", [y] + parts) if pick.random() < 0.5 else case.quantized(y, 3)


def qdq_softmax_tail(case, pick):
    """What a classifier ends in: the argmax must survive."""
    x, _ = case.dequantized([1, pick.randint(2, 20)])
    y = case.node("Softmax", [x], axis=-1)
    parts = [case.constant(1 / 256, np.float32), case.constant(-128, np.int8)]
    case.step = 1 / 256
    return case.node("DequantizeLinear", [case.node("QuantizeLinear", [y] + parts)] + parts)


def qdq_axis(case, pick):
    """Scales along an axis of what is computed at run time."""
    channels, axis = pick.randint(2, 5), pick.choice([0, 1, 2])
    shape = [3, 4, 6]
    shape[axis] = channels
    dtype = pick.choice(BYTES)
    scales = case.constant(case.rng.uniform(0.01, 0.05, channels), np.float32)
    zeros = case.constant(case.bytes([channels], dtype))
    x = case.node("DequantizeLinear", [case.input(case.bytes(shape, dtype)), scales, zeros], axis=axis)
    return case.node("QuantizeLinear", [case.node("Relu", [x]), scales, zeros], axis=axis)


def qdq_network(case, pick):
    """Two layers and a shortcut, from floats to floats."""
    channels = pick.choice([4, 8])
    x = case.input(case.rng.normal(0, 1, [1, channels, 6, 6]).astype(np.float32))
    case.step = 0.03
    shared = [case.constant(0.03, np.float32), case.constant(-3, np.int8)]

    def through(value):
        return case.node("DequantizeLinear", [case.node("QuantizeLinear", [value] + shared)] + shared)

    y = x = through(x)
    for _ in range(2):
        parts, _ = case.filters([channels, channels, 3, 3], 0)
        weights = case.node("DequantizeLinear", parts, axis=0)
        y = case.node("Conv", [y, weights], pads=[1, 1, 1, 1])
        y = through(case.node("Relu", [case.node("Mul", [y, case.constant(0.05, np.float32)])]))
    return through(case.node("Add", [x, y]))


def quantized_type(case, pick, sums):
    return case.parameters(pick.choice(BYTES), np.float32(sums / 60))


def stored(case, pick, shape):
    """(x, scale, zero point) of an input of bytes and the scale's value."""
    dtype, scale = pick.choice(BYTES), case.scale()
    return [case.input(case.bytes(shape, dtype))] + case.parameters(dtype, scale), scale, dtype


def qlinear_conv(case, pick):
    shape, weights, attributes = geometry(case, pick)
    x, scale, dtype = stored(case, pick, shape)
    parts, scales = case.filters(weights, 0, bits=7)
    depth = int(np.prod(weights[1:]))
    y = case.parameters(dtype, np.float32(scale * np.max(scales) * 5500 * depth**0.5 / 30))
    bias = [case.constant(case.rng.integers(-4000, 4000, weights[0]).astype(np.int32))] if pick.random() < 0.7 else []
    return case.node("QLinearConv", x + parts + y + bias, **attributes)


def qlinear_matmul(case, pick):
    a, scale, dtype = stored(case, pick, [pick.randint(1, 5), 17])
    parts, scales = case.filters([17, pick.randint(1, 30)], 1, bits=7)
    return case.node("QLinearMatMul", a + parts + case.parameters(dtype, np.float32(scale * np.max(scales) * 800)))


def qlinear_gemm(case, pick):
    inner, columns, transposed = pick.randint(1, 40), pick.randint(1, 30), pick.random() < 0.5
    a, scale, dtype = stored(case, pick, [pick.randint(1, 4), inner])
    shape, axis = ([columns, inner], 0) if transposed else ([inner, columns], 1)
    parts, scales = case.filters(shape, axis, bits=7)
    bias = case.constant(case.rng.integers(-4000, 4000, columns).astype(np.int32)) if pick.random() < 0.7 else ""
    result = case.parameters(dtype, np.float32(scale * np.max(scales) * 800)) if pick.random() < 0.7 else []
    return case.node("QGemm", a + parts + [bias] + result, domain="com.microsoft", transB=int(transposed))


def qlinear_pair(case, pick):
    dtype = pick.choice(BYTES)
    operands = [case.input(case.bytes([2, 3, 7], dtype))] + case.parameters(dtype)
    operands += [case.input(case.bytes(pick.choice([[2, 3, 7], [7], [1]]), dtype))] + case.parameters(dtype)
    kind = pick.choice(["QLinearAdd", "QLinearMul"])
    return case.node(kind, operands + case.parameters(dtype, np.float32(0.06)), domain="com.microsoft")


def qlinear_function(case, pick):
    x, _, dtype = stored(case, pick, [2, 9])
    kind, attributes = pick.choice(
        [("QLinearSigmoid", {}), ("QLinearLeakyRelu", {"alpha": 0.2}), ("QLinearSoftmax", {"axis": -1, "opset": 13})])
    y = [case.constant(1 / 256, np.float32), case.constant(0 if dtype == np.uint8 else -128, dtype)]
    return case.node(kind, x + y, domain="com.microsoft", **attributes)


def qlinear_pool(case, pick):
    last = pick.randint(0, 1)
    x, scale, dtype = stored(case, pick, [1, 6, 8, 5] if last else [1, 5, 6, 8])
    y = case.parameters(dtype, scale)
    if pick.random() < 0.5:
        return case.node("QLinearGlobalAveragePool", x + y, domain="com.microsoft", channels_last=last)
    return case.node("QLinearAveragePool", x + y, domain="com.microsoft", channels_last=last,
                     kernel_shape=[2, 3], strides=[2, 1], pads=[0, 1, 0, 1])


def qlinear_concat(case, pick):
    dtype = pick.choice(BYTES)
    operands = case.parameters(dtype)
    for _ in range(pick.randint(2, 3)):
        operands += [case.input(case.bytes([2, pick.randint(1, 5)], dtype))] + case.parameters(dtype)
    return case.node("QLinearConcat", operands, domain="com.microsoft", axis=1)


def integer_products(case, pick):
    if pick.random() < 0.5:
        a = case.input(case.bytes([2, 3, 11], np.uint8))
        if pick.random() < 0.5:
            weights, zero = case.bytes([11, 5], np.uint8), case.zero(np.uint8)
        else:
            weights, zero = case.rng.integers(-63, 64, [11, 5]).astype(np.int8), np.int8(5)
        return case.node(
            "MatMulInteger", [a, case.constant(weights), case.constant(7, np.uint8), case.constant(zero)])
    shape, weights, attributes = geometry(case, pick)
    x = case.input(case.bytes(shape, np.uint8))
    w = case.constant(case.bytes(weights, np.uint8))
    return case.node("ConvInteger", [x, w, case.constant(9, np.uint8), case.constant(120, np.uint8)], **attributes)


def dynamic(case, pick):
    """What ONNX Runtime's dynamic quantiser makes of a matrix product."""
    x = case.input(case.rng.normal(0, 1, [3, 16]).astype(np.float32) * np.float32(pick.choice([0, 1, 1, 1, 20])))
    y, scale, zero = case.node("DynamicQuantizeLinear", [x], outputs=3)
    weights = case.constant(case.rng.integers(-63, 64, [16, 6]).astype(np.int8))
    product = case.node("MatMulInteger", [y, weights, zero, case.constant(0, np.int8)])
    factor = case.node("Mul", [scale, case.constant(case.rng.uniform(0.01, 0.02, 6), np.float32)])
    return [case.node("Mul", [case.node("Cast", [product], to=TensorProto.FLOAT), factor]), y, scale, zero]


FAMILIES = [qdq_conv, qdq_conv, qdq_gemm, qdq_matmul, qdq_pair, qdq_pool, qdq_function, qdq_movement, qdq_softmax_tail,
            qdq_axis, qdq_network, qlinear_conv, qlinear_matmul, qlinear_gemm, qlinear_pair, qlinear_function,
            qlinear_pool, qlinear_concat, integer_products, dynamic]


def generate(seed, rounds):
    cases, skipped = [], 0
    for index in range(rounds):
        for family in FAMILIES:
            pick = random.Random(f"{seed}/{family.__name__}/{len(cases)}")
            case = Case(f"{family.__name__}_{len(cases)}", np.random.default_rng(pick.getrandbits(63)), pick)
            try:
                cases.append(case.finish(family(case, pick)))
            except Exception as error:  # a combination that ONNX Runtime does not have
                skipped += 1
                if skipped > 5 + len(cases) // 10:
                    raise RuntimeError(f"too many cases are skipped; the last: {case.name}") from error
    return cases, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    cases, skipped = generate(options.seed, options.rounds)
    options.out.write_text("".join(json.dumps(case) + "\n" for case in cases))
    print(f"{len(cases)} cases, {skipped} skipped (onnxruntime {onnxruntime.__version__})")


if __name__ == "__main__":
    main()
