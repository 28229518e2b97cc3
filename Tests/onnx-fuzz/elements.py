"""Random arithmetic, reductions and movements of elements of any type."""
import numpy
from onnx import TensorProto, helper

from cases import Graph
from layers import normal, pick

INTEGERS = [numpy.int64, numpy.int32, numpy.int8, numpy.uint8]


def values(random, kind, *shape):
    if kind == numpy.bool_:
        return random.random(shape) < 0.5
    if numpy.issubdtype(kind, numpy.integer):
        low = 0 if numpy.issubdtype(kind, numpy.unsignedinteger) else -20
        return random.integers(low, 21, shape).astype(kind)
    return normal(random, *shape).astype(kind)


def number(kind):
    return helper.np_dtype_to_tensor_dtype(numpy.dtype(kind))


def extents(random, rank=None):
    rank = int(random.integers(1, 5)) if rank is None else rank
    return [int(value) for value in random.integers(1, 7, rank)]


def partner(random, shape):
    """A shape that broadcasts with `shape`."""
    result = [pick(random, extent, extent, 1) for extent in shape]
    return result[int(random.integers(0, len(shape) + 1)):]


def operand(random, graph, array):
    return graph.constant(array) if random.random() < 0.4 else graph.input(array)


def pairs(random):
    graph = Graph(opset=int(random.integers(14, 22)))
    shape = extents(random)
    name = pick(random, "Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "PRelu", "Mod", "Equal", "Greater", "LessOrEqual",
                "And", "Xor", "Where", "Mean", "Sum")
    kind = pick(random, numpy.float32, *INTEGERS)
    if name in ("And", "Xor"):
        kind = numpy.bool_
    if name in ("PRelu", "Mean", "Sum", "Pow"):
        kind = numpy.float32
    a, b = values(random, kind, *shape), values(random, kind, *partner(random, shape))
    if name in ("Div", "Mod") and kind != numpy.float32:
        b = numpy.where(b == 0, 1, b).astype(kind)
    if name == "Pow":
        a = numpy.abs(a) + numpy.float32(0.1)
    attributes = {"fmod": 1} if name == "Mod" and kind == numpy.float32 else {}
    inputs = [graph.input(a), operand(random, graph, b)]
    if name == "Where":
        inputs = [graph.input(values(random, numpy.bool_, *partner(random, shape))), *inputs]
    if name == "PRelu":
        inputs[1] = operand(random, graph, values(random, kind, *pick(random, [1], shape[-1:], shape)))
    y = graph.add(name, inputs, **attributes)
    predicates = ("Equal", "Greater", "LessOrEqual", "And", "Xor")
    return graph.case(y, [TensorProto.BOOL if name in predicates else number(kind)])


def functions(random):
    """A chain of functions of one element."""
    graph = Graph(opset=int(random.integers(14, 22)))
    y = graph.input(normal(random, *extents(random)) * 2)
    for _ in range(int(random.integers(1, 4))):
        name = pick(random, "Abs", "Neg", "Ceil", "Floor", "Round", "Sign", "Erf", "Exp", "Tanh", "Sigmoid", "Softplus",
                    "Softsign", "Elu", "Selu", "HardSigmoid", "HardSwish", "LeakyRelu", "ThresholdedRelu", "Relu", "Gelu")
        # What jumps would turn the last bit of a float before it into a large difference.
        if graph.nodes and name in ("Ceil", "Floor", "Round", "Sign", "ThresholdedRelu"):
            name = "Relu"
        if name == "Gelu" and graph.opsets[""] < 20:
            name = "Softplus"
        bounds = [graph.constant(numpy.float32(value)) for value in (-8, 8)]
        y = graph.add(name, [graph.add("Clip", [y, *bounds])])
    return graph.case(y)


def reductions(random):
    graph = Graph(opset=int(random.integers(18, 22)))
    shape = extents(random)
    kind = pick(random, numpy.float32, numpy.float32, numpy.int32, numpy.int64)
    x = graph.input(values(random, kind, *shape))
    axis = int(random.integers(-len(shape), len(shape)))
    if random.random() < 0.25:
        name = pick(random, "ArgMax", "ArgMin")
        last = int(random.integers(0, 2))
        y = graph.add(name, [x], axis=axis, keepdims=int(random.integers(0, 2)), select_last_index=last)
        return graph.case(y, [TensorProto.INT64])
    if random.random() < 0.25:
        count = graph.constant(numpy.array([int(random.integers(1, shape[axis] + 1))]))
        outputs = graph.add("TopK", [x, count], 2, axis=axis, largest=int(random.integers(0, 2)))
        return graph.case(outputs, [number(kind), TensorProto.INT64])
    name = pick(random, "Sum", "Mean", "Max", "Min", "Prod", "SumSquare", "L1", "L2", "LogSumExp")
    if kind != numpy.float32 and name in ("LogSumExp", "L2"):
        name = "Sum"
    chosen = random.choice(len(shape), int(random.integers(0, len(shape) + 1)), replace=False)
    attributes = {"keepdims": int(random.integers(0, 2))}
    if len(chosen) == 0:
        attributes["noop_with_empty_axes"] = int(random.integers(0, 2))
    axes = graph.constant(chosen.astype(numpy.int64)) if len(chosen) else None
    return graph.case(graph.add(f"Reduce{name}", [x, axes], **attributes), [number(kind)])


def normalisations(random):
    graph = Graph(opset=int(random.integers(17, 22)))
    shape = extents(random, int(random.integers(3, 5)))
    x = graph.input(normal(random, *shape))
    axis = int(random.integers(-len(shape), len(shape)))
    name = pick(random, "Softmax", "LogSoftmax", "LayerNormalization", "InstanceNormalization", "LRN")
    if name in ("Softmax", "LogSoftmax"):
        return graph.case(graph.add(name, [x], axis=axis))
    if name == "LayerNormalization":
        inner = shape[axis:]
        inputs = [x, graph.constant(normal(random, *inner))]
        if random.random() < 0.7:
            inputs.append(graph.constant(normal(random, *inner)))
        return graph.case(graph.add(name, inputs, axis=axis, epsilon=1e-3))
    if name == "InstanceNormalization":
        parameters = [graph.constant(normal(random, shape[1])) for _ in range(2)]
        return graph.case(graph.add(name, [x, *parameters], epsilon=1e-3))
    return graph.case(graph.add(name, [x], size=pick(random, 1, 3, 5), alpha=0.01, bias=1.5))


def movements(random):
    """A chain of movements, each of which knows the shape before it."""
    graph = Graph(opset=int(random.integers(14, 22)))
    kind = pick(random, numpy.float32, *INTEGERS, numpy.bool_)
    array = values(random, kind, *extents(random))
    y = graph.input(array)
    for _ in range(int(random.integers(1, 5))):
        y, array = movement(random, graph, y, array)
    return graph.case(y, [number(kind)])


def movement(random, graph, y, array):
    """One movement, done by NumPy too so that the next one knows its shape."""
    rank, shape = array.ndim, array.shape
    axis = int(random.integers(rank)) if rank else 0

    def integers(*numbers):
        return graph.constant(numpy.array(numbers, numpy.int64))

    choice = pick(random, "Transpose", "Slice", "Pad", "Concat", "Gather", "Tile", "Reshape", "Unsqueeze", "Expand")
    if rank == 0 or rank > 5:
        return graph.add("Reshape", [y, integers(-1)]), array.reshape(-1)
    if choice == "Transpose":
        order = [int(value) for value in random.permutation(rank)]
        return graph.add(choice, [y], perm=order), array.transpose(order)
    if choice == "Slice":
        step = pick(random, 1, 1, 2, -1, -2)
        start = int(random.integers(shape[axis])) if step > 0 else shape[axis] - 1
        end = shape[axis] if step > 0 else -shape[axis] - 1
        cut = [slice(None)] * axis + [slice(start, None, step)]
        return graph.add(choice, [y, *map(integers, (start, end, axis, step))]), array[tuple(cut)]
    if choice == "Pad" and array.dtype != bool:
        widths = [(int(random.integers(0, 3)), int(random.integers(0, 3))) for _ in shape]
        mode = pick(random, "constant", "edge")
        flat = [before for before, _ in widths] + [after for _, after in widths]
        return graph.add(choice, [y, integers(*flat)], mode=mode), numpy.pad(array, widths, mode)
    if choice == "Concat":
        return graph.add(choice, [y, y], axis=axis), numpy.concatenate([array, array], axis)
    if choice == "Gather":
        places = random.integers(-shape[axis], shape[axis], int(random.integers(1, 4)))
        indices = graph.constant(places) if random.random() < 0.6 else graph.input(places)
        return graph.add(choice, [y, indices], axis=axis), array.take(places, axis)
    if choice == "Tile" and array.size < 2000:
        counts = [int(value) for value in random.integers(1, 3, rank)]
        return graph.add(choice, [y, integers(*counts)]), numpy.tile(array, counts)
    if choice == "Unsqueeze":
        return graph.add(choice, [y, integers(axis)]), numpy.expand_dims(array, axis)
    if choice == "Expand" and array.size < 2000:
        target = [2, *shape]
        return graph.add(choice, [y, integers(*target)]), numpy.broadcast_to(array, target)
    return graph.add("Reshape", [y, integers(*shape[:axis], -1)]), array.reshape(*shape[:axis], -1)
