"""Talks to a device's local API with NVIDIA's client of the Open Inference Protocol; LocalAPITests starts it.

    triton_client.py PORT MODEL VERSION    a model of frames [2, 2] that answers scores and a class
"""
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


def refused(call):
    """The message of the error that `call` must raise."""
    try:
        call()
    except InferenceServerException as error:
        return error.message()
    raise AssertionError("a wrong request was accepted")


def infer(client, model, frames, binary):
    """The first output for frames, asked for as JSON or as binary tensors."""
    port = client.get_model_metadata(model)["inputs"][0]
    value = triton.InferInput(port["name"], list(frames.shape), "FP32")
    value.set_data_from_numpy(frames, binary_data=binary)
    name = client.get_model_metadata(model)["outputs"][0]["name"]
    wanted = triton.InferRequestedOutput(name, binary_data=binary)
    return client.infer(model, [value], outputs=[wanted], request_id="q").as_numpy(name)


def main():
    port, model, version = sys.argv[1:]
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready(model) and client.is_model_ready(model, version)
        assert not client.is_model_ready("other")
        assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
        assert client.get_model_repository_index()[0]["name"] == model
        frames = np.array([[[1, 2], [3, 4]], [[-4, -3], [-2, -1]]], np.float32)
        text, binary = (infer(client, model, frames, flag) for flag in (False, True))
        np.testing.assert_allclose(text, binary, rtol=1e-6)
        assert text.shape == (2, 2) and text[0, 0] > 0.9 and text[1, 1] > 0.9, text
        wrong = triton.InferInput("frame", [1, 3], "FP32")
        wrong.set_data_from_numpy(np.zeros((1, 3), np.float32))
        assert refused(lambda: client.infer(model, [wrong]))
        value = triton.InferInput("frame", list(frames.shape), "FP32")
        value.set_data_from_numpy(frames)
        message = refused(lambda: client.infer(model, [value], request_compression_algorithm="gzip"))
        assert "Content-Encoding" in message, message
        np.testing.assert_allclose(infer(client, model, frames, True), binary)
    print("the client agrees")


if __name__ == "__main__":
    main()
