"""The generator prepared for inference: the same frames, a frame alone in a third of the time.

On a CPU the decoder runs in OpenVINO, which lays its weights out once, for any number of frames; torch
would do so in every call. docs/experiments.md has the times.
"""

import functools
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from s2f.model.inference.folding import Convolution, FoldedBlock, FoldedDecoder, fold
from s2f.model.networks.generator import Generator, finished
from s2f.model.networks.weights import Talker, load_talker

# Frames at a time: more are hardly faster, and take more memory.
FRAMES = 25


def load_prepared(run: Path, device: torch.device) -> Talker:
    """The best generator of a run, prepared for inference. Raises CheckpointError."""
    talker = load_talker(run, device)
    generator = talker.generator
    # Those of the related work stay as they are.
    return replace(talker, generator=prepare(generator)) if isinstance(generator, Generator) else talker


def prepare(generator: Generator) -> Generator:
    """A generator that makes the same frames faster, but cannot be trained; `generator` stays unchanged."""
    ready = fold(generator)
    decoder = ready.get_submodule("decoder")
    assert isinstance(decoder, FoldedDecoder)
    if decoder.weight.device.type == "cpu":
        ready.add_module("decoder", CompiledDecoder(decoder))
    return ready


class CompiledDecoder(nn.Module):
    """A FoldedDecoder in OpenVINO. The first call compiles it, for as many threads as torch has then."""

    def __init__(self, decoder: FoldedDecoder) -> None:
        super().__init__()
        self.folded: FoldedDecoder | None = decoder
        self._request: Any = None

    def forward(self, latents: Tensor, shares: list[Tensor], still: Tensor) -> Tensor:
        """Latents (B, T, size), the shares and the stills of B faces to frames (B, T, 3, h, w)."""
        faces = [share[:, None].detach().contiguous().numpy() for share in shares]
        if self.folded is not None:
            self._request = _compile(self.folded, [face.shape[1:] for face in faces])
            # Its weights are in the compiled network.
            self.folded = None
        clips = [
            self._request.infer([clip, *face], share_inputs=True)[0]
            for clip, *face in zip(latents.detach().contiguous().numpy(), *faces, strict=True)
        ]
        return finished(torch.from_numpy(np.stack(clips)), still)


@functools.cache
def _core() -> Any:
    """OpenVINO, as long as the process lives.

    It gives the thread that loads it a stack for signals, and frees that when the last network is gone. The
    next Ctrl-C would then crash the process.
    """
    # It reports to its makers that it was imported, unless the module that does so is not there.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino.Core()


def _compile(decoder: FoldedDecoder, shares: list[tuple[int, ...]]) -> Any:
    """What paints (T, 3 or 4, h, w) from latents (T, size) and the shares of one face, (1, C, h, w) each."""
    core = _core()
    import openvino
    from openvino import opset13 as ops
    from openvino import properties

    def constant(weight: Tensor) -> Any:
        return ops.constant(weight.detach().contiguous().numpy())

    def convolved(pictures: Any, layer: Convolution) -> Any:
        strides, padding, dilations = [layer.stride] * 2, [1, 1], [1, 1]
        return ops.convolution_backprop_data(
            pictures, constant(layer.weight), strides, None, padding, padding, dilations
        )

    latents, *faces = inputs = [
        ops.parameter(shape, np.float32) for shape in ([-1, len(decoder.weight)], *shares)
    ]
    points = ops.add(ops.matmul(latents, constant(decoder.weight), False, False), constant(decoder.bias))
    pixels = ops.reshape(ops.relu(points), np.array([-1, *decoder.size]), False)
    pictures = ops.transpose(pixels, np.array([0, 3, 1, 2]))
    for block, face in zip(cast("list[FoldedBlock]", list(decoder.blocks)), faces, strict=True):
        joined = ops.relu(ops.add(convolved(pictures, block.join), face))
        assert block.grow.bias is not None
        grown = convolved(joined, block.grow)
        pictures = ops.relu(ops.add(grown, constant(block.grow.bias[:, None, None])))
    painted = ops.depth_to_space(convolved(pictures, decoder.paint), "depth_first", 2)
    settings = {
        properties.inference_num_threads: torch.get_num_threads(),
        properties.hint.inference_precision: openvino.Type.f32,
        # Other processes may be at work on the same cores.
        properties.hint.enable_cpu_pinning: False,
    }
    network = openvino.Model([painted], inputs, "decoder")
    return core.compile_model(network, "CPU", settings).create_infer_request()
