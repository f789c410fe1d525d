"""The trained network as files that other programs run: ONNX, or a program of torch.export.

OUT/face.onnx   a still face to its code and shares, once per face
OUT/step.onnx   sound, noise, memory, code and shares to frames and memory, once per stretch of a clip
OUT/model.json  rates, sizes, and the names and shapes of what goes in and comes out

A program of torch.export has the ending .pt2, and its step makes one frame: torch.export cannot
leave the length of a recurrence open. ONNX can.
"""

import importlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from s2f.model.inference.runtime import prepare
from s2f.model.networks.generator import HEIGHT, WIDTH, Generator, Identity
from s2f.model.networks.weights import Talker, load_talker
from s2f.pipeline.core.errors import ExportError, MissingError
from s2f.pipeline.core.files import make_folder, write_bytes

FORMAT = 1
DESCRIPTION = "model.json"
# How far frames in [-1, 1] may be from the network's own.
TOLERANCE = 1e-4

# What has a time axis, and how the memory is called that a step leaves.
STRETCH = ("windows", "noise")
AFTER = "_after"

Kind = Literal["onnx", "torch-export"]
Named = dict[str, Tensor]
Part = Callable[[Named], Named]


@dataclass(frozen=True)
class Graph:
    """A network that takes and gives tensors alone: an example of what goes in, names of what comes out."""

    network: nn.Module
    inputs: Named
    outputs: list[str]


@dataclass(frozen=True)
class Way:
    """How a graph is written and read back. A step makes `frames` at a time; 0 = any number of them."""

    ending: str
    frames: int
    write: Callable[[Graph], bytes]
    read: Callable[[bytes, Graph], Part]


def export(run: Path, kind: Kind, out: Path) -> list[Path]:
    """Write the best generator of a run for other programs into the folder `out`; return the files.

    Before, all is read back and makes the network's own frames, up to 1e-4; ExportError where it does
    not. Raises CheckpointError for the run, OutputError, and MissingError where ONNX is not installed.
    """
    way = WAYS[kind]
    if kind == "onnx":
        _need_onnx()
    talker = load_talker(run, torch.device("cpu"))
    make_folder(out)
    with _quiet(), torch.no_grad():
        graphs = make_graphs(talker.generator, way.frames or 3)
        for graph in graphs.values():
            graph.network.requires_grad_(False)
        if kind == "onnx":
            _use_onnx_grus(graphs["step"].network)
        written = {name: way.write(graph) for name, graph in graphs.items()}
        parts = {name: way.read(data, graphs[name]) for name, data in written.items()}
        check(talker.generator, parts, graphs["step"].inputs)
    files = {f"{name}{way.ending}": data for name, data in written.items()}
    files[DESCRIPTION] = (json.dumps(describe(talker, kind, graphs), indent=2) + "\n").encode()
    for name, data in files.items():
        write_bytes(out / name, data)
    return [out / name for name in files]


def make_graphs(generator: Generator, frames: int) -> dict[str, Graph]:
    """The two networks of an export, `face` and `step`, with an example of so many frames."""
    ready = prepare(generator, pack=False)
    still = torch.zeros(1, 3, HEIGHT, WIDTH)
    identity = ready.identity(still)
    shares = {f"share{level}": share for level, share in enumerate(identity.skips)}
    inputs = {"windows": torch.zeros(1, frames, int(generator.arguments["window"]))}
    if generator.noise_size:
        inputs["noise"] = torch.zeros(1, frames, generator.noise_size)
    memory = {
        name: torch.zeros(part.recurrent.num_layers, 1, part.recurrent.hidden_size)
        for name, part in (("context_memory", generator.context), ("noise_memory", generator.noise))
        if part.recurrent is not None
    }
    face = {"code": identity.code, **shares}
    inputs |= memory | face
    outputs = ["frames", *(f"{name}{AFTER}" for name in memory)]
    encoder = Face(ready.identity).eval()
    # A step takes what the encoder gave, and has no need of its weights.
    ready.add_module("identity", None)
    step = Step(ready, list(inputs)).eval()
    return {"face": Graph(encoder, {"still": still}, list(face)), "step": Graph(step, inputs, outputs)}


class Face(nn.Module):
    """A still face (1, 3, 128, 96) to its code and its shares of the decoder's blocks."""

    def __init__(self, identity: nn.Module) -> None:
        super().__init__()
        self.identity = identity

    def forward(self, still: Tensor) -> tuple[Tensor, ...]:
        identity = self.identity(still)
        return identity.code, *identity.skips


class Step(nn.Module):
    """The next stretch of a clip: tensors with the given names in, frames and memory out."""

    def __init__(self, ready: Generator, names: list[str]) -> None:
        super().__init__()
        self.ready, self.names = ready, names

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(self.names, tensors, strict=True))
        windows = given["windows"]
        noise = given.get("noise", windows[:, :, :0])
        identity = Identity(given["code"], [given[name] for name in self.names if name.startswith("share")])
        memory = given.get("context_memory"), given.get("noise_memory")
        frames, after = self.ready.speak(identity, windows, noise, memory)
        return frames, *(tensor for tensor in after if tensor is not None)


class OnnxGRU(nn.Module):
    """A GRU as the operator of ONNX, which takes clips of any length. It cannot be run, only exported."""

    def __init__(self, gru: nn.GRU) -> None:
        super().__init__()
        self.size, self.layers = gru.hidden_size, gru.num_layers
        for layer in range(self.layers):
            # Torch has the gates in the order reset, update, new; ONNX has update first.
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


def check(generator: Generator, parts: dict[str, Part], inputs: Named) -> None:
    """Compare two stretches of a clip with the network itself. Raises ExportError."""
    source = torch.Generator().manual_seed(0)
    frames = inputs["windows"].shape[1]
    still = torch.rand(1, 3, HEIGHT, WIDTH, generator=source) * 2 - 1
    windows = torch.randn(1, 2 * frames, int(generator.arguments["window"]), generator=source) / 4
    noise = generator.draw_noise(1, 2 * frames, source)
    wanted = generator(still, windows, noise)
    given = inputs | parts["face"]({"still": still})
    for stretch in torch.split(torch.arange(2 * frames), frames):
        now = {"windows": windows[:, stretch], "noise": noise[:, stretch]}
        given |= {name: tensor for name, tensor in now.items() if name in inputs}
        made = parts["step"](given)
        error = float((made["frames"] - wanted[:, stretch]).abs().max())
        if not error <= TOLERANCE:
            raise ExportError(
                f"the exported network's frames differ from the network's own by {error:.1e}",
                "try other versions of torch and of the packages of s2f[export]",
            )
        given |= {name.removesuffix(AFTER): made[name] for name in made if name.endswith(AFTER)}


def describe(talker: Talker, kind: Kind, graphs: dict[str, Graph]) -> dict[str, Any]:
    """What a program needs to know to use the files."""
    way, arguments = WAYS[kind], talker.generator.arguments
    return {
        "format": FORMAT,
        "kind": kind,
        "fps": str(talker.fps),
        "sample_rate": talker.sample_rate,
        "window": arguments["window"],
        "size": [WIDTH, HEIGHT],
        "noise_std": arguments["noise_std"],
        "frames": way.frames or "any",
        "files": {
            name: {
                "file": f"{name}{way.ending}",
                "inputs": {each: _shape(each, tensor, way) for each, tensor in graph.inputs.items()},
                "outputs": graph.outputs,
            }
            for name, graph in graphs.items()
        },
    }


def _shape(name: str, tensor: Tensor, way: Way) -> list[int | str]:
    shape: list[int | str] = list(tensor.shape)
    if name in STRETCH and not way.frames:
        shape[1] = "frames"
    return shape


def _write_onnx(graph: Graph) -> bytes:
    frames = torch.export.Dim("frames", min=1)
    # Inputs that come as a list have their shapes in a list.
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


def _read_onnx(data: bytes, graph: Graph) -> Part:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

    def run(given: Named) -> Named:
        made = session.run(graph.outputs, {name: given[name].numpy() for name in graph.inputs})
        return dict(zip(graph.outputs, map(torch.from_numpy, made), strict=True))

    return run


def _write_program(graph: Graph) -> bytes:
    target = io.BytesIO()
    torch.export.save(torch.export.export(graph.network, tuple(graph.inputs.values())), target)
    return target.getvalue()


def _read_program(data: bytes, graph: Graph) -> Part:
    # It uses pickle. These bytes are our own; s2f reads no such file.
    network = torch.export.load(io.BytesIO(data)).module()

    def run(given: Named) -> Named:
        made = network(*(given[name] for name in graph.inputs))
        return dict(zip(graph.outputs, made, strict=True))

    return run


WAYS: dict[str, Way] = {
    "onnx": Way(".onnx", 0, _write_onnx, _read_onnx),
    "torch-export": Way(".pt2", 1, _write_program, _read_program),
}


def _use_onnx_grus(network: nn.Module) -> None:
    for part in list(network.modules()):
        for name, layer in list(part.named_children()):
            if isinstance(layer, nn.GRU):
                part.add_module(name, OnnxGRU(layer))


def _need_onnx() -> None:
    try:
        for package in ("onnx", "onnxruntime", "onnxscript", "torch.onnx.ops"):
            importlib.import_module(package)
    except ImportError as error:
        raise MissingError(
            f"ONNX cannot be written: {error}", "pip install 's2f[export]', with torch 2.8 or later"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' remarks on themselves from the user."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
