"""Differential fuzzing against ONNX Runtime: writes random cases, and judges what Martlet makes of them.

    fuzz.py write FOLDER [--cases N] [--seed S] [--only FAMILY]    writes cases in the layout of ONNX's backend suite
    fuzz.py judge FOLDER [--keep FOLDER]                           reads the lines of `martlet model check --json`

A case's name is its family and its number; with the seed it says how the case was made. Cases that ONNX Runtime itself
refuses are drawn anew. Expected results are ONNX Runtime's, unoptimised.
"""
import argparse
import collections
import json
import pathlib
import shutil
import sys
import zlib

import numpy

import classic
import elements
import layers
import networks
import quantized
from cases import reference, write

FAMILIES = {
    "conv": layers.conv, "conv_transpose": layers.conv_transpose, "pool": layers.pool, "gemm": layers.gemm,
    "fused": layers.fused, "resize": layers.resize, "lstm": layers.lstm, "gru": layers.gru, "rnn": layers.rnn,
    "pairs": elements.pairs, "functions": elements.functions, "reductions": elements.reductions,
    "normalisations": elements.normalisations, "movements": elements.movements,
    "qdq_conv": quantized.qdq_conv, "qdq_gemm": quantized.qdq_gemm, "qdq_elementwise": quantized.qdq_elementwise,
    "network": networks.network, "qdq_network": networks.qdq_network, "integer": quantized.integer_products,
    "tree_regressor": classic.raw_regressor, "tree_classifier": classic.raw_classifier,
    "tree_ensemble": classic.ensemble, "classifier": classic.classifier, "regressor": classic.regressor,
    "pipeline": classic.pipeline, "lightgbm": classic.lightgbm, "feature": classic.feature,
}
# Drawings of one case before its family is taken to be broken.
ATTEMPTS = 50


def draw(family, seed, number):
    """A case that ONNX Runtime runs; the same for the same arguments."""
    random = numpy.random.default_rng([seed, zlib.crc32(family.encode()), number])
    fault = None
    for _ in range(ATTEMPTS):
        try:
            case = FAMILIES[family](random)
            case.outputs = reference(case)
            return case
        except Exception as error:  # What the converters and ONNX Runtime raise has no common type.
            fault = error
    raise SystemExit(f"{family} {number}: nothing that ONNX Runtime runs in {ATTEMPTS} drawings; the last: {fault}")


def write_cases(options):
    shutil.rmtree(options.folder, ignore_errors=True)
    families = [family for family in FAMILIES if options.only in ("", family)]
    for index in range(options.cases):
        family, number = families[index % len(families)], index // len(families)
        write(draw(family, options.seed, number), options.folder / f"{family}_{options.seed}_{number:05}")
    print(f"{options.cases} cases of {len(families)} families, seed {options.seed}", file=sys.stderr)


def is_close(result, folder):
    """True when nothing but floats differ, and those by less than the case's tolerance."""
    bound = json.loads((folder / "fuzz.json").read_text())["tolerance"]
    faults = result["reason"].split("; ")
    error = result["max_abs_error"]
    return error is not None and error <= bound and all("elements, first at" in fault for fault in faults)


def judge(options):
    counts = collections.defaultdict(collections.Counter)
    reasons, faults = collections.Counter(), []
    for line in sys.stdin:
        result = json.loads(line)
        folder = options.folder / result["case"]
        status = result["status"]
        if status == "fail" and is_close(result, folder):
            status = "pass"
        counts[result["case"].rsplit("_", 2)[0]][status] += 1
        if status == "unsupported":
            reasons[" ".join(result["reason"].split("\n")[-1].split())[:110]] += 1
        if status == "fail":
            faults.append(f"{result['case']}: {result['reason']}")
            if options.keep:
                shutil.copytree(folder, options.keep / result["case"], dirs_exist_ok=True)
    for family, count in sorted(counts.items()):
        print(f"{family:<18}" + "".join(f"{count[name]:>6} {name}" for name in ("pass", "fail", "unsupported")))
    for reason, count in reasons.most_common(20):
        print(f"unsupported {count:>5} × {reason}")
    for fault in faults:
        print(f"FAILED {fault}")
    total = sum((count for count in counts.values()), collections.Counter())
    print(f"{total['unsupported']} unsupported")
    print(f"{total['pass']} passed, {total['fail']} failed")
    return 1 if faults or not total else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["write", "judge"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cases", type=int, default=280)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", choices=["", *FAMILIES])
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    return write_cases(options) if options.action == "write" else judge(options)


if __name__ == "__main__":
    sys.exit(main())
