"""Times the generator of the paper's size on so many frames, as published, as in training and prepared.

It is a program of its own, so that it can be told an instruction set by its environment. Argument: the
threads. It writes JSON: the seconds of each way by the number of frames.
"""

import json
import sys
import time

import torch
from torch import Tensor

from s2f.model.inference.runtime import FRAMES, prepare
from s2f.model.networks.generator import Generator
from s2f.model.networks.noise import NoiseSource

# The frames made in one go, and how often: other work only ever makes it slower, the quickest counts.
LENGTHS = {1: 25, 25: 5, 75: 4}


def paper_size() -> Generator:
    """The generator of the paper's size with random weights."""
    torch.manual_seed(0)
    return Generator(
        width=64, window=2560, sample_rate=16_000, identity=50, context=256, noise=10, noise_std=1.0
    ).eval()


def plain(generator: Generator, still: Tensor, windows: Tensor, noise: Tensor) -> Tensor:
    """As published: every frame has the skips concatenated to it, the norms are layers of their own."""
    identity, decoder = generator.identity(still), generator.decoder
    context, _ = generator.context(windows)
    drift, _ = generator.noise(noise)
    face = identity.code[:, None].expand(-1, windows.shape[1], -1)
    latents = torch.cat([context, drift, face], dim=2)[0]
    frames = torch.relu_(decoder.start_norm(decoder.start(latents[:, :, None, None])))
    for block, skip in zip(decoder.blocks, reversed(identity.skips[1:]), strict=True):
        both = torch.cat([frames, skip.expand(len(frames), -1, -1, -1)], dim=1)
        frames = torch.relu_(block.join_norm(block.join(both)))
        frames = torch.relu_(block.grow_norm(block.grow(frames)))
    return torch.tanh(decoder.paint(frames))[None]


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    generator, source = paper_size(), torch.Generator().manual_seed(0)
    ready = prepare(generator)
    still = torch.rand(1, 3, 128, 96, generator=source) * 2 - 1
    spent: dict[str, dict[int, float]] = {"published": {}, "training": {}, "prepared": {}}
    with torch.inference_mode():
        face, plain_face = ready.identity(still), generator.identity(still)
        for length, times in LENGTHS.items():
            windows = torch.randn(1, length, 2560, generator=source)
            noise = NoiseSource(generator, source).draw(1, length)
            pieces = list(zip(windows.split(FRAMES, 1), noise.split(FRAMES, 1), strict=True))
            ways = {
                "published": lambda windows=windows, noise=noise: plain(generator, still, windows, noise),
                "training": lambda windows=windows, noise=noise: generator.speak(plain_face, windows, noise),
                "prepared": lambda pieces=pieces: [ready.speak(face, *piece) for piece in pieces],
            }
            for _ in range(times):
                for name, way in ways.items():
                    begun = time.perf_counter()
                    way()
                    past = spent[name].get(length, float("inf"))
                    spent[name][length] = min(past, time.perf_counter() - begun)
    print(json.dumps(spent))


if __name__ == "__main__":
    main()
