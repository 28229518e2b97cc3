"""Martlet's runtime beside ONNX Runtime and LiteRT: release, one thread, batch 1, interleaved rounds in one run.

`Benchmarks/run` prepares what this needs. In every round each runtime takes its turn on each workload, so that what
else the machine does meets all alike; the median of the rounds' ratios counts. Times are microseconds of the median
run. ONNX Runtime runs with IO binding, so that no copy of inputs or outputs is counted.
"""
import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

from workloads import workloads

HERE = Path(__file__).resolve().parent
SECONDS = 0.25  # of timed runs, per runtime, workload and round
RUNS = (20, 5000)


def median_time(run):
    """Microseconds of the median run."""
    start = time.perf_counter()
    while time.perf_counter() - start < 0.1:
        run()
    begin = time.perf_counter()
    run()
    count = int(min(max(SECONDS / max(time.perf_counter() - begin, 1e-7), RUNS[0]), RUNS[1]))
    times = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - begin)
    return statistics.median(times) / 1e3


def sample(shape, dtype, random):
    """An input like the ones `martlet-bench` makes."""
    if dtype == np.float32:
        return random.uniform(-1, 1, shape).astype(dtype)
    info = np.iinfo(dtype)
    if info.bits == 8:
        return random.integers(info.min, info.max, shape, dtype, endpoint=True)
    return np.zeros(shape, dtype)


class ONNXRuntime:
    """A session with bound inputs and outputs."""

    TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8,
             "tensor(int64)": np.int64, "tensor(int32)": np.int32}

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        random = np.random.default_rng(1)
        for port in self.session.get_inputs():
            shape = [size if isinstance(size, int) else 1 for size in port.shape]
            value = sample(shape, self.TYPES[port.type], random)
            self.binding.bind_ortvalue_input(port.name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
        for port in self.session.get_outputs():
            self.binding.bind_output(port.name, "cpu")

    def measure(self):
        return median_time(lambda: self.session.run_with_iobinding(self.binding))


class LiteRT:
    """An interpreter with its default delegate, XNNPACK."""

    def __init__(self, path):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(model_path=str(path), num_threads=1)
        self.interpreter.allocate_tensors()
        random = np.random.default_rng(1)
        for port in self.interpreter.get_input_details():
            self.interpreter.set_tensor(port["index"], sample(port["shape"], port["dtype"], random))

    def measure(self):
        return median_time(self.interpreter.invoke)


class Martlet:
    """The runtime in a process of its own; None when it cannot run the model."""

    def __init__(self, bench, path):
        self.command = [str(bench), str(path)]
        self.last = None
        self.runs = 50

    def measure(self):
        done = subprocess.run(self.command + [str(self.runs)], capture_output=True, text=True)
        if done.returncode != 0:
            self.last = {"error": done.stderr.strip()}
            return None
        self.last = json.loads(done.stdout)
        self.runs = int(min(max(SECONDS * 1e6 / self.last["p50_us"], RUNS[0]), RUNS[1]))
        return self.last["p50_us"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path, required=True, help="the executable martlet-bench")
    parser.add_argument("--models", type=Path, default=HERE.parent / "Tests/Fixtures/models", help="trained ONNX models")
    parser.add_argument("--tflite", type=Path, help="the same as .tflite; default: the models' folder")
    parser.add_argument("--only", default="", help="a regular expression of workloads' names")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    return parser.parse_args()


def measure(options):
    """Workload → runtime → one time per round, and what Martlet said last."""
    made = HERE.parent / ".build/benchmarks/models"
    runtimes = {}
    for name, onnx_file, lite_file in workloads(options.models, options.tflite or options.models, made):
        if re.search(options.only, name):
            runtimes[name] = {"martlet": Martlet(options.bench, onnx_file), "onnxruntime": ONNXRuntime(onnx_file)}
            if lite_file:
                runtimes[name]["litert"] = LiteRT(lite_file)
    times = {name: {runtime: [] for runtime in peers} for name, peers in runtimes.items()}
    for round in range(options.rounds):
        print(f"round {round + 1} of {options.rounds}", file=sys.stderr)
        for name, peers in runtimes.items():
            for runtime, peer in peers.items():
                times[name][runtime].append(peer.measure())
    return times, {name: peers["martlet"].last for name, peers in runtimes.items()}


def ratio(times, peer):
    """The median over the rounds of Martlet's time by the peer's."""
    if peer not in times or None in times["martlet"]:
        return None
    return statistics.median(ours / theirs for ours, theirs in zip(times["martlet"], times[peer]))


def show(times, said):
    def cell(value, digits=1):
        return "–" if value is None else f"{value:.{digits}f}"

    def middle(values):
        return statistics.median(values) if values and None not in values else None

    print(f"onnxruntime {onnxruntime.__version__}, {next(iter(said.values())).get('isa', '?')}, times in µs")
    print(f"{'workload':<20}{'Martlet':>10}{'ORT':>10}{'LiteRT':>10}{'/ORT':>7}{'/LiteRT':>9}{'load':>8}{'heap':>6}")
    for name, peers in times.items():
        last = said[name] or {}
        print(f"{name:<20}{cell(middle(peers['martlet'])):>10}{cell(middle(peers['onnxruntime'])):>10}"
              f"{cell(middle(peers.get('litert'))):>10}{cell(ratio(peers, 'onnxruntime'), 2):>7}"
              f"{cell(ratio(peers, 'litert'), 2):>9}{cell(last.get('load_us'), 0):>8}"
              f"{cell(last.get('allocations_per_run'), 0):>6}")
        if "error" in last:
            print(f"    {last['error'][:200]}")


def main():
    options = arguments()
    times, said = measure(options)
    show(times, said)
    if options.json:
        ratios = {name: {peer: ratio(peers, peer) for peer in peers if peer != "martlet"} for name, peers in times.items()}
        options.json.write_text(json.dumps({"times_us": times, "ratios": ratios, "martlet": said}, indent=1))


if __name__ == "__main__":
    main()
