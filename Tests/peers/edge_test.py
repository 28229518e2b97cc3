"""The runtime outside of Swift: the embedded program and the C library give ONNX Runtime's numbers.

    edge_test.py    with .build/release/{martlet,libmartletedge.so} and .build/embedded (scripts/build, .ci/embedded-check)
"""
import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

from programs import PROGRAMS, ROOT

PROGRAM = ROOT / ".build" / "embedded" / "x86_64-unknown-linux-gnu" / "program"
MODELS = ROOT / "Tests" / "Fixtures" / "models"
# What a process of a C program holds beside the model: libc, its stack, the loader.
OVERHEAD = 2 << 20


class Model:
    """A model of the fixtures: its image, a random input, and what ONNX Runtime makes of it."""

    def __init__(self, name, folder):
        source = MODELS / f"{name}.onnx"
        session = onnxruntime.InferenceSession(str(source), providers=["CPUExecutionProvider"])
        port = session.get_inputs()[0]
        shape = [size if isinstance(size, int) else 1 for size in port.shape]
        self.image = folder / f"{name}.image"
        symbols = [size for size in port.shape if not isinstance(size, int)]
        dims = [word for symbol in symbols for word in ("--dim", f"{symbol}=1")]
        subprocess.run(
            [PROGRAMS / "martlet", "model", "compile", source, "--output", self.image, *dims], check=True,
            capture_output=True)
        self.input = np.random.default_rng(5).normal(size=shape).astype(np.float32)
        self.expected = session.run(None, {port.name: self.input})[0]
        self.zeros = session.run(None, {port.name: np.zeros(shape, np.float32)})[0]


def embedded(model):
    """The embedded program's numbers, and that it holds little more memory than the model."""
    done = subprocess.run(
        [PROGRAM, model.image], input=model.input.tobytes(), capture_output=True, check=True)
    result = np.frombuffer(done.stdout, np.float32).reshape(model.expected.shape)
    np.testing.assert_allclose(result, model.expected, rtol=1e-3, atol=1e-5)
    told = dict(line.split() for line in done.stderr.decode().splitlines())
    held, allowed = int(told["resident"]), int(told["image"]) + int(told["arena"]) + OVERHEAD
    assert held <= allowed, f"{held} bytes resident, {allowed} allowed"


def library():
    """libmartletedge.so, with the types of the functions that are called here."""
    edge = ctypes.CDLL(str(PROGRAMS / "libmartletedge.so"))
    edge.martlet_last_error.restype = ctypes.c_char_p
    edge.martlet_isa.restype = ctypes.c_char_p
    edge.martlet_isa.argtypes = [ctypes.c_void_p]
    edge.martlet_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)]
    edge.martlet_close.argtypes = [ctypes.c_void_p]
    edge.martlet_run.argtypes = [
        ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t), ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t), ctypes.c_size_t]
    return edge


def run(edge, handle, model, size):
    """One run into an array of the expected shape, with an input of `size` bytes."""
    result = np.zeros_like(model.expected)
    inputs = (ctypes.c_void_p * 1)(model.input.ctypes.data)
    outputs = (ctypes.c_void_p * 1)(result.ctypes.data)
    status = edge.martlet_run(
        handle, inputs, (ctypes.c_size_t * 1)(size), 1, outputs, (ctypes.c_size_t * 1)(result.nbytes), 1)
    return status, result


def c_library(model):
    """The C functions' numbers with each of two kernel sets."""
    edge = library()
    for isa in [b"baseline", None]:
        handle = ctypes.c_void_p()
        assert edge.martlet_open(str(model.image).encode(), isa, ctypes.byref(handle)) == 0, edge.martlet_last_error()
        assert edge.martlet_isa(handle) == (isa or edge.martlet_isa(handle))
        status, result = run(edge, handle, model, model.input.nbytes)
        assert status == 0, edge.martlet_last_error()
        np.testing.assert_allclose(result, model.expected, rtol=1e-3, atol=1e-5)
        status, _ = run(edge, handle, model, model.input.nbytes - 4)
        assert status == 103, "an input of the wrong size is refused"
        edge.martlet_close(handle)


def c_refusals(model):
    """A missing file, a damaged image and an unknown instruction set are told apart, with words."""
    edge = library()
    damaged = model.image.with_suffix(".damaged")
    image = bytearray(model.image.read_bytes())
    image[len(image) // 2] ^= 1
    damaged.write_bytes(image)
    for path, isa, wanted in [("/nowhere", None, [100]), (str(model.image), b"sse9", [101]), (str(damaged), None, range(1, 100))]:
        handle = ctypes.c_void_p()
        status = edge.martlet_open(path.encode(), isa, ctypes.byref(handle))
        assert status in wanted and not handle.value, f"{path}: status {status}"
        assert len(edge.martlet_last_error()) > 10


def c_example(model):
    """config/examples/run.c compiles with the line that its head gives, and prints ONNX Runtime's numbers for zeros."""
    program = model.image.with_suffix(".example")
    subprocess.run(
        ["cc", "-Wall", "-Wextra", "-Werror", ROOT / "config/examples/run.c", "-I", ROOT / "Sources/CMartletEdge", "-L",
         PROGRAMS, "-lmartletedge", "-o", program], check=True)
    done = subprocess.run(
        [program, model.image], env={"LD_LIBRARY_PATH": str(PROGRAMS)}, capture_output=True, text=True, check=True)
    printed = np.array(done.stdout.splitlines()[-1].split(), np.float32)
    np.testing.assert_allclose(printed, model.zeros.reshape(-1)[:4], rtol=1e-3, atol=2e-6)


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as name:
        models = [Model(stem, Path(name)) for stem in ["ad_fp32", "kws_fp32"]]
        checks = [(check, model) for model in models for check in (embedded, c_library, c_refusals, c_example)]
        for check, model in checks:
            try:
                check(model)
                passed += 1
            except Exception as error:
                failed += 1
                print(f"{check.__name__} {model.image.name}: {error}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
