"""What a case of the fuzzer is, and how ONNX Runtime gives what should come out."""
import dataclasses
import json

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CLASSIC, MICROSOFT = "ai.onnx.ml", "com.microsoft"
# The float that makes two results of one formula differ: sums in another order.
FLOAT_UNITS = 4e-5


@dataclasses.dataclass
class Case:
    """A model with inputs by name. `unit` is the size of one unit in the last place where outputs are quantised."""

    model: onnx.ModelProto
    inputs: dict
    unit: float = 0
    # Outputs that are texts: their classes, whose numbers an image gives instead.
    texts: dict = dataclasses.field(default_factory=dict)
    outputs: list = None


class Graph:
    """Collects nodes and constants, then becomes a model."""

    def __init__(self, opset=17, classic=3):
        self.nodes, self.constants, self.inputs, self.names = [], [], {}, 0
        self.opsets = {"": opset, CLASSIC: classic, MICROSOFT: 1}

    def name(self, stem):
        self.names += 1
        return f"{stem}{self.names}"

    def input(self, array):
        name = self.name("x")
        self.inputs[name] = numpy.asarray(array)
        return name

    def constant(self, array):
        name = self.name("c")
        self.constants.append(numpy_helper.from_array(numpy.asarray(array), name))
        return name

    def add(self, operator, inputs, outputs=1, domain="", **attributes):
        """Appends a node; the name of its output, or the names of several. None among them leaves one out."""
        names = [self.name("y") for _ in range(outputs)]
        inputs = [name or "" for name in inputs]
        while inputs and not inputs[-1]:
            inputs.pop()
        self.nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def case(self, outputs, kinds=None, **more):
        """`kinds` are the element types of the outputs, float unless told."""
        outputs = [outputs] if isinstance(outputs, str) else outputs
        kinds = kinds or [TensorProto.FLOAT] * len(outputs)
        graph = helper.make_graph(
            self.nodes, "fuzz",
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
             for name, array in self.inputs.items()],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in zip(outputs, kinds)], self.constants)
        used = {""} | {node.domain for node in self.nodes}
        opsets = [helper.make_opsetid(domain, version) for domain, version in self.opsets.items() if domain in used]
        return Case(helper.make_model(graph, opset_imports=opsets, ir_version=8), self.inputs, **more)


def reference(case):
    """What ONNX Runtime computes, without any optimisation: fused int8 kernels saturate where no VNNI is."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(case.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results = []
    for name, value in zip(names, session.run(names, case.inputs)):
        if name in case.texts:
            value = numpy.array([case.texts[name].index(text) for text in value], numpy.int64)
        elif isinstance(value, list):
            # A map for each row, as ZipMap makes them.
            value = numpy.array([list(row.values()) for row in value], numpy.float32)
        results.append(numpy.asarray(value))
    return results


def tolerance(case, outputs):
    """The largest difference that is no mismatch."""
    sizes = [numpy.abs(value[numpy.isfinite(value)]).max(initial=0)
             for value in outputs if value.dtype in (numpy.float32, numpy.float64)]
    return max([1.01 * case.unit, *(FLOAT_UNITS * max(1.0, float(size)) for size in sizes)])


def write(case, folder):
    """Writes the case in the layout of ONNX's backend suite, with `fuzz.json` beside."""
    outputs = case.outputs
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    for role, arrays in (("input", case.inputs.values()), ("output", outputs)):
        for index, array in enumerate(arrays):
            tensor = numpy_helper.from_array(numpy.asarray(array, order="C"))
            (data / f"{role}_{index}.pb").write_bytes(tensor.SerializeToString())
    (folder / "fuzz.json").write_text(json.dumps({"tolerance": tolerance(case, outputs)}) + "\n")
