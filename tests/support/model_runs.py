"""Generators as training leaves them, and run folders that hold them."""

import math
import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.modules.batchnorm import _BatchNorm

from s2f.model.networks import weights
from s2f.model.networks.generator import Generator
from s2f.model.networks.generators import AnyGenerator, build_generator
from s2f.model.networks.noise import NoiseSource
from s2f.model.networks.related import RELATED, TIMES
from s2f.model.training import loop

RATE, WINDOW = 16_000, 2560

# Settings of a training whose networks are as small as they get. What hears the sound is as large at every
# width, and by far the largest part; it shrinks with what it hears at once.
TINIEST = {"width": 4, "context": 8, "window_seconds": 0.04}

# The arguments of a generator as small as it gets.
SMALL = {
    "width": 4,
    "window": WINDOW,
    "sample_rate": RATE,
    "identity": 50,
    "context": 256,
    "noise": 10,
    "noise_std": 1.0,
}


def make_generator(**changes: Any) -> Generator:
    """A small generator in eval mode whose norms have seen material, and whose frames use all of [-1, 1]."""
    torch.manual_seed(0)
    generator = Generator(**(SMALL | changes))  # type: ignore[arg-type]
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _ in range(3):
            stills, windows, noise = make_input(generator, 2, 4, source)
            generator(stills, windows, noise)
        generator.decoder.paint.weight *= 300
    return generator.eval()


def make_related(name: str, **changes: Any) -> AnyGenerator:
    """A small generator of related work in eval mode whose norms have seen material."""
    torch.manual_seed(0)
    more = {"frames": TIMES} if RELATED[name].in_pieces else {}
    generator = build_generator({"generator": name, **SMALL, "context": 32, **more, **changes})
    for norm in generator.modules():
        if isinstance(norm, _BatchNorm):
            # What it has seen last counts as all that it has seen.
            norm.momentum = 1.0
    frames = int(generator.arguments.get("frames", TIMES))
    with torch.no_grad():
        generator(*make_input(generator, 2, frames, torch.Generator().manual_seed(1)))
    return generator.eval()


def make_input(
    generator: AnyGenerator, clips: int, frames: int, source: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stills, windows and noise."""
    stills = torch.rand(clips, 3, *generator.size, generator=source) * 2 - 1
    windows = torch.randn(clips, frames, int(generator.arguments["window"]), generator=source) / 4
    return stills, windows, NoiseSource(generator, source).draw(clips, frames)


def write_run(folder: Path, generator: AnyGenerator) -> Path:
    """The folder as the trainer would leave it, as far as it concerns the generator."""
    folder.mkdir(parents=True, exist_ok=True)
    weights.describe(folder, generator, Fraction(25), RATE)
    weights.save_weights(folder / weights.NEWEST, generator)
    return folder


def equal(first: Path, second: Path) -> bool:
    """Do two weight files hold the same bits?"""
    one, two = load_file(first), load_file(second)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def stop_at(monkeypatch: pytest.MonkeyPatch, trainee: type[Any], step: int) -> None:
    """Have Ctrl-C come in this step of a training, which is done to its end, however slow it is."""
    monkeypatch.setattr(loop, "SLOW", math.inf)
    train_step = trainee.train_step

    def stopping(self: Any, batch: Any) -> dict[str, float]:
        values: dict[str, float] = train_step(self, batch)
        if self.step == step:
            signal.raise_signal(signal.SIGINT)
        return values

    monkeypatch.setattr(trainee, "train_step", stopping)
