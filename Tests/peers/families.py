"""Families of random cases for operators that Martlet computes with portable code: see numerics.py.

Each takes a Case and a random.Random and returns the names of the outputs.
"""
import numpy as np

INTEGERS = [np.int64, np.int32, np.int8, np.uint8]


def typed(case, shape, dtype, low=-9, high=9):
    """An input of any type; unsigned ones begin at 0."""
    name = case.fresh("x")
    if np.issubdtype(dtype, np.floating):
        value = case.rng.uniform(low, high, shape)
    else:
        value = case.rng.integers(max(low, 0) if dtype == np.uint8 else low, high + 1, shape)
    case.inputs[name] = value.astype(dtype)
    return name


def transposed(case, pick):
    space = [pick.randint(2, 6) for _ in range(pick.choice([1, 2, 2, 3]))]
    groups = pick.choice([1, 1, 2])
    channels, filters = groups * pick.randint(1, 4), pick.randint(1, 4)
    kernel = [pick.randint(1, 4) for _ in space]
    strides = [pick.randint(1, 3) for _ in space]
    attributes = {"group": groups, "strides": strides}
    choice = pick.random()
    if choice < 0.4:
        attributes["pads"] = [pick.randint(0, max(0, k - 1) // 2) for k in kernel * 2]
        attributes["output_padding"] = [pick.randint(0, s - 1) for s in strides]
    elif choice < 0.6 and all(k >= s for k, s in zip(kernel, strides)):
        attributes["auto_pad"] = pick.choice(["SAME_UPPER", "SAME_LOWER"])
    elif choice < 0.8:
        attributes["dilations"] = [pick.randint(1, 2) for _ in space]
    inputs = [case.input((pick.randint(1, 2), channels, *space))]
    shape = (channels, filters, *kernel)
    inputs.append(case.weights(*shape) if pick.random() < 0.7 else case.input(shape))
    if pick.random() < 0.6:
        inputs.append(case.weights(filters * groups))
    return case.node("ConvTranspose", inputs, **attributes)


def volumes(case, pick):
    """Convolutions over three axes, and any whose weights are computed."""
    rank = pick.choice([1, 2, 3, 3])
    space = [pick.randint(4, 8) for _ in range(rank)]
    groups = pick.choice([1, 1, 2])
    channels, filters = groups * pick.randint(1, 3), groups * pick.randint(1, 3)
    shape = (filters, channels // groups, *[pick.randint(1, 3) for _ in space])
    weights = case.weights(*shape) if rank == 3 and pick.random() < 0.6 else case.input(shape)
    inputs = [case.input((pick.randint(1, 2), channels, *space)), weights]
    if pick.random() < 0.6:
        inputs.append(case.weights(filters) if pick.random() < 0.5 else case.input((filters,)))
    return case.node(
        "Conv", inputs, group=groups, strides=[pick.randint(1, 2) for _ in space],
        pads=[pick.randint(0, 2) for _ in space * 2], dilations=[pick.randint(1, 2) for _ in space])


def windows(case, pick):
    """Pools over three axes, with indices, and of bytes."""
    case.opset = max(case.opset, 12)
    rank = pick.choice([1, 2, 3])
    shape = (pick.randint(1, 2), pick.randint(1, 3), *[pick.randint(5, 8) for _ in range(rank)])
    kernel = [pick.randint(2, 3) for _ in range(rank)]
    attributes = {"kernel_shape": kernel, "strides": [pick.randint(1, 3) for _ in kernel]}
    attributes["pads"] = [pick.randint(0, 1) for _ in kernel * 2]
    if pick.random() < 0.3:
        attributes["ceil_mode"] = 1
    if rank == 3 and pick.random() < 0.5:
        return case.node("AveragePool", [case.input(shape)], count_include_pad=pick.randint(0, 1), **attributes)
    dtype = pick.choice([np.float32, np.float32, np.int8, np.uint8])
    if dtype == np.float32 and pick.random() < 0.7:
        attributes["storage_order"] = pick.randint(0, 1)
        return case.node("MaxPool", [case.input(shape)], 2, **attributes)
    return case.node("MaxPool", [typed(case, shape, dtype)], **attributes)


def resize(case, pick):
    case.opset = max(case.opset, 13)
    shape = (1, pick.randint(1, 2), pick.randint(3, 7), pick.randint(3, 7))
    mode = pick.choice(["nearest", "nearest", "linear", "linear", "cubic"])
    attributes = {"mode": mode, "coordinate_transformation_mode": pick.choice(
        ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])}
    if mode == "nearest":
        attributes["nearest_mode"] = pick.choice(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
    if mode == "cubic":
        attributes["cubic_coeff_a"] = pick.choice([-0.75, -0.5])
        attributes["exclude_outside"] = pick.randint(0, 1)
    sizes = [*shape[:2], pick.randint(2, 12), pick.randint(2, 12)]
    operands = [case.input(shape), "", "", case.constant(sizes, np.int64)]
    if pick.random() < 0.4:  # whole factors: ONNX's reference and ONNX Runtime differ in the extents of others
        operands = [operands[0], "", case.constant([1, 1, pick.randint(1, 3), pick.randint(1, 3)])]
    return case.node("Resize", operands, **attributes)


def indexing(case, pick):
    case.opset = max(case.opset, 18)
    shape = tuple(pick.randint(2, 5) for _ in range(3))
    axis = pick.randint(-3, 2)
    dtype = pick.choice([np.float32, *INTEGERS])
    kind = pick.choice(["Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "TopK"])
    if kind == "TopK":
        k = case.constant([pick.randint(1, shape[axis])], np.int64)
        x = typed(case, shape, pick.choice([np.float32, np.int64, np.int32]), -99, 99)
        return case.node("TopK", [x, k], 2, axis=axis, largest=pick.randint(0, 1))
    x = typed(case, shape, dtype)

    def places(shape, extents):
        name = typed(case, shape, pick.choice([np.int64, np.int32]) if not kind.endswith("ND") else np.int64)
        low = [-e if pick.random() < 0.5 else 0 for e in np.atleast_1d(extents)]
        case.inputs[name] = case.rng.integers(low, extents, shape).astype(case.inputs[name].dtype)
        return name

    if kind == "Gather":
        return case.node(kind, [x, places((2, pick.randint(1, 4)), shape[axis])], axis=axis)
    if kind == "GatherElements":
        part = list(shape)
        part[axis] = pick.randint(1, 6)
        return case.node(kind, [x, places(tuple(part), shape[axis])], axis=axis)
    if kind == "GatherND":
        depth, batch = pick.randint(1, 2), pick.randint(0, 1)
        rows = (shape[0], 3, depth) if batch else (pick.randint(1, 4), depth)
        return case.node(kind, [x, places(rows, shape[batch:batch + depth])], batch_dims=batch)
    reduction = pick.choice(["none", "add", "mul", "max", "min"]) if dtype in (np.float32, np.int64, np.int32) else "none"
    if kind == "ScatterElements":
        part = tuple(pick.randint(1, d) for d in shape)
        index = places(part, shape[axis])
        if reduction == "none":  # of equal places either may win
            line = np.arange(part[axis]).reshape([-1 if a == axis % 3 else 1 for a in range(3)])
            case.inputs[index] = np.broadcast_to(line, part).astype(np.int64)
        return case.node(kind, [x, index, typed(case, part, dtype)], axis=axis, reduction=reduction)
    depth = pick.randint(1, 2)
    count = pick.randint(1, 4) if reduction != "none" else 1
    return case.node(
        kind, [x, places((count, depth), shape[:depth]), typed(case, (count, *shape[depth:]), dtype)], reduction=reduction)


def arithmetic(case, pick):
    """Integers, comparisons, choices and casts."""
    case.opset = max(case.opset, 13)
    shape = (pick.randint(1, 4), pick.randint(1, 5))
    dtype = pick.choice([np.int64, np.int32])
    a, b = typed(case, shape, dtype), typed(case, pick.choice([shape, shape[1:], (1,)]), dtype)
    kind = pick.choice(["Add", "Sub", "Mul", "Max", "Min", "Equal", "Greater", "Less", "Where", "Mod", "Cast", "Reduce"])
    if kind == "Where":
        return case.node(kind, [case.node("Less", [a, b]), a, b])
    if kind == "Mod":
        case.inputs[b] = np.where(case.inputs[b] == 0, 1, case.inputs[b])
        return case.node(kind, [a, b], fmod=pick.randint(0, 1))
    if kind == "Cast":
        return case.node(kind, [typed(case, shape, pick.choice([np.float32, np.int64, np.uint8]))], to=pick.choice([1, 6, 7, 9]))
    if kind == "Reduce":
        case.opset = max(case.opset, 18)
        axis = case.constant([pick.randint(0, 1)], np.int64)
        return case.node(pick.choice(["ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"]), [a, axis])
    return case.node(kind, [a, b])


def normalization(case, pick):
    case.opset = max(case.opset, 17)
    kind = pick.choice(["LayerNormalization", "InstanceNormalization", "LRN", "BatchNormalization"])
    shape = (pick.randint(1, 3), pick.randint(2, 6), pick.randint(2, 5), pick.randint(2, 5))
    x = case.input(shape)
    if kind == "LRN":
        return case.node(kind, [x], size=pick.choice([1, 3, 5]), alpha=0.2, beta=0.6, bias=1.5)
    if kind == "LayerNormalization":
        axis = pick.randint(1, 3)
        inputs = [x, case.weights(*shape[axis:])] + ([case.weights(*shape[axis:])] if pick.random() < 0.5 else [])
        return case.node(kind, inputs, axis=pick.choice([axis, axis - 4]))
    parameters = [case.weights(shape[1]) if pick.random() < 0.5 else case.input((shape[1],)) for _ in range(2)]
    if kind == "BatchNormalization":
        parameters += [case.input((shape[1],)), case.input((shape[1],), 0.2, 2)]
    return case.node(kind, [x, *parameters], epsilon=1e-3)


def signals(case, pick):
    case.opset = max(case.opset, 17)
    kind = pick.choice(["DFT", "STFT", "Pad", "DepthToSpace", "SpaceToDepth"])
    if kind == "DFT":
        inverse = pick.randint(0, 1)
        # ONNX Runtime's transforms of other lengths are off by more than the comparison allows.
        shape = (pick.randint(1, 2), pick.choice([2, 4, 8, 16, 32]), 2 if inverse else pick.randint(1, 2))
        # One-sided only of real elements, and not inverse, before operator set 20.
        one_sided = int(shape[2] == 1 and not inverse and pick.random() < 0.5)
        case.opset = min(case.opset, 18)
        return case.node(kind, [case.input(shape)], axis=1, inverse=inverse, onesided=one_sided)
    if kind == "STFT":
        length = pick.choice([4, 7, 8])
        signal = case.input((pick.randint(1, 2), pick.randint(20, 40), 1))
        return case.node(kind, [
            signal, case.constant(pick.randint(1, 5), np.int64), case.weights(length), case.constant(length, np.int64)])
    if kind == "Pad":
        case.opset = max(case.opset, 19)
        mode = pick.choice(["constant", "edge", "reflect", "wrap"])
        dtype = pick.choice([np.float32, np.int64, np.int32])
        pads = [pick.randint(0, 2) for _ in range(4)]
        return case.node(kind, [typed(case, (3, 4), dtype), case.constant(pads, np.int64)], mode=mode)
    if kind == "SpaceToDepth":
        return case.node(kind, [case.input((1, 2, 4, 6))], blocksize=2)
    return case.node(kind, [case.input((1, 8, 2, 3))], blocksize=2, mode=pick.choice(["DCR", "CRD"]))


ALL = [transposed, volumes, windows, resize, resize, indexing, indexing, arithmetic, normalization, signals]
