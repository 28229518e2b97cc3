#!/usr/bin/env python3
"""Writes random small ONNX models with the outputs that ONNX Runtime computes for them.

    numerics.py --seed 1 --rounds 3 --out cases.jsonl

Each line is one case: name, model (base64), inputs and outputs as [{name, shape, type, data (base64)}].
`ModelCompilerTests` compiles each model, runs it and compares; see numerics_test.py.
"""

import argparse
import base64
import json
import pathlib
import random

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, version_converter

import families


class Case:
    """A model under construction: float inputs, nodes in a row, constants."""

    def __init__(self, name, rng, opset):
        self.name, self.rng, self.opset = name, rng, opset
        self.nodes, self.constants, self.inputs, self.count = [], [], {}, 0

    def fresh(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def input(self, shape, low=-2.0, high=2.0):
        name = self.fresh("x")
        self.inputs[name] = self.rng.uniform(low, high, shape).astype(np.float32)
        return name

    def constant(self, value, dtype=np.float32):
        name = self.fresh("c")
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weights(self, *shape, scale=0.5):
        return self.constant(self.rng.normal(0, scale, shape))

    def node(self, kind, inputs, outputs=1, **attributes):
        names = [self.fresh("v") for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=self.fresh(kind), **attributes))
        return names[0] if outputs == 1 else names

    def finish(self, results):
        results = results if isinstance(results, list) else [results]
        graph = helper.make_graph(
            self.nodes, self.name,
            [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
             for n, v in self.inputs.items()],
            [helper.make_empty_tensor_value_info(n) for n in results], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 10
        reference = model
        if self.opset < 7:  # ONNX Runtime begins with operator set 7
            graph = model.graph
            for info, name in zip(graph.output, results):
                info.CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
            reference = version_converter.convert_version(model, 13)
        values = session(reference.SerializeToString()).run(results, self.inputs)
        return {
            "name": self.name,
            "model": base64.b64encode(model.SerializeToString()).decode(),
            "inputs": [tensor(n, v) for n, v in self.inputs.items()],
            "outputs": [tensor(n, np.asarray(v)) for n, v in zip(results, values)],
        }


def session(model):
    """A session of ONNX Runtime that keeps its warnings to itself."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def tensor(name, value):
    return {
        "name": name, "shape": list(value.shape), "type": str(value.dtype),
        "data": base64.b64encode(np.ascontiguousarray(value).tobytes()).decode(),
    }


def array(entry):
    """The array of what tensor() wrote."""
    return np.frombuffer(base64.b64decode(entry["data"]), entry["type"]).reshape(entry["shape"])


# --- Families of cases: each takes a Case and a random.Random and returns the names of the outputs ---------------------

def gemm(case, pick):
    m, k, n = pick.randint(1, 5), pick.randint(1, 40), pick.randint(1, 40)
    trans_a, trans_b = pick.random() < 0.3, pick.random() < 0.5
    a = case.input((k, m) if trans_a else (m, k))
    shape = (n, k) if trans_b else (k, n)
    b = case.weights(*shape) if pick.random() < 0.7 else case.input(shape)
    inputs = [a, b]
    if pick.random() < 0.8:
        inputs.append(case.weights(*pick.choice([(n,), (1, n), (m, n), (m, 1), (1,), ()])))
    y = case.node("Gemm", inputs, transA=int(trans_a), transB=int(trans_b),
                  alpha=pick.choice([1.0, 0.5, -1.25]), beta=pick.choice([1.0, 0.0, 2.0]))
    return case.node("Relu", [y]) if pick.random() < 0.5 else y


def matmul(case, pick):
    m, k, n = pick.randint(1, 6), pick.randint(1, 30), pick.randint(1, 30)
    left, right = pick.choice([
        ((m, k), (k, n)), ((3, m, k), (k, n)), ((2, 3, m, k), (2, 3, k, n)), ((3, m, k), (1, k, n)), ((k,), (k, n)),
        ((m, k), (k,)), ((2, m, k), (k,)), ((m, k), (4, k, n)), ((2, 1, m, k), (3, k, n)), ((k,), (k,)),
    ])
    b = case.weights(*right) if pick.random() < 0.6 else case.input(right)
    y = case.node("MatMul", [case.input(left), b])
    if right[-1] == n and len(right) > 1 and pick.random() < 0.5:
        y = case.node("Add", [y, case.weights(n)])
    return y


def conv_attributes(pick, space, kernel):
    attributes = {"kernel_shape": kernel}
    if pick.random() < 0.5:
        attributes["strides"] = [pick.randint(1, 3) for _ in space]
    if pick.random() < 0.3:
        attributes["dilations"] = [pick.randint(1, 2) for _ in space]
    mode = pick.random()
    if mode < 0.5:
        attributes["pads"] = [pick.randint(0, 2) for _ in range(2 * len(space))]
    elif mode < 0.75:
        attributes["auto_pad"] = pick.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
        if attributes["auto_pad"] != "VALID":
            attributes.pop("dilations", None)
    return attributes


def conv(case, pick):
    space = [pick.randint(7, 14) for _ in range(pick.choice([1, 2, 2]))]
    groups = pick.choice([1, 1, 2, 3])
    c, m = groups * pick.randint(1, 5), groups * pick.randint(1, 9)
    if pick.random() < 0.3:
        groups, m = c, c * pick.choice([1, 1, 2])
    kernel = [pick.randint(1, 3) for _ in space]
    inputs = [case.input((pick.choice([1, 1, 2]), c, *space)), case.weights(m, c // groups, *kernel)]
    if pick.random() < 0.7:
        inputs.append(case.weights(m))
    y = case.node("Conv", inputs, group=groups, **conv_attributes(pick, space, kernel))
    return tail(case, pick, y, m)


def tail(case, pick, y, channels):
    """Things that follow a convolution and that the compiler folds or fuses."""
    if pick.random() < 0.4:
        parameters = [case.weights(channels) for _ in range(3)] + [case.constant(case.rng.uniform(0.2, 2, channels))]
        y = case.node("BatchNormalization", [y, *parameters], epsilon=1e-3)
    choice = pick.random()
    if choice < 0.3:
        y = case.node("Relu", [y])
    elif choice < 0.5:
        y = case.node("Clip", [y, case.constant(0.0), case.constant(6.0)]) if case.opset >= 11 else case.node("Elu", [y])
    elif choice < 0.6:
        y = case.node("Mul", [y, case.constant(0.37)])
    return y


def pool(case, pick):
    space = [pick.randint(7, 12) for _ in range(pick.choice([1, 2, 2]))]
    x = case.input((pick.choice([1, 2]), pick.randint(1, 20), *space))
    kind = pick.choice(["MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"])
    if kind.startswith("Global"):
        return case.node(kind, [x])
    kernel = [pick.randint(2, 4) for _ in space]
    attributes = {"kernel_shape": kernel, "strides": [pick.randint(1, 3) for _ in space]}
    if pick.random() < 0.5:
        attributes["pads"] = [pick.randint(0, 1) for _ in range(2 * len(space))]
    elif pick.random() < 0.4:
        attributes["auto_pad"] = pick.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
    if case.opset >= 10 and "auto_pad" not in attributes and pick.random() < 0.3:
        attributes["ceil_mode"] = 1
    if kind == "AveragePool" and pick.random() < 0.4:
        attributes["count_include_pad"] = 1
    if kind == "MaxPool" and case.opset >= 10 and "auto_pad" not in attributes and pick.random() < 0.3:
        attributes["dilations"] = [pick.randint(1, 2) for _ in space]
    return case.node(kind, [x], **attributes)


UNARY = {
    "Relu": {}, "Sigmoid": {}, "Tanh": {}, "Softplus": {}, "Softsign": {}, "Exp": {}, "Abs": {}, "Neg": {},
    "Floor": {}, "Ceil": {}, "Erf": {}, "Sign": {}, "Round": {}, "HardSwish": {}, "Mish": {},
    "LeakyRelu": {"alpha": 0.2}, "Elu": {"alpha": 1.3}, "Selu": {}, "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
    "ThresholdedRelu": {"alpha": 0.7}, "Gelu": {"approximate": "tanh"},
}
SINCE = {"Erf": 9, "Sign": 9, "Round": 11, "HardSwish": 14, "Mish": 18, "ThresholdedRelu": 10, "Gelu": 20}


def unary(case, pick):
    shape = tuple(pick.randint(1, 9) for _ in range(pick.randint(1, 4)))
    kind = pick.choice([*UNARY, "Log", "Sqrt", "Reciprocal", "PRelu", "Clip", "Identity", "Dropout"])
    case.opset = max(case.opset, SINCE.get(kind, 0))
    if kind in ("Log", "Sqrt", "Reciprocal"):
        return case.node(kind, [case.input(shape, 0.1, 4)])
    x = case.input(shape, -4, 4)
    if kind == "PRelu":
        return case.node(kind, [x, case.weights(*pick.choice([shape, shape[-1:], (1,)]))])
    if kind == "Clip":
        if case.opset < 11:
            return case.node(kind, [x], min=-1.0, max=1.5)
        return case.node(kind, [x, pick.choice(["", case.constant(-1.0)]), case.constant(1.5)])
    attributes = UNARY.get(kind, {})
    if pick.random() < 0.4:  # defaults
        attributes = {}
    y = case.node(kind, [x], **attributes)
    return case.node("Add", [y, x]) if kind in ("Identity", "Dropout") else y


def binary(case, pick):
    rank = pick.randint(1, 4)
    full = tuple(pick.randint(1, 6) for _ in range(rank))
    def part():
        shape = tuple(1 if pick.random() < 0.3 else d for d in full)
        return shape[pick.randint(0, rank - 1):] if pick.random() < 0.4 else shape
    kind = pick.choice(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean"])
    low = 0.3 if kind in ("Div", "Pow") else -2
    shapes = [part(), part()]
    if kind in ("Max", "Min", "Sum", "Mean"):
        if case.opset < 8:
            shapes = [full, full]
        if pick.random() < 0.5:
            shapes.append(shapes[0] if case.opset < 8 else part())
    operands = [case.input(s, low, 2) if i == 0 or pick.random() < 0.6
                else case.constant(case.rng.uniform(low, 2, s)) for i, s in enumerate(shapes)]
    if pick.random() < 0.3:
        operands.reverse()
    y = case.node(kind, operands)
    return case.node("Tanh", [y]) if pick.random() < 0.3 else y


def legacy(case, pick):
    """Operator set 6: broadcasting by attribute, batch normalisation with is_test."""
    case.opset = 6
    shape = (2, 3, 4, 5)
    x = case.input(shape)
    choice = pick.randint(0, 2)
    if choice == 0:
        axis = pick.randint(0, 3)
        length = pick.randint(1, 4 - axis)
        return case.node("Add", [x, case.weights(*shape[axis:axis + length])], broadcast=1, axis=axis)
    if choice == 1:
        return case.node("Mul", [x, case.weights(4, 5)], broadcast=1)
    a = case.input((3, 6))
    return case.node("Gemm", [a, case.weights(6, 4), case.weights(4)], broadcast=1)


def softmax(case, pick):
    shape = tuple(pick.randint(1, 8) for _ in range(pick.randint(1, 4)))
    kind = pick.choice(["Softmax", "LogSoftmax"])
    low = -len(shape) if case.opset >= 11 else 0
    attributes = {} if len(shape) > 1 and pick.random() < 0.3 else {"axis": pick.randint(low, len(shape) - 1)}
    return case.node(kind, [case.input(shape)], **attributes)


def reduce(case, pick):
    shape = tuple(pick.randint(1, 6) for _ in range(pick.randint(1, 4)))
    rank = len(shape)
    keep = pick.randint(0, 1)
    kind = pick.choice(["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp", "LogSum", "Arg"])
    x = case.input(shape, 0.2, 2) if kind == "LogSum" else case.input(shape)
    low = -rank if case.opset >= 11 else 0
    if kind == "Arg":
        return case.node(pick.choice(["ArgMax", "ArgMin"]), [x], axis=pick.randint(low, rank - 1), keepdims=keep)
    axes = sorted(pick.sample(range(rank), pick.randint(1, rank)))
    if low and pick.random() < 0.3:
        axes = [a - rank for a in axes]
    if pick.random() < 0.2:
        return case.node(f"Reduce{kind}", [x], keepdims=keep)
    if case.opset >= (13 if kind == "Sum" else 18):
        return case.node(f"Reduce{kind}", [x, case.constant(axes, np.int64)], keepdims=keep)
    return case.node(f"Reduce{kind}", [x], axes=axes, keepdims=keep)


def shapes(case, pick):
    """Movements: reshape, flatten, squeeze, unsqueeze, transpose, concat, slice, pad, split, gather, tile, expand."""
    b, c, d = pick.randint(1, 3), pick.randint(2, 5), pick.randint(2, 6)
    x = case.input((b, c, d))
    kind = pick.choice(["reshape", "flatten", "squeeze", "transpose", "concat", "slice", "pad", "split", "gather",
                        "tile", "expand", "computed"])
    if kind == "reshape":
        target = pick.choice([[0, -1], [-1], [d * c, -1], [b * c, d], [c * b, 1, d]])
        y = case.node("Reshape", [x, case.constant(target, np.int64)])
    elif kind == "flatten":
        y = case.node("Flatten", [x], axis=pick.randint(0, 3))
    elif kind == "squeeze":
        if case.opset >= 13:
            y = case.node("Unsqueeze", [x, case.constant([0, 2], np.int64)])
            y = case.node("Squeeze", [y, case.constant([2], np.int64)]) if pick.random() < 0.5 else case.node("Squeeze", [y])
        else:
            y = case.node("Unsqueeze", [x], axes=[0, 4])
            y = case.node("Squeeze", [y], axes=[0])
    elif kind == "transpose":
        y = case.node("Transpose", [x], perm=pick.sample(range(3), 3)) if pick.random() < 0.8 else case.node("Transpose", [x])
    elif kind == "concat":
        axis = pick.randint(0, 2)
        other = [b, c, d]
        other[axis] = pick.randint(1, 3)
        y = case.node("Concat", [x, case.input(tuple(other)), case.weights(*other)], axis=axis)
    elif kind == "slice":
        if case.opset >= 10:
            y = case.node("Slice", [x, *[case.constant(v, np.int64) for v in pick.choice([
                ([0, 1], [b, 99], [0, 2], [1, 2]), ([-1], [-99], [1], [-1]), ([1], [-1] if d > 2 else [99], [2], [1]),
            ])]])
        else:
            y = case.node("Slice", [x], starts=[0, -2], ends=[99, 99], axes=[1, 2])
    elif kind == "pad":
        mode = pick.choice(["constant", "reflect", "edge"])
        pads = [0, pick.randint(0, 1), pick.randint(0, 1), 0, pick.randint(0, 1), pick.randint(0, 1)]
        if case.opset >= 11:
            if mode == "constant" and pick.random() < 0.3:
                pads[2] = -1
            y = case.node("Pad", [x, case.constant(pads, np.int64), case.constant(1.5)], mode=mode)
        else:
            y = case.node("Pad", [x], pads=pads, mode=mode, value=1.5)
    elif kind == "split":
        sizes = [1, d - 1]
        parts = case.node("Split", [x, case.constant(sizes, np.int64)], 2, axis=2) if case.opset >= 13 \
            else case.node("Split", [x], 2, axis=2, split=sizes)
        return [case.node("Relu", [parts[0]]), case.node("Neg", [parts[1]])]
    elif kind == "gather":
        indices = pick.choice([1, [0], [1, 0], [0, 1, 1, 0], [[0, 1], [1, 0]], [-1 if case.opset >= 11 else 1]])
        y = case.node("Gather", [x, case.constant(indices, np.int64)], axis=pick.randint(1, 2))
    elif kind == "tile":
        y = case.node("Tile", [x, case.constant([pick.randint(1, 3) for _ in range(3)], np.int64)])
    elif kind == "expand":
        case.opset = max(case.opset, 8)
        small = case.node("ReduceMax", [x], axes=[1], keepdims=1) if case.opset < 18 \
            else case.node("ReduceMax", [x, case.constant([1], np.int64)], keepdims=1)
        y = case.node("Expand", [small, case.constant([2, 1, c, 1], np.int64)])
    else:
        shape = case.node("Shape", [x])
        first = case.node("Gather", [shape, case.constant([0], np.int64)], axis=0)
        rest = case.node("Concat", [first, case.constant([-1], np.int64)], axis=0)
        y = case.node("Reshape", [x, rest])
    return case.node("Sigmoid", [y]) if pick.random() < 0.5 else y


def network(case, pick):
    """A small convolutional classifier, in one or two dimensions, with a residual connection now and then."""
    space = [pick.randint(8, 12) for _ in range(pick.choice([1, 2]))]
    c, m = pick.randint(1, 4), pick.randint(4, 18)
    batch = pick.choice([1, 1, 3])
    ones = [1] * len(space)
    x = case.input((batch, c, *space))
    if pick.random() < 0.3:
        last = [0, len(space) + 1, *range(1, len(space) + 1)]
        x = case.node("Transpose", [case.input((batch, *space, c))], perm=last)
    y = case.node("Conv", [x, case.weights(m, c, *[3] * len(space)), case.weights(m)], pads=ones * 2)
    y = tail(case, pick, y, m)
    if pick.random() < 0.6:
        z = case.node("Conv", [y, case.weights(m, m, *[3] * len(space), scale=0.2)], pads=ones * 2)
        z = tail(case, pick, z, m)
        y = case.node("Relu", [case.node("Add", [y, z])])
    if pick.random() < 0.4:
        y = case.node("Concat", [y, case.node("Tanh", [y])], axis=1)
        m *= 2
    if pick.random() < 0.4:
        gate = case.node("Sigmoid", [case.node("GlobalAveragePool", [y])])
        y = case.node("Mul", [y, gate])
    if pick.random() < 0.6:
        y = case.node("MaxPool", [y], kernel_shape=[2] * len(space), strides=[2] * len(space))
        space = [s // 2 for s in space]
    features = m
    if pick.random() < 0.3:
        y = case.node("GlobalAveragePool", [y])
    else:
        features *= int(np.prod(space))
    y = case.node("Flatten", [y])
    y = case.node("Gemm", [y, case.weights(5, features, scale=0.1), case.weights(5)], transB=1)
    return case.node("Softmax", [y], axis=1) if pick.random() < 0.5 else y


# Functions of recurrent cells as ONNX Runtime computes them, and whether they take alpha and beta.
CELL_FUNCTIONS = {"Sigmoid": 0, "Tanh": 0, "Relu": 0, "Affine": 2, "LeakyRelu": 1, "ThresholdedRelu": 1, "ScaledTanh": 2,
                  "HardSigmoid": 2, "Elu": 1, "Softsign": 0, "Softplus": 0}


def recurrent(case, pick):
    """An RNN, GRU or LSTM with any of its operands and attributes."""
    kind, gates = pick.choice([("RNN", 1), ("GRU", 3), ("LSTM", 4), ("LSTM", 4)])
    direction = pick.choice(["forward", "reverse", "bidirectional"])
    d = 2 if direction == "bidirectional" else 1
    t, b, i, h = pick.choice([1, 3, 9, 40]), pick.choice([1, 1, 2, 5]), pick.randint(1, 10), pick.randint(1, 20)
    known = pick.random() < 0.7
    w, r = (case.weights(*shape, scale=0.3) if known else case.input(shape, -0.5, 0.5)
            for shape in ((d, gates * h, i), (d, gates * h, h)))
    x = case.input((t, b, i))
    lengths = [pick.randint(1, t) for _ in range(b)] if pick.random() < 0.3 else None
    inputs = [x, w, r, case.weights(d, 2 * gates * h) if pick.random() < 0.7 else "",
              case.constant(lengths, np.int32) if lengths else "",
              case.input((d, b, h), -1, 1) if pick.random() < 0.5 else ""]
    attributes = {"hidden_size": h, "direction": direction}
    if kind == "LSTM":
        inputs.append(case.input((d, b, h), -1, 1) if pick.random() < 0.5 else "")
        inputs.append(case.weights(d, 3 * h) if pick.random() < 0.4 else "")
        attributes["input_forget"] = int(pick.random() < 0.2)
    if kind == "GRU":
        attributes["linear_before_reset"] = int(pick.random() < 0.5)
    if pick.random() < 0.3:
        attributes["clip"] = pick.choice([0.3, 2.0])
    if pick.random() < 0.4:
        names = [pick.choice(list(CELL_FUNCTIONS)) for _ in range(d * {"RNN": 1, "GRU": 2, "LSTM": 3}[kind])]
        # Without bounds the state of many steps overflows.
        names = [name if t < 9 else pick.choice(["Sigmoid", "Tanh", "Softsign"]) for name in names]
        attributes["activations"] = names
        attributes["activation_alpha"] = [pick.uniform(0.1, 0.9) for name in names if CELL_FUNCTIONS[name] > 0]
        attributes["activation_beta"] = [pick.uniform(0.1, 0.9) for name in names if CELL_FUNCTIONS[name] > 1]
        attributes = {name: value for name, value in attributes.items() if value != []}
    while not inputs[-1]:
        inputs.pop()
    results = case.node(kind, inputs, 3 if kind == "LSTM" else 2, **attributes)
    return pick.choice([results, results[:1], results])


FAMILIES = [gemm, matmul, conv, conv, conv, pool, pool, unary, unary, binary, binary, legacy, softmax, reduce, reduce,
            shapes, shapes, network, network, recurrent, recurrent,
            *families.ALL]
OPSETS = [7, 9, 11, 12, 13, 17, 18, 21, 22]


def generate(seed, rounds):
    cases, skipped = [], 0
    for index in range(rounds * len(FAMILIES)):
        family = FAMILIES[index % len(FAMILIES)]
        pick = random.Random(seed * 1_000_003 + index)
        case = Case(f"{family.__name__}-{seed}-{index}", np.random.default_rng(pick.getrandbits(32)), pick.choice(OPSETS))
        try:
            result = case.finish(family(case, pick))
        except Exception as error:  # the random attributes made no valid model, or ONNX Runtime has no kernel for it
            skipped += 1
            if skipped > rounds * len(FAMILIES) // 3:
                raise RuntimeError(f"too many cases are skipped; the last: {case.name}") from error
            continue
        cases.append(result)
    return cases, skipped


def trained(path, rng):
    """A case of a trained model of Tests/Fixtures/models: the file itself is not repeated."""
    model = session(str(path))
    inputs = {i.name: rng.uniform(-1, 1, i.shape).astype(np.float32) for i in model.get_inputs()}
    names = [o.name for o in model.get_outputs()]
    return {
        "name": path.stem, "file": path.name, "inputs": [tensor(n, v) for n, v in inputs.items()],
        "outputs": [tensor(n, v) for n, v in zip(names, model.run(names, inputs))],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    cases, skipped = generate(options.seed, options.rounds)
    models = pathlib.Path(__file__).parent.parent / "Fixtures" / "models"
    cases += [trained(path, np.random.default_rng(options.seed)) for path in sorted(models.glob("*_fp32.onnx"))]
    with open(options.out, "w") as file:
        for case in cases:
            file.write(json.dumps(case, separators=(",", ":")) + "\n")
    print(f"{len(cases)} cases, {skipped} skipped (onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__})")


if __name__ == "__main__":
    main()
