"""Writes the cases of ONNX's backend test suite that Martlet must pass, from the PyPI package `onnx`.

    generate.py FOLDER      writes FOLDER/KIND/CASE/{model.onnx,test_data_set_N/{input,output}_M.pb}

A case is taken when all of its nodes are among OPERATORS and all of its tensors are of TYPES.
"""
import pathlib
import shutil
import subprocess
import sys

import numpy
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_model_tests

STANDARD = """
Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv ConvInteger
ConvTranspose DepthToSpace DequantizeLinear Div DFT Dropout DynamicQuantizeLinear Elu Equal Erf Exp Expand Flatten Floor
Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GRU HardSigmoid HardSwish
Identity If InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LRN LSTM MatMul
MatMulInteger Max MaxPool Mean MelWeightMatrix Min Mod Mul Neg NonMaxSuppression Not Or Pad Pow PRelu QLinearConv
QLinearMatMul QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean
ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RNN Round ScatterElements ScatterND Selu Shape Sigmoid
Sign Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze STFT Sub Sum Tanh ThresholdedRelu Tile TopK
Transpose Unsqueeze Upsample Where Xor
""".split()
CLASSIC = """
TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor LinearClassifier LinearRegressor SVMClassifier SVMRegressor
Scaler Normalizer Imputer OneHotEncoder LabelEncoder Binarizer ArrayFeatureExtractor ZipMap
""".split()
MICROSOFT = """
QLinearAdd QLinearMul QLinearAveragePool QLinearGlobalAveragePool QLinearSigmoid QLinearSoftmax QLinearConcat QGemm
FusedConv FusedMatMul
""".split()
OPERATORS = {"": STANDARD, "ai.onnx": STANDARD, "ai.onnx.ml": CLASSIC, "com.microsoft": MICROSOFT}

TYPES = {
    TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.INT8, TensorProto.UINT8, TensorProto.BOOL,
}
# Attributes that name the type of a result.
TYPE_ATTRIBUTES = {"to", "output_dtype", "output_datatype", "dtype"}


def nodes(graph):
    """The nodes of a graph and of all graphs inside it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from nodes(inner)


def attribute_types(node):
    """The element types that a node's attributes hold or name."""
    for attribute in node.attribute:
        for tensor in [attribute.t, *attribute.tensors] if attribute.type in (4, 9) else []:
            yield tensor.data_type
        if attribute.name in TYPE_ATTRIBUTES and attribute.i:
            yield attribute.i


def is_selected(model):
    """True when the case uses nothing but OPERATORS and TYPES; double is allowed beside classic operators."""
    all_nodes = list(nodes(model.graph))
    if any(node.op_type not in OPERATORS.get(node.domain, []) for node in all_nodes) or model.functions:
        return False
    types = TYPES | ({TensorProto.DOUBLE} if any(node.domain == "ai.onnx.ml" for node in all_nodes) else set())
    values = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    return (
        all(value.type.WhichOneof("value") == "tensor_type" for value in values)
        and all(value.type.tensor_type.elem_type in types for value in values)
        and all(tensor.data_type in types for tensor in model.graph.initializer)
        and all(kind in types for node in all_nodes for kind in attribute_types(node))
    )


def write_set(folder, role, tensors):
    folder.mkdir(parents=True, exist_ok=True)
    for index, tensor in enumerate(tensors):
        if not isinstance(tensor, TensorProto):
            tensor = numpy_helper.from_array(numpy.asarray(tensor))
        (folder / f"{role}_{index}.pb").write_bytes(tensor.SerializeToString())


def write_nodes(target):
    count = 0
    for case in load_model_tests(kind="node"):
        if case.model is None or not is_selected(case.model):
            continue
        folder = target / case.name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(case.model.SerializeToString())
        for number, (inputs, outputs) in enumerate(case.data_sets):
            write_set(folder / f"test_data_set_{number}", "input", inputs)
            write_set(folder / f"test_data_set_{number}", "output", outputs)
        count += 1
    return count


def write_folders(source, target):
    count = 0
    for case in sorted(source.iterdir()):
        if (case / "model.onnx").exists() and is_selected(onnx.load(case / "model.onnx")):
            shutil.copytree(case, target / case.name)
            count += 1
    return count


def write_light(source, target):
    """The large networks without their weights; the package has their results for inputs that ascend from 0 to 1."""
    count = 0
    for file in sorted(source.glob("light_*.onnx")):
        model = onnx.load(file)
        if not is_selected(model):
            continue
        folder = target / file.stem
        folder.mkdir(parents=True)
        shutil.copy(file, folder / "model.onnx")
        constants = {tensor.name for tensor in model.graph.initializer}
        inputs = []
        for value in model.graph.input:
            if value.name in constants:
                continue
            shape = [dim.dim_value if dim.HasField("dim_value") else 1 for dim in value.type.tensor_type.shape.dim]
            size = int(numpy.prod(shape))
            inputs.append((numpy.arange(size).reshape(shape) / size).astype(numpy.float32))
        outputs = [
            TensorProto.FromString((source / f"{file.stem}_output_{index}.pb").read_bytes())
            for index in range(len(model.graph.output))
        ]
        write_set(folder / "test_data_set_0", "input", inputs)
        write_set(folder / "test_data_set_0", "output", outputs)
        count += 1
    return count


def write_examples(target):
    """The examples of this repository that are models."""
    root = pathlib.Path(__file__).parents[2]
    case = target / "kws_front_end"
    case.mkdir(parents=True)
    command = [sys.executable, root / "examples/kws-front-end/front_end.py", root / "Tests/Fixtures/models/kws_fp32.onnx"]
    subprocess.run([*command, case / "model.onnx", case], check=True)
    return 1


def main():
    target = pathlib.Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    data = pathlib.Path(onnx.__file__).parent / "backend/test/data"
    counts = {"node": write_nodes(target / "node")}
    for kind in ["simple", "pytorch-operator", "pytorch-converted"]:
        counts[kind] = write_folders(data / kind, target / kind)
    counts["light"] = write_light(data / "light", target / "light")
    counts["examples"] = write_examples(target / "examples")
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()), "cases")


if __name__ == "__main__":
    main()
