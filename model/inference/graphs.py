"""The two networks of an export: tensors alone go in and come out, so that other programs can run them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from s2f.model.inference.folding import fold
from s2f.model.networks.generator import Generator, Identity

# The inputs that have a time axis.
STRETCH = ("windows", "noise")
# A step takes its memory by one name, and returns it by this name with this ending.
AFTER = "_after"

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Graph:
    """A network with an example of its inputs, by name and in order, and the names of its outputs."""

    network: nn.Module
    inputs: Tensors
    outputs: list[str]


def make_graphs(generator: Generator, frames: int) -> dict[str, Graph]:
    """The networks `face` and `step`; the example of a step has so many frames."""
    ready = fold(generator)
    still = torch.zeros(1, 3, *generator.size)
    identity = ready.identity(still)
    shares = {f"share{level}": share for level, share in enumerate(identity.skips)}
    inputs = {"windows": torch.zeros(1, frames, int(generator.arguments["window"]))}
    if size := generator.noise_size + generator.blinks:
        inputs["noise"] = torch.zeros(1, frames, size)
    memory = {
        name: torch.zeros(part.recurrent.num_layers, 1, part.recurrent.hidden_size)
        for name, part in (("context_memory", generator.context), ("noise_memory", generator.noise))
        if part.recurrent is not None
    }
    face = {"code": identity.code, **shares}
    inputs |= memory | face | ({"still": still} if generator.decoder.blend else {})
    outputs = ["frames", *(f"{name}{AFTER}" for name in memory)]
    encoder = FaceNetwork(ready.identity).eval()
    # A step gets what the encoder has made, and does not need its weights.
    ready.add_module("identity", None)
    step = StepNetwork(ready, list(inputs)).eval()
    return {"face": Graph(encoder, {"still": still}, list(face)), "step": Graph(step, inputs, outputs)}


class FaceNetwork(nn.Module):
    """A still face (1, 3, 128, 96) to its code, and its shares of the decoder's blocks."""

    def __init__(self, identity: nn.Module) -> None:
        super().__init__()
        self.identity = identity

    def forward(self, still: Tensor) -> tuple[Tensor, ...]:
        identity = self.identity(still)
        return identity.code, *identity.skips


class StepNetwork(nn.Module):
    """The next stretch of a clip: the tensors that `names` lists to frames and memory."""

    def __init__(self, ready: Generator, names: list[str]) -> None:
        super().__init__()
        self.ready, self.names = ready, names

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(self.names, tensors, strict=True))
        windows = given["windows"]
        noise = given.get("noise", windows[:, :, :0])
        shares = [given[name] for name in self.names if name.startswith("share")]
        identity = Identity(given["code"], shares, given.get("still", given["code"]))
        memory = given.get("context_memory"), given.get("noise_memory")
        frames, after = self.ready.speak(identity, windows, noise, memory)
        return frames, *(tensor for tensor in after if tensor is not None)
