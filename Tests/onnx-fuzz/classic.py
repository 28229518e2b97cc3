"""Random models of classic machine learning: raw trees of every kind, and what converters make of trained models."""
import warnings

import numpy
import onnx
from onnx import TensorProto, helper

from cases import CLASSIC, Case, Graph
from layers import normal, pick

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def features(random, rows, columns, kind=numpy.float32):
    """Values of which some stand exactly on thresholds, and some are missing."""
    values = random.integers(-4, 5, (rows, columns)) / 2
    values = numpy.where(random.random((rows, columns)) < 0.3, random.standard_normal((rows, columns)), values)
    if random.random() < 0.4:
        values = numpy.where(random.random((rows, columns)) < 0.1, numpy.nan, values)
    return values.astype(kind)


def threshold(random):
    return float(pick(random, *(numpy.arange(-4, 5) / 2), numpy.float32(random.standard_normal())))


class Tree:
    """Grows one random tree into lists of nodes."""

    def __init__(self, random, columns, depth, modes):
        self.random, self.columns, self.modes, self.nodes = random, columns, modes, []
        self.grow(depth)

    def grow(self, depth):
        place = len(self.nodes)
        self.nodes.append(None)
        if depth == 0 or self.random.random() < 0.15:
            self.nodes[place] = ("LEAF", 0, 0.0, 0, 0, 0)
            return place
        yes, no = self.grow(depth - 1), self.grow(depth - 1)
        self.nodes[place] = (pick(self.random, *self.modes), int(self.random.integers(self.columns)),
                             threshold(self.random), yes, no, int(self.random.random() < 0.4))
        return place


def forest(random, columns, role, targets, shared_target=None, fills=False):
    """The attributes of a random classic ensemble; leaves that fill give every target a weight."""
    modes = pick(random, MODES[:1], MODES, [pick(random, *MODES)])
    trees = [Tree(random, columns, int(random.integers(0, 7)), modes).nodes for _ in range(int(random.integers(1, 20)))]
    tracks = random.random() < 0.5
    lists = {name: [] for name in ("treeids", "nodeids", "modes", "featureids", "values", "truenodeids", "falsenodeids")}
    missing, weights = [], {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for number, nodes in enumerate(trees):
        for place, (mode, feature, value, yes, no, track) in enumerate(nodes):
            for name, item in zip(lists, (number, place, mode, feature, value, yes, no)):
                lists[name].append(item)
            missing.append(track if mode != "LEAF" else 0)
            if mode != "LEAF":
                continue
            count = targets if fills else int(random.integers(1, targets + 1))
            chosen = [shared_target] if shared_target is not None else sorted(
                random.choice(targets, count, replace=False))
            for target in chosen:
                for name, item in zip(weights, (number, place, int(target), float(random.standard_normal()))):
                    weights[name].append(item)
    attributes = {f"nodes_{name}": values for name, values in lists.items()}
    attributes |= {f"{role}_{name}": values for name, values in weights.items()}
    if tracks:
        attributes["nodes_missing_value_tracks_true"] = missing
    return attributes


def as_tensors(attributes):
    """Lists of floats as tensors of doubles: the form for inputs of doubles."""
    for name in ("nodes_values", "target_weights", "class_weights", "base_values"):
        if name in attributes:
            values = attributes.pop(name)
            attributes[f"{name}_as_tensor"] = helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values)
    return attributes


def input_kind(random):
    return pick(random, numpy.float32, numpy.float32, numpy.float32, numpy.float64, numpy.int64)


def raw_input(random, graph, columns):
    kind = input_kind(random)
    rows = int(random.integers(1, 6))
    values = features(random, rows, columns)
    if kind == numpy.int64:
        values = random.integers(-3, 4, (rows, columns))
    return graph.input(values.astype(kind)), kind


def raw_regressor(random):
    graph, columns, targets = Graph(), int(random.integers(1, 9)), pick(random, 1, 1, 2, 3)
    # A target that no leaf reached gets no base value from ONNX Runtime, against the specification.
    has_base = random.random() < 0.5
    attributes = forest(random, columns, "target", targets, fills=has_base)
    attributes |= {"n_targets": targets, "aggregate_function": pick(random, "SUM", "SUM", "AVERAGE", "MIN", "MAX"),
                   "post_transform": pick(random, "NONE", "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")}
    if has_base:
        attributes["base_values"] = [float(value) for value in normal(random, targets)]
    x, kind = raw_input(random, graph, columns)
    if kind == numpy.float64:
        attributes = as_tensors(attributes)
    return graph.case(graph.add("TreeEnsembleRegressor", [x], domain=CLASSIC, **attributes))


def raw_classifier(random):
    graph, columns, classes = Graph(), int(random.integers(1, 9)), pick(random, 2, 2, 3, 4)
    # Where both of two classes have weights, ONNX Runtime gives the labels 0 and 1 whatever they are called.
    both = classes == 2 and random.random() < 0.2
    target = 0 if classes == 2 and not both else None
    attributes = forest(random, columns, "class", classes, shared_target=target, fills=both)
    texts = [f"class{index}" for index in range(classes)] if random.random() < 0.3 and not both else None
    attributes["post_transform"] = pick(random, "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
    if texts:
        attributes["classlabels_strings"] = texts
    else:
        attributes["classlabels_int64s"] = [0, 1] if both else [int(value) for value in random.permutation(10)[:classes]]
    if classes == 2 and random.random() < 0.5:
        attributes["class_weights"] = [abs(value) for value in attributes["class_weights"]]
    if random.random() < 0.4 and not both:
        attributes["base_values"] = [float(value) for value in normal(random, 1 if classes == 2 else classes)]
    x, kind = raw_input(random, graph, columns)
    if kind == numpy.float64:
        attributes = as_tensors(attributes)
    label, scores = graph.add("TreeEnsembleClassifier", [x], 2, domain=CLASSIC, **attributes)
    kinds = [TensorProto.STRING if texts else TensorProto.INT64, TensorProto.FLOAT]
    return graph.case([label, scores], kinds, texts={label: texts} if texts else {})


def ensemble(random):
    """TreeEnsemble of version 5, with sets of members."""
    graph, columns, targets = Graph(classic=5, opset=21), int(random.integers(1, 6)), pick(random, 1, 2, 3)
    kind = pick(random, numpy.float32, numpy.float64)
    tensor = TensorProto.FLOAT if kind == numpy.float32 else TensorProto.DOUBLE
    lists = {name: [] for name in ("featureids", "truenodeids", "trueleafs", "falsenodeids", "falseleafs")}
    splits, modes, missing, members, roots, leaves = [], [], [], [], [], []

    def leaf():
        leaves.append((int(random.integers(targets)), float(random.standard_normal())))
        return len(leaves) - 1, 1

    def grow(depth):
        place = len(splits)
        mode = int(random.integers(0, 7))
        splits.append(0.0 if mode == 6 else threshold(random))
        modes.append(mode)
        missing.append(int(random.random() < 0.3))
        if mode == 6:
            chosen = random.choice(9, int(random.integers(1, 6)), replace=False)
            members.extend([*(float(value - 4) for value in chosen), numpy.nan])
        row = [int(random.integers(columns)), 0, 0, 0, 0]
        for name, value in zip(lists, row):
            lists[name].append(value)
        for name in ("true", "false"):
            child, is_leaf = (grow(depth - 1), 0) if depth > 1 and random.random() < 0.7 else leaf()
            lists[f"{name}nodeids"][place], lists[f"{name}leafs"][place] = child, is_leaf
        return place

    for _ in range(int(random.integers(1, 8))):
        roots.append(grow(int(random.integers(1, 6))))
    attributes = {f"nodes_{name}": values for name, values in lists.items()}
    attributes |= {
        "tree_roots": roots, "n_targets": targets, "leaf_targetids": [target for target, _ in leaves],
        "leaf_weights": helper.make_tensor("w", tensor, [len(leaves)], [weight for _, weight in leaves]),
        "nodes_splits": helper.make_tensor("s", tensor, [len(splits)], splits),
        "nodes_modes": helper.make_tensor("m", TensorProto.UINT8, [len(modes)], modes),
        # ONNX Runtime takes 1 for LOGISTIC and 2 for SOFTMAX; the specification has them the other way round.
        "aggregate_function": int(random.integers(0, 4)), "post_transform": pick(random, 0, 0, 3)}
    if random.random() < 0.5:
        attributes["nodes_missing_value_tracks_true"] = missing
    if members:
        attributes["membership_values"] = helper.make_tensor("v", tensor, [len(members)], members)
    values = features(random, int(random.integers(1, 6)), columns, kind)
    # ONNX Runtime looks for the integer part of a feature among the members.
    x = graph.input(numpy.floor(numpy.nan_to_num(values)) if members else values)
    return graph.case(graph.add("TreeEnsemble", [x], domain=CLASSIC, **attributes), [tensor])


# MARK: - Trained models

def data(random, columns, classes=0):
    """Rows and targets with some relation between them."""
    rows = normal(random, 80, columns)
    score = rows @ normal(random, columns) + 0.3 * normal(random, 80)
    if not classes:
        return rows, score
    edges = numpy.quantile(score, numpy.linspace(0, 1, classes + 1)[1:-1])
    return rows, numpy.digitize(score, edges)


def rows_of(random, rows):
    return numpy.concatenate([rows[:3], normal(random, 2, rows.shape[1])]).astype(numpy.float32)


def converted(model, rows, **options):
    """The model as skl2onnx writes it."""
    from skl2onnx import to_onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onnx_model = to_onnx(model, rows[:1], target_opset={"": 17, CLASSIC: 3}, **options)
    texts = {}
    if hasattr(model, "classes_") and model.classes_.dtype.kind in "UO":
        texts[onnx_model.graph.output[0].name] = list(model.classes_)
    return Case(onnx_model, {onnx_model.graph.input[0].name: rows}, texts=texts)


def classifier(random):
    from sklearn import ensemble, linear_model, svm, tree

    columns, classes = int(random.integers(2, 8)), pick(random, 2, 3, 4)
    rows, target = data(random, columns, classes)
    if random.random() < 0.3:
        target = numpy.array([f"kind {value}" for value in target])
    seed = int(random.integers(1 << 30))
    depth, count = int(random.integers(1, 7)), int(random.integers(1, 12))
    model = pick(
        random, tree.DecisionTreeClassifier(max_depth=depth, random_state=seed),
        ensemble.RandomForestClassifier(count, max_depth=depth, random_state=seed),
        ensemble.ExtraTreesClassifier(count, max_depth=depth, random_state=seed),
        ensemble.GradientBoostingClassifier(n_estimators=count, max_depth=min(depth, 4), random_state=seed),
        linear_model.LogisticRegression(), svm.NuSVC(nu=0.2), svm.SVC(kernel=pick(random, "linear", "poly", "rbf", "sigmoid")))
    zipmap = {"zipmap": random.random() < 0.3}
    if isinstance(model, (svm.SVC, svm.NuSVC)):
        zipmap = {"zipmap": False}
    return converted(model.fit(rows, target), rows_of(random, rows), options={id(model): zipmap})


def regressor(random):
    from sklearn import ensemble, linear_model, svm, tree

    rows, target = data(random, int(random.integers(2, 8)))
    seed = int(random.integers(1 << 30))
    depth, count = int(random.integers(1, 7)), int(random.integers(1, 12))
    model = pick(
        random, tree.DecisionTreeRegressor(max_depth=depth, random_state=seed),
        ensemble.RandomForestRegressor(count, max_depth=depth, random_state=seed),
        ensemble.GradientBoostingRegressor(n_estimators=count, max_depth=depth, random_state=seed),
        linear_model.LinearRegression(), linear_model.Ridge(),
        svm.SVR(kernel=pick(random, "linear", "poly", "rbf", "sigmoid")))
    return converted(model.fit(rows, target), rows_of(random, rows))


def pipeline(random):
    from sklearn import linear_model, preprocessing
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    rows, target = data(random, int(random.integers(2, 8)), 2)
    steps = [pick(random, preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), SimpleImputer(),
                  preprocessing.Normalizer(pick(random, "l1", "l2", "max")), preprocessing.Binarizer(threshold=0.1))
             for _ in range(int(random.integers(1, 3)))]
    model = make_pipeline(*steps, linear_model.LogisticRegression()).fit(rows, target)
    values = rows_of(random, rows)
    if isinstance(steps[0], SimpleImputer):
        values[0, 0] = numpy.nan
    return converted(model, values, options={id(model): {"zipmap": False}})


def lightgbm(random):
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    columns, classes = int(random.integers(2, 8)), pick(random, 0, 2, 3)
    rows, target = data(random, columns, classes)
    parameters = {"n_estimators": int(random.integers(1, 20)), "num_leaves": int(random.integers(2, 20)), "n_jobs": 1,
                  "min_child_samples": 3, "verbose": -1, "random_state": int(random.integers(1 << 30))}
    kind = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    model = kind(**parameters)
    values = rows_of(random, rows)
    if random.random() < 0.4:
        rows[random.random(rows.shape) < 0.1] = numpy.nan
        values[0, 0] = numpy.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onnx_model = convert_lightgbm(
            model.fit(rows, target), initial_types=[("x", FloatTensorType([None, columns]))], zipmap=False,
            target_opset=15)
    return Case(onnx_model, {"x": values})


# MARK: - Preparations of features

def feature(random):
    graph = Graph()
    rows, columns = int(random.integers(1, 6)), int(random.integers(1, 8))
    numbers = random.integers(-3, 4, (rows, columns))
    name = pick(random, "Scaler", "Normalizer", "Imputer", "OneHotEncoder", "LabelEncoder", "Binarizer",
                "ArrayFeatureExtractor", "LinearRegressor", "LinearClassifier")

    def add(values, kind=TensorProto.FLOAT, **attributes):
        return graph.case(graph.add(name, [graph.input(values)], domain=CLASSIC, **attributes), [kind])

    def floats(count):
        return [float(value) for value in normal(random, count)]

    values = features(random, rows, columns)
    if name == "Scaler":
        count = pick(random, 1, columns)
        return add(pick(random, values, numbers), offset=floats(count), scale=floats(count))
    if name == "Normalizer":
        return add(normal(random, rows, columns), norm=pick(random, "MAX", "L1", "L2"))
    if name == "Imputer":
        if random.random() < 0.3:
            imputed = [int(value) for value in random.integers(-9, 9, columns)]
            return add(numbers, TensorProto.INT64, imputed_value_int64s=imputed, replaced_value_int64=1)
        replaced = pick(random, float("nan"), 0.5)
        return add(values, imputed_value_floats=floats(pick(random, 1, columns)), replaced_value_float=replaced)
    if name == "OneHotEncoder":
        categories = [int(value) for value in random.permutation(7)[: int(random.integers(1, 8))] - 3]
        return add(pick(random, numbers, numbers.astype(numpy.float32)), cats_int64s=categories, zeros=1)
    if name == "LabelEncoder":
        keys = [int(value) for value in random.permutation(9)[: int(random.integers(1, 8))] - 4]
        if random.random() < 0.5:
            return add(numbers, keys_int64s=keys, values_floats=floats(len(keys)), default_float=7.5)
        return add(numbers.astype(numpy.float32), TensorProto.INT64, keys_floats=[float(key) for key in keys],
                   values_int64s=list(range(len(keys))), default_int64=-9)
    if name == "Binarizer":
        return add(normal(random, rows, columns), threshold=float(random.standard_normal()))
    if name == "ArrayFeatureExtractor":
        indices = random.integers(0, columns, int(random.integers(1, 6)))
        inputs = [graph.input(normal(random, rows, columns)), graph.constant(indices)]
        return graph.case(graph.add(name, inputs, domain=CLASSIC))
    count = int(random.integers(2, 5))
    transform = pick(random, "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
    if name == "LinearRegressor":
        return add(normal(random, rows, columns), coefficients=floats(count * columns), intercepts=floats(count),
                   targets=count, post_transform=transform)
    label, scores = graph.add(
        name, [graph.input(normal(random, rows, columns))], 2, domain=CLASSIC, coefficients=floats(count * columns),
        intercepts=floats(count), classlabels_ints=list(range(10, 10 + count)), post_transform=transform)
    return graph.case([label, scores], [TensorProto.INT64, TensorProto.FLOAT])
