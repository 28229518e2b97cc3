"""Small random networks, float and quantised: what passes of the compiler do to layers that stand together."""
import numpy

from cases import Graph
from layers import normal, pick
from quantized import Chain


class Float:
    """Layers of floats; the quantised network has the same methods."""

    def __init__(self, random, shape):
        self.random, self.graph = random, Graph(opset=int(random.integers(13, 22)))
        self.value, self.unit = self.graph.input(normal(random, *shape)), 0

    def requantised(self, value, reach):
        return value

    def weights(self, *shape, axis=0):
        scale = 1 / numpy.sqrt(numpy.prod(shape[1:]))
        return self.graph.constant((normal(self.random, *shape) * scale).astype(numpy.float32)), scale

    def bias(self, count, scale):
        return self.graph.constant(normal(self.random, count) * numpy.float32(0.1))

    def case(self):
        return self.graph.case(self.value, unit=self.unit)


def convolution(chain, channels, space):
    """A convolution that keeps or halves the extents; the channels and extents after it."""
    random, graph = chain.random, chain.graph
    size, step = pick(random, 1, 3, 3, 5), pick(random, 1, 1, 2)
    depthwise = random.random() < 0.3
    filters = channels if depthwise else pick(random, 4, 8, 12, 17)
    weights, scale = chain.weights(filters, 1 if depthwise else channels, size, size)
    bias = chain.bias(filters, scale) if random.random() < 0.8 else None
    attributes = {"strides": [step] * 2, "group": channels if depthwise else 1}
    if random.random() < 0.5:
        attributes["auto_pad"] = pick(random, "SAME_UPPER", "SAME_LOWER")
        after = [(extent + step - 1) // step for extent in space]
    else:
        attributes["pads"] = [size // 2] * 4
        after = [(extent + 2 * (size // 2) - size) // step + 1 for extent in space]
    y = graph.add("Conv", [chain.value, weights, bias], **attributes)
    if isinstance(chain, Float) and random.random() < 0.4:
        parameters = [normal(random, filters) for _ in range(3)] + [normal(random, filters) ** 2 + 0.5]
        y = graph.add("BatchNormalization", [y, *(graph.constant(p.astype(numpy.float32)) for p in parameters)])
    if random.random() < 0.7:
        y = graph.add(pick(random, "Relu", "Relu", "LeakyRelu", "HardSwish" if graph.opsets[""] > 13 else "Relu"), [y])
    chain.value = chain.requantised(y, 3.0)
    return filters, after


def block(chain, channels, space):
    """One more piece of the network."""
    random, graph = chain.random, chain.graph
    choice = random.random()
    if choice < 0.5:
        return convolution(chain, channels, space)
    if choice < 0.7 and min(space) > 3:
        kind = pick(random, "MaxPool", "AveragePool")
        y = graph.add(kind, [chain.value], kernel_shape=[2, 2], strides=[2, 2])
        chain.value = chain.requantised(y, 3.0)
        return channels, [extent // 2 for extent in space]
    before = chain.value
    filters, after = convolution(chain, channels, space)
    if (filters, after) == (channels, space):
        chain.value = chain.requantised(graph.add("Add", [chain.value, before]), 5.0)
    elif after == space:
        chain.value = chain.requantised(graph.add("Concat", [before, chain.value], axis=1), 3.0)
        filters += channels
    return filters, after


def grow(chain, channels, space):
    random, graph = chain.random, chain.graph
    for _ in range(int(random.integers(1, 5))):
        channels, space = block(chain, channels, space)
    if random.random() < 0.5:
        pooled = chain.requantised(graph.add("GlobalAveragePool", [chain.value]), 2.0)
        chain.value, inner = graph.add("Flatten", [pooled]), channels
    elif random.random() < 0.5:
        chain.value, inner = graph.add("Flatten", [chain.value]), channels * space[0] * space[1]
    else:
        turned = graph.add("Transpose", [chain.value], perm=[0, 2, 3, 1])
        shape = graph.constant(numpy.array([1, -1], numpy.int64))
        chain.value, inner = graph.add("Reshape", [turned, shape]), channels * space[0] * space[1]
    weights, scale = chain.weights(5, inner)
    chain.value = chain.requantised(graph.add("Gemm", [chain.value, weights, chain.bias(5, scale)], transB=1), 6.0)
    return chain.case()


def start(random, kind):
    channels, space = pick(random, 1, 3, 4), [int(value) for value in random.integers(6, 17, 2)]
    return grow(kind(random, [1, channels, *space]), channels, space)


def network(random):
    return start(random, Float)


def qdq_network(random):
    return start(random, Chain)
