"""What the benchmarks measure: trained models, and small graphs made from a fixed seed."""
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def model(nodes, inputs, output, constants=()):
    """A model of one output; `inputs` are (name, shape) pairs, constants (name, array) pairs."""
    graph = helper.make_graph(
        nodes, "benchmark",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])],
        [numpy_helper.from_array(array, name) for name, array in constants])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def weights(random, *shape):
    return (random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)


def matmul(constant):
    """A product of two 512 × 512 matrices: both given at run time, or the right one known beforehand."""
    random = np.random.default_rng(1)
    inputs = [("a", [512, 512])] + ([] if constant else [("b", [512, 512])])
    constants = [("b", weights(random, 512, 512))] if constant else []
    return model([helper.make_node("MatMul", ["a", "b"], ["y"])], inputs, ("y", [512, 512]), constants)


def recurrent(operator, gates, steps=50, size=16, hidden=32):
    """One layer of an LSTM or GRU with both biases."""
    random = np.random.default_rng(2)
    constants = [
        ("w", weights(random, 1, gates * hidden, size)), ("r", weights(random, 1, gates * hidden, hidden)),
        ("b", weights(random, 1, 2 * gates * hidden))]
    node = helper.make_node(operator, ["x", "w", "r", "b"], ["y"], hidden_size=hidden)
    return model([node], [("x", [steps, 1, size])], ("y", [steps, 1, 1, hidden]), constants)


def convolutions():
    """A chain of convolutions of other shapes than the trained models have: 5 × 5, 1-D-like, odd channel counts, dilation."""
    random = np.random.default_rng(3)
    layers = [  # filters, channels / group, kernel, stride, pads, dilation, groups
        (20, 3, (5, 5), (2, 2), (2, 2, 2, 2), (1, 1), 1), (36, 20, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1),
        (36, 1, (5, 5), (2, 2), (2, 2, 2, 2), (1, 1), 36), (50, 36, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1),
        (24, 50, (1, 7), (1, 1), (0, 3, 0, 3), (1, 1), 1), (24, 24, (3, 3), (1, 1), (2, 2, 2, 2), (2, 2), 1)]
    nodes, constants, value = [], [], "x"
    for index, (filters, channels, kernel, stride, pads, dilation, groups) in enumerate(layers):
        constants += [(f"w{index}", weights(random, filters, channels, *kernel)), (f"b{index}", weights(random, filters))]
        nodes.append(helper.make_node(
            "Conv", [value, f"w{index}", f"b{index}"], [f"c{index}"], strides=stride, pads=pads, dilations=dilation,
            group=groups))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        value = f"r{index}"
    return model(nodes, [("x", [1, 3, 64, 64])], (value, [1, 24, 16, 16]), constants)


def convolutions1d():
    """A small network for audio: 1-D convolutions over 256 steps of 40 features."""
    random = np.random.default_rng(4)
    nodes, constants, value, channels = [], [], "x", 40
    for index, (filters, kernel, stride) in enumerate([(64, 5, 1), (64, 3, 2), (96, 3, 2)]):
        constants += [(f"w{index}", weights(random, filters, channels, kernel)), (f"b{index}", weights(random, filters))]
        nodes.append(helper.make_node(
            "Conv", [value, f"w{index}", f"b{index}"], [f"c{index}"], strides=[stride], pads=[kernel // 2] * 2))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        value, channels = f"r{index}", filters
    return model(nodes, [("x", [1, 40, 256])], (value, [1, 96, 64]), constants)


class Chain:
    """Layers one after another, from the input `x` on."""

    def __init__(self, seed):
        self.random, self.nodes, self.constants = np.random.default_rng(seed), [], []

    def constant(self, array):
        self.constants.append((f"c{len(self.constants)}", array))
        return self.constants[-1][0]

    def node(self, operator, *inputs, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [f"v{len(self.nodes)}"], **attributes))
        return f"v{len(self.nodes) - 1}"

    def convolution(self, x, filters, channels, kernel, stride=1, group=1, relu=True):
        y = self.node(
            "Conv", x, self.constant(weights(self.random, filters, channels // group, kernel, kernel)),
            self.constant(weights(self.random, filters)), pads=[kernel // 2] * 4, strides=[stride] * 2, group=group)
        return self.node("Relu", y) if relu else y

    def finish(self, x, channels, image):
        x = self.node("Flatten", self.node("GlobalAveragePool", x))
        y = self.node("Gemm", x, self.constant(weights(self.random, channels, 10)))
        return model(self.nodes, [("x", [1, 3, image, image])], (y, [1, 10]), self.constants)


def residuals():
    """The first stages of a ResNet over 112 × 112 pixels: large convolutions and additions."""
    chain = Chain(8)
    x = chain.convolution("x", 64, 3, 7, stride=2)
    x = chain.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for channels, filters in ((64, 64), (64, 128), (128, 256)):
        stride = 1 if channels == filters else 2
        y = chain.convolution(x, filters, channels, 3, stride)
        y = chain.convolution(y, filters, filters, 3, relu=False)
        short = x if stride == 1 else chain.convolution(x, filters, channels, 1, stride, relu=False)
        x = chain.node("Relu", chain.node("Add", y, short))
    return chain.finish(x, 256, 112)


def inverted_residuals():
    """The first stages of a MobileNet V2 over 96 × 96 pixels: thin layers, depthwise ones and additions."""
    chain = Chain(9)
    x, channels = chain.convolution("x", 16, 3, 3, stride=2), 16
    for filters, stride, times in ((16, 1, 1), (24, 2, 6), (24, 1, 6), (32, 2, 6), (32, 1, 6), (64, 2, 6), (64, 1, 6)):
        inside = channels * times
        y = chain.convolution(x, inside, channels, 1)
        y = chain.convolution(y, inside, inside, 3, stride, group=inside)
        y = chain.convolution(y, filters, inside, 1, relu=False)
        x = chain.node("Add", x, y) if stride == 1 and filters == channels else y
        channels = filters
    return chain.finish(x, 64, 96)


def perceptron(batch):
    """Dense layers 64-256-256-10 over a batch of rows."""
    random = np.random.default_rng(5)
    nodes, constants, value = [], [], "x"
    sizes = [64, 256, 256, 10]
    for index, (inner, columns) in enumerate(zip(sizes, sizes[1:])):
        constants += [(f"w{index}", weights(random, inner, columns)), (f"b{index}", weights(random, columns))]
        nodes.append(helper.make_node("Gemm", [value, f"w{index}", f"b{index}"], [f"g{index}"]))
        value = f"g{index}"
        if index < 2:
            nodes.append(helper.make_node("Relu", [value], [f"r{index}"]))
            value = f"r{index}"
    return model(nodes, [("x", [batch, 64])], (value, [batch, 10]), constants)


def trees():
    """100 trees of depth 8 over 16 features, one row: gradient-boosted regression from scikit-learn."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import GradientBoostingRegressor

    random = np.random.default_rng(6)
    rows = random.standard_normal((2000, 16)).astype(np.float32)
    target = np.sin(rows).sum(axis=1) + random.standard_normal(2000)
    regressor = GradientBoostingRegressor(n_estimators=100, max_depth=8, random_state=7).fit(rows, target)
    return to_onnx(regressor, rows[:1], target_opset={"": OPSET, "ai.onnx.ml": 3})


def forest():
    """A random forest of 100 trees of depth 8 over 16 features that tells three classes apart, one row."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier

    random = np.random.default_rng(7)
    rows = random.standard_normal((2000, 16)).astype(np.float32)
    kinds = np.digitize(rows[:, :4].sum(axis=1), [-1, 1])
    classifier = RandomForestClassifier(100, max_depth=8, random_state=8).fit(rows, kinds)
    opsets = {"": OPSET, "ai.onnx.ml": 3}
    return to_onnx(classifier, rows[:1], options={"zipmap": False}, target_opset=opsets)


GENERATED = {
    "matmul_512": lambda: matmul(constant=False), "matmul_512_weights": lambda: matmul(constant=True),
    "lstm_50_16_32": lambda: recurrent("LSTM", 4), "gru_50_16_32": lambda: recurrent("GRU", 3),
    "lstm_100_40_128": lambda: recurrent("LSTM", 4, 100, 40, 128), "residuals": residuals,
    "inverted_residuals": inverted_residuals, "trees_100_8": trees, "forest_100_8": forest,
    "convolutions": convolutions, "convolutions_1d": convolutions1d, "perceptron_1": lambda: perceptron(1),
    "perceptron_32": lambda: perceptron(32),
}


def workloads(models: Path, tflite: Path, made: Path):
    """(name, ONNX file, LiteRT file or None) of everything that is measured."""
    for name in ("ad", "kws", "ic", "vww"):
        for kind in ("fp32", "int8"):
            path = tflite / f"{name}_{kind}.tflite"
            yield f"{name}_{kind}", models / f"{name}_{kind}.onnx", path if path.exists() else None
    for name, make in GENERATED.items():
        path = made / f"{name}.onnx"
        if not path.exists():
            made.mkdir(parents=True, exist_ok=True)
            onnx.save(make(), path)
        yield name, path, None
