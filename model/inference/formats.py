"""The formats of an export: how a graph becomes a file, and how it is run from there to be checked."""

import importlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from s2f.model.inference.graphs import STRETCH, Graph, Tensors
from s2f.pipeline.core.errors import MissingError

Runner = Callable[[Tensors], Tensors]


@dataclass(frozen=True)
class Format:
    """A format of an export.

    ending   of its files
    frames   how many a step makes; 0 = any number
    require  raises MissingError where a package is not installed
    adapt    replaces the layers of a network that cannot be written
    write    a graph to the content of its file
    read     the content of a file and its graph to a function that runs it
    """

    ending: str
    frames: int
    require: Callable[[], None]
    adapt: Callable[[nn.Module], None]
    write: Callable[[Graph], bytes]
    read: Callable[[bytes, Graph], Runner]


class OnnxGRU(nn.Module):
    """A GRU as ONNX's own operator, which takes clips of any length. It can be exported, but not run."""

    def __init__(self, gru: nn.GRU) -> None:
        super().__init__()
        self.size, self.layers = gru.hidden_size, gru.num_layers
        for layer in range(self.layers):
            # The order of the gates is reset, update, new in torch, and update, reset, new in ONNX.
            parts = [
                torch.cat([update, reset, new])[None]
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                for reset, update, new in [getattr(gru, f"{name}_l{layer}").detach().chunk(3)]
            ]
            self.register_buffer(f"input{layer}", parts[0])
            self.register_buffer(f"memory{layer}", parts[1])
            self.register_buffer(f"bias{layer}", torch.cat(parts[2:], dim=1))

    def forward(self, codes: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        codes, after = codes.transpose(0, 1), []
        for layer in range(self.layers):
            before = memory[layer : layer + 1]
            weights = [getattr(self, f"{part}{layer}") for part in ("input", "memory", "bias")]
            out, last = torch.onnx.ops.symbolic_multi_out(
                "GRU",
                (codes, *weights, None, before),
                {"hidden_size": self.size, "linear_before_reset": 1},
                dtypes=(torch.float32, torch.float32),
                shapes=((codes.shape[0], 1, codes.shape[1], self.size), before.shape),
                version=20,
            )
            codes = out[:, 0]
            after.append(last)
        return codes.transpose(0, 1), torch.cat(after)


def _require_onnx() -> None:
    try:
        for package in ("onnx", "onnxruntime", "onnxscript", "torch.onnx.ops"):
            importlib.import_module(package)
    except ImportError as error:
        raise MissingError(
            f"ONNX cannot be written: {error}", "pip install 's2f[export]', with torch 2.8 or later"
        ) from error


def _use_onnx_grus(network: nn.Module) -> None:
    for part in list(network.modules()):
        for name, layer in list(part.named_children()):
            if isinstance(layer, nn.GRU):
                part.add_module(name, OnnxGRU(layer))


def _write_onnx(graph: Graph) -> bytes:
    frames = torch.export.Dim("frames", min=1)
    # The network takes *tensors, so the shapes are a tuple in a tuple.
    shapes = (tuple({1: frames} if name in STRETCH else {} for name in graph.inputs),)
    program = torch.onnx.export(
        graph.network,
        tuple(graph.inputs.values()),
        input_names=list(graph.inputs),
        output_names=graph.outputs,
        dynamic_shapes=shapes if "windows" in graph.inputs else None,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None
    data: bytes = program.model_proto.SerializeToString()
    return data


def _read_onnx(data: bytes, graph: Graph) -> Runner:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

    def run(given: Tensors) -> Tensors:
        made = session.run(graph.outputs, {name: given[name].numpy() for name in graph.inputs})
        return dict(zip(graph.outputs, map(torch.from_numpy, made), strict=True))

    return run


def _write_program(graph: Graph) -> bytes:
    target = io.BytesIO()
    torch.export.save(torch.export.export(graph.network, tuple(graph.inputs.values())), target)
    return target.getvalue()


def _read_program(data: bytes, graph: Graph) -> Runner:
    # torch.export.load unpickles. That is safe here, because these bytes are our own.
    network = torch.export.load(io.BytesIO(data)).module()

    def run(given: Tensors) -> Tensors:
        made = network(*(given[name] for name in graph.inputs))
        return dict(zip(graph.outputs, made, strict=True))

    return run


FORMATS = {
    "onnx": Format(".onnx", 0, _require_onnx, _use_onnx_grus, _write_onnx, _read_onnx),
    "torch-export": Format(".pt2", 1, lambda: None, lambda network: None, _write_program, _read_program),
}
