"""Random layers of float networks."""
import numpy
from onnx import TensorProto

from cases import Graph, MICROSOFT


def pick(random, *choices):
    return choices[random.integers(len(choices))]


def normal(random, *shape):
    return random.standard_normal(shape).astype(numpy.float32)


def window(random, space, kernel, attributes):
    """Adds strides, dilations and padding for a kernel; the extents that a window covers."""
    rank = len(space)
    if random.random() < 0.6:
        attributes["strides"] = [int(value) for value in random.integers(1, 4, rank)]
    reach = list(kernel)
    if random.random() < 0.3:
        attributes["dilations"] = [int(value) for value in random.integers(1, 3, rank)]
        reach = [(size - 1) * step + 1 for size, step in zip(kernel, attributes["dilations"])]
    style = random.random()
    if style < 0.5:
        attributes["pads"] = [int(random.integers(0, size)) for size in kernel * 2]
    elif style < 0.8 and "dilations" not in attributes:
        attributes["auto_pad"] = pick(random, "SAME_UPPER", "SAME_LOWER", "VALID")
    return reach


def sizes(random, rank):
    space = [int(value) for value in random.integers(5, 14, rank)]
    kernel = [int(random.integers(1, min(size, 5) + 1)) for size in space]
    return space, kernel


def conv(random):
    graph = Graph(opset=int(random.integers(7, 22)))
    rank = pick(random, 1, 2, 2, 2)
    space, kernel = sizes(random, rank)
    groups = pick(random, 1, 1, 1, 2, 3, 8)
    inner = int(random.integers(1, 10)) if groups == 1 else int(random.integers(1, 4))
    filters = groups * int(random.integers(1, 6)) if groups > 1 else int(random.integers(1, 40))
    if groups > 1 and random.random() < 0.4:
        inner, filters = 1, groups * int(random.integers(1, 3))
    attributes = {"group": groups}
    if random.random() < 0.5:
        attributes["kernel_shape"] = kernel
    window(random, space, kernel, attributes)
    x = graph.input(normal(random, int(random.integers(1, 3)), groups * inner, *space))
    weights = graph.constant(normal(random, filters, inner, *kernel))
    bias = graph.constant(normal(random, filters)) if random.random() < 0.7 else None
    y = graph.add("Conv", [x, weights, bias], **attributes)
    for _ in range(int(random.integers(0, 3))):
        y = tail(graph, random, y, filters, rank)
    return graph.case(y)


def tail(graph, random, y, channels, rank):
    """What often stands behind a convolution, and is folded into it."""
    choice = pick(random, "Relu", "LeakyRelu", "BatchNormalization", "Mul", "Add", "Clip", "Sigmoid", "HardSwish")
    per_channel = [1, channels] + [1] * rank
    if choice == "BatchNormalization":
        parameters = [normal(random, channels) for _ in range(3)] + [normal(random, channels) ** 2 + 0.1]
        return graph.add(choice, [y, *(graph.constant(value.astype(numpy.float32)) for value in parameters)])
    if choice in ("Mul", "Add"):
        shape = pick(random, per_channel, [1] * (rank + 2), per_channel[1:])
        return graph.add(choice, [y, graph.constant(normal(random, *shape))])
    if choice == "Clip":
        if graph.opsets[""] < 11:
            return graph.add(choice, [y], min=-0.5, max=1.5)
        return graph.add(choice, [y, graph.constant(numpy.float32(-0.5)), graph.constant(numpy.float32(1.5))])
    if choice == "HardSwish" and graph.opsets[""] < 14:
        choice = "Relu"
    return graph.add(choice, [y])


def conv_transpose(random):
    graph = Graph(opset=int(random.integers(11, 22)))
    rank = pick(random, 1, 2, 2)
    space, kernel = sizes(random, rank)
    groups = pick(random, 1, 1, 2)
    inner, outer = groups * int(random.integers(1, 5)), int(random.integers(1, 6))
    attributes = {"group": groups}
    window(random, space, kernel, attributes)
    strides = attributes.get("strides", [1] * rank)
    if attributes.get("auto_pad", "").startswith("SAME"):
        # Where steps are wider than windows ONNX Runtime does not reach the extent that the specification gives.
        dilations = attributes.get("dilations", [1] * rank)
        reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilations)]
        strides = attributes["strides"] = [min(pair) for pair in zip(strides, reach)]
    if random.random() < 0.3:
        attributes["output_padding"] = [int(random.integers(0, max(step, 1))) for step in strides]
    x = graph.input(normal(random, 1, inner, *space))
    inputs = [x, graph.constant(normal(random, inner, outer, *kernel))]
    if random.random() < 0.5:
        inputs.append(graph.constant(normal(random, outer * groups)))
    return graph.case(graph.add("ConvTranspose", inputs, **attributes))


def pool(random):
    operator = pick(random, "MaxPool", "AveragePool", "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")
    graph = Graph(opset=int(random.integers(19 if operator == "AveragePool" else 12, 22)))
    rank = pick(random, 1, 2, 2)
    space, kernel = sizes(random, rank)
    x = graph.input(normal(random, int(random.integers(1, 3)), int(random.integers(1, 20)), *space))
    if operator.startswith("Global"):
        return graph.case(graph.add(operator, [x]))
    attributes = {"kernel_shape": kernel}
    window(random, space, kernel, attributes)
    if random.random() < 0.4 and "auto_pad" not in attributes:
        attributes["ceil_mode"] = 1
    if operator == "AveragePool" and random.random() < 0.5:
        attributes["count_include_pad"] = 1
    if operator == "MaxPool" and random.random() < 0.2:
        return graph.case(graph.add(operator, [x], 2, **attributes), [TensorProto.FLOAT, TensorProto.INT64])
    return graph.case(graph.add(operator, [x], **attributes))


def gemm(random):
    graph = Graph(opset=int(random.integers(7, 22)))
    rows, inner, columns = (int(value) for value in random.integers(1, 40, 3))
    if random.random() < 0.3:
        return matmul(random, graph, rows, inner, columns)
    attributes = {}
    for name in ("alpha", "beta"):
        if random.random() < 0.4:
            attributes[name] = float(random.uniform(-2, 2))
    for name in ("transA", "transB"):
        if random.random() < 0.5:
            attributes[name] = 1
    a = graph.input(normal(random, *((inner, rows) if "transA" in attributes else (rows, inner))))
    b = normal(random, *((columns, inner) if "transB" in attributes else (inner, columns)))
    inputs = [a, graph.constant(b) if random.random() < 0.7 else graph.input(b)]
    shape = pick(random, None, [columns], [1, columns], [rows, 1], [rows, columns], [1], [])
    if shape is None and graph.opsets[""] < 11:
        shape = [columns]
    if shape is not None:
        c = normal(random, *shape)
        inputs.append(graph.constant(c) if random.random() < 0.7 else graph.input(c))
    y = graph.add("Gemm", inputs, **attributes)
    return graph.case(graph.add("Relu", [y]) if random.random() < 0.4 else y)


def matmul(random, graph, rows, inner, columns):
    batch = pick(random, [], [3], [2, 3])
    left = pick(random, [*batch, rows, inner], [rows, inner], [inner])
    right = pick(random, [*batch, inner, columns], [inner, columns], [inner])
    a = graph.input(normal(random, *left))
    b = normal(random, *right)
    return graph.case(graph.add("MatMul", [a, graph.constant(b) if random.random() < 0.6 else graph.input(b)]))


def fused(random):
    """FusedConv and FusedMatMul, as ONNX Runtime's optimiser writes them."""
    graph = Graph()
    if random.random() < 0.5:
        rows, inner, columns = (int(value) for value in random.integers(1, 20, 3))
        attributes = {name: 1 for name in ("transA", "transB") if random.random() < 0.5}
        batch = pick(random, [], [2], [2, 3])
        if random.random() < 0.5:
            attributes["alpha"] = float(random.uniform(0.1, 2))
        shapes = []
        for side, (first, last) in (("A", (rows, inner)), ("B", (inner, columns))):
            first, last = (last, first) if f"trans{side}" in attributes else (first, last)
            shape = [*batch, first, last]
            if batch and random.random() < 0.3:
                attributes[f"transBatch{side}"] = 1
                shape = [first, *batch, last]
            shapes.append(shape)
        b = normal(random, *shapes[1])
        inputs = [graph.input(normal(random, *shapes[0])), graph.constant(b) if random.random() < 0.5 else graph.input(b)]
        return graph.case(graph.add("FusedMatMul", inputs, domain=MICROSOFT, **attributes))
    space, kernel = sizes(random, 2)
    channels, filters = int(random.integers(1, 9)), int(random.integers(1, 20))
    attributes = {}
    window(random, space, kernel, attributes)
    choices = {"Relu": [], "Tanh": [], "Sigmoid": [], "LeakyRelu": [0.1], "Clip": [-0.3, 1.2], "HardSigmoid": [0.2, 0.4]}
    name = pick(random, *choices)
    attributes["activation"] = name
    if choices[name]:
        attributes["activation_params"] = choices[name]
    inputs = [graph.input(normal(random, 1, channels, *space)), graph.constant(normal(random, filters, channels, *kernel))]
    if random.random() < 0.5:
        inputs.append(graph.constant(normal(random, filters)))
    return graph.case(graph.add("FusedConv", inputs, domain=MICROSOFT, **attributes))


def resize(random):
    graph = Graph(opset=int(random.integers(11, 22)))
    rank = pick(random, 1, 2, 2)
    space = [int(value) for value in random.integers(2, 9, rank)]
    x = graph.input(normal(random, 1, int(random.integers(1, 5)), *space))
    mode = pick(random, "nearest", "linear", "cubic")
    attributes = {"mode": mode}
    attributes["coordinate_transformation_mode"] = pick(
        random, "half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    if mode == "nearest":
        attributes["nearest_mode"] = pick(random, "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    if mode == "cubic" and random.random() < 0.5:
        attributes["cubic_coeff_a"] = float(random.uniform(-1, -0.3))
    if mode == "cubic" and random.random() < 0.3:
        attributes["exclude_outside"] = 1
    none = graph.constant(numpy.zeros(0, numpy.float32))
    # Choosing the nearest, rounding of the last place would decide at the middle between two.
    is_nearest = mode == "nearest"
    if random.random() < 0.5:
        factors = [1, 1]
        for extent in space:
            known = [0.5, 2] if is_nearest else [0.5, 2, 3, 1.5, 0.7, 2.4]
            if attributes["coordinate_transformation_mode"] in ("align_corners", "pytorch_half_pixel"):
                # The specification computes with extent · factor, ONNX Runtime with what is left of it when rounded down.
                known = [factor for factor in known if float(factor * extent).is_integer()]
            factors.append(float(pick(random, *known)))
        inputs = [x, none, graph.constant(numpy.array(factors, numpy.float32))]
    else:
        extents = [extent * pick(random, 1, 2, 4) for extent in space] if is_nearest else random.integers(1, 15, rank)
        target = [*graph.inputs[x].shape[:2], *(int(extent) for extent in extents)]
        inputs = [x, none, none, graph.constant(numpy.array(target, numpy.int64))]
    return graph.case(graph.add("Resize", inputs, **attributes))


def recurrent(random, operator, gates):
    graph = Graph(opset=int(random.integers(7, 22)))
    steps, batch, size, hidden = (int(value) for value in random.integers(1, 9, 4))
    hidden = pick(random, hidden, 16, 24)
    direction = pick(random, "forward", "forward", "reverse", "bidirectional")
    count = 2 if direction == "bidirectional" else 1
    attributes = {"hidden_size": hidden, "direction": direction}
    x = graph.input(normal(random, steps, batch, size))
    inputs = [x, graph.constant(normal(random, count, gates * hidden, size) * 0.4),
              graph.constant(normal(random, count, gates * hidden, hidden) * 0.4),
              graph.constant(normal(random, count, 2 * gates * hidden)) if random.random() < 0.8 else None]
    lengths = None
    if random.random() < 0.3:
        lengths = random.integers(1, steps + 1, batch).astype(numpy.int32)
    inputs.append(graph.constant(lengths) if lengths is not None else None)
    states = 2 if operator == "LSTM" else 1
    for _ in range(states):
        inputs.append(graph.input(normal(random, count, batch, hidden)) if random.random() < 0.4 else None)
    if operator == "LSTM" and random.random() < 0.3:
        inputs.append(graph.constant(normal(random, count, 3 * hidden)))
    if operator == "GRU" and random.random() < 0.5:
        attributes["linear_before_reset"] = 1
    if random.random() < 0.2:
        attributes["clip"] = float(random.uniform(0.5, 3))
    if operator == "LSTM" and random.random() < 0.2:
        attributes["input_forget"] = 1
    if random.random() < 0.2:
        options = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[operator]
        attributes["activations"] = [pick(random, name, "HardSigmoid", "Relu") for name in options * count]
    return graph.case(graph.add(operator, inputs, states + 1, **attributes))


def lstm(random):
    return recurrent(random, "LSTM", 4)


def gru(random):
    return recurrent(random, "GRU", 3)


def rnn(random):
    return recurrent(random, "RNN", 1)
