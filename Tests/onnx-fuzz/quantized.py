"""Random chains between QuantizeLinear and DequantizeLinear, as quantisers write them."""
import numpy

from cases import Graph
from layers import normal, pick, sizes, window


class Chain:
    """A chain of integer layers with one activation after the other in `value`."""

    def __init__(self, random, shape):
        self.random, self.graph = random, Graph(opset=int(random.integers(13, 22)))
        self.kind = pick(random, numpy.int8, numpy.uint8)
        self.value = self.requantised(self.graph.input(normal(random, *shape)), 3.0)

    def parameters(self, reach):
        """A scale and zero point for values in −reach … reach, or from 0 where the type has no sign."""
        info = numpy.iinfo(self.kind)
        zero = int(self.random.integers(-20, 21)) + (128 if self.kind == numpy.uint8 else 0)
        scale = numpy.float32(reach / max(info.max - zero, zero - info.min) * self.random.uniform(0.8, 1.1))
        return scale, zero

    def requantised(self, value, reach):
        scale, zero = self.parameters(reach)
        self.unit = float(scale)
        constants = [self.graph.constant(scale), self.graph.constant(numpy.array(zero, self.kind))]
        return self.graph.add("DequantizeLinear", [self.graph.add("QuantizeLinear", [value, *constants]), *constants])

    def weights(self, *shape, axis=0):
        """Symmetric int8 weights, one scale for all or one for each output channel."""
        values = self.random.integers(-127, 128, shape).astype(numpy.int8)
        count = shape[axis]
        attributes = {}
        if self.random.random() < 0.6:
            scale = self.random.uniform(0.001, 0.02, count).astype(numpy.float32)
            zero = numpy.zeros(count, numpy.int8)
            attributes["axis"] = axis
        else:
            scale, zero = numpy.float32(self.random.uniform(0.001, 0.02)), numpy.int8(0)
        inputs = [self.graph.constant(values), self.graph.constant(scale), self.graph.constant(numpy.asarray(zero))]
        return self.graph.add("DequantizeLinear", inputs, **attributes), scale

    def bias(self, count, scale):
        """A bias of int32 in units of input times weights."""
        scales = (numpy.float32(self.unit) * numpy.broadcast_to(scale, count)).astype(numpy.float32)
        values = self.random.integers(-2000, 2000, count).astype(numpy.int32)
        inputs = [self.graph.constant(values), self.graph.constant(scales),
                  self.graph.constant(numpy.zeros(count, numpy.int32))]
        return self.graph.add("DequantizeLinear", inputs, axis=0)

    def case(self):
        return self.graph.case(self.value, unit=self.unit)


def qdq_conv(random):
    space, kernel = sizes(random, 2)
    channels = pick(random, 1, 3, 8, 16)
    chain = Chain(random, [1, channels, *space])
    for _ in range(int(random.integers(1, 3))):
        depthwise = channels > 1 and random.random() < 0.3
        filters = channels if depthwise else int(random.integers(1, 24))
        attributes = {"group": channels if depthwise else 1}
        window(random, space, kernel, attributes)
        weights, scale = chain.weights(filters, 1 if depthwise else channels, *kernel)
        bias = chain.bias(filters, scale) if random.random() < 0.7 else None
        y = chain.graph.add("Conv", [chain.value, weights, bias], **attributes)
        if random.random() < 0.5:
            y = chain.graph.add("Relu", [y])
        chain.value = chain.requantised(y, 4.0)
        if random.random() < 0.3:
            chain.value = chain.requantised(chain.graph.add("GlobalAveragePool", [chain.value]), 2.0)
        # The extents of what follows are not known here: one layer of a random window is enough.
        break
    return chain.case()


def qdq_gemm(random):
    rows, inner, columns = int(random.integers(1, 5)), int(random.integers(1, 65)), int(random.integers(1, 33))
    chain = Chain(random, [rows, inner])
    for _ in range(int(random.integers(1, 3))):
        if random.random() < 0.5:
            weights, scale = chain.weights(columns, inner)
            bias = chain.bias(columns, scale) if random.random() < 0.7 else None
            y = chain.graph.add("Gemm", [chain.value, weights, bias], transB=1)
        else:
            weights, _ = chain.weights(inner, columns, axis=1)
            y = chain.graph.add("MatMul", [chain.value, weights])
        if random.random() < 0.4:
            y = chain.graph.add("Relu", [y])
        chain.value = chain.requantised(y, 6.0)
        inner = columns
    if random.random() < 0.3:
        chain.value = chain.requantised(chain.graph.add("Softmax", [chain.value], axis=-1), 1.0)
    return chain.case()


def qdq_elementwise(random):
    shape = [1, int(random.integers(1, 20)), int(random.integers(1, 12))]
    chain = Chain(random, shape)
    operator = pick(random, "Add", "Mul", "Sigmoid", "MaxPool", "AveragePool", "Concat", "HardSwish", "LeakyRelu")
    graph = chain.graph
    if operator in ("Add", "Mul", "Concat"):
        other = chain.requantised(graph.input(normal(random, *shape)), 2.0)
        more = {"axis": 1} if operator == "Concat" else {}
        y = graph.add(operator, [chain.value, other], **more)
    elif operator.endswith("Pool"):
        y = graph.add(operator, [chain.value], kernel_shape=[min(2, shape[2])])
    elif operator == "HardSwish" and graph.opsets[""] < 14:
        y = graph.add("Relu", [chain.value])
    else:
        y = graph.add(operator, [chain.value])
    chain.value = chain.requantised(y, 4.0)
    return chain.case()


def integer_products(random):
    """QLinearConv, QLinearMatMul, ConvInteger, MatMulInteger and dynamic quantisation: the operator-oriented form."""
    graph = Graph(opset=int(random.integers(11, 21)))
    kind = pick(random, numpy.int8, numpy.uint8)
    info = numpy.iinfo(kind)

    def integers(*shape):
        return random.integers(info.min, info.max + 1, shape).astype(kind)

    def scalars(scale):
        zero = numpy.array(int(random.integers(-10, 11)) + (128 if kind == numpy.uint8 else 0), kind)
        return [graph.constant(numpy.float32(scale)), graph.constant(zero)]

    operator = pick(random, "QLinearMatMul", "QLinearConv", "MatMulInteger", "ConvInteger", "DynamicQuantizeLinear")
    rows, inner, columns = (int(value) for value in random.integers(1, 20, 3))
    if operator == "QLinearMatMul":
        inputs = [graph.input(integers(rows, inner)), *scalars(0.02), graph.constant(integers(inner, columns)),
                  *scalars(0.01), *scalars(0.1)]
    elif operator == "QLinearConv":
        # Without VNNI ONNX Runtime adds pairs of uint8 · int8 in 16 bits, which saturate: weights of 7 bits never do.
        reach = 64 if kind == numpy.uint8 else 128
        weights = random.integers(1 - reach, reach, (columns, 3, 3, 3)).astype(numpy.int8)
        inputs = [graph.input(integers(1, 3, 7, 9)), *scalars(0.02), graph.constant(weights),
                  graph.constant(random.uniform(0.005, 0.02, columns).astype(numpy.float32)),
                  graph.constant(numpy.zeros(columns, numpy.int8)), *scalars(0.1)]
    elif operator == "MatMulInteger":
        inputs = [graph.input(integers(rows, inner)), graph.constant(integers(inner, columns)), scalars(1)[1],
                  scalars(1)[1]]
    elif operator == "ConvInteger":
        inputs = [graph.input(random.integers(0, 256, (1, 3, 7, 9)).astype(numpy.uint8)),
                  graph.constant(random.integers(0, 256, (columns, 3, 3, 3)).astype(numpy.uint8)),
                  graph.constant(numpy.array(120, numpy.uint8)), graph.constant(numpy.array(131, numpy.uint8))]
    else:
        y, scale, zero = graph.add(operator, [graph.input(normal(random, rows, inner))], 3)
        value = graph.add("DequantizeLinear", [y, scale, zero])
        return graph.case(value, unit=float(8 / 255))
    y = graph.add(operator, inputs)
    if operator.startswith("QLinear"):
        return graph.case(graph.add("DequantizeLinear", [y, *inputs[-2:]]), unit=0.1)
    return graph.case(graph.add("Cast", [y], to=1))
