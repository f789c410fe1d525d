"""All that a training consists of at one moment, and what it takes to save it and go on from it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import Adam

from s2f.model.config import TrainParams
from s2f.model.discriminators import FrameDiscriminator, SequenceDiscriminator
from s2f.model.generator import Generator
from s2f.pipeline.windows import window_size

# Not published: our choice, as is common for GANs.
BETAS = (0.5, 0.999)

# The plain numbers of a state: steps done, the best L1, validations since then without a better one.
COUNTERS = ("step", "best", "stale")


@dataclass
class Adversary:
    """A discriminator, its optimizer, the weight of its term, and how many frames it sees (None: all)."""

    module: FrameDiscriminator | SequenceDiscriminator
    optimizer: Adam
    weight: float
    judged: int | None


@dataclass
class State:
    """The whole run: networks, optimizers, the source of noise and picks, and how far it has come.

    The epoch and the place in the data follow from `step`, since every step takes one batch.
    """

    params: TrainParams
    device: torch.device
    generator: Generator
    optimizer: Adam
    adversaries: dict[str, Adversary]
    source: torch.Generator
    step: int = 0
    best: float = float("inf")
    stale: int = 0

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes in training."""
        return {
            "generator": self.generator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "adversaries": {
                name: {"module": adversary.module.state_dict(), "optimizer": adversary.optimizer.state_dict()}
                for name, adversary in self.adversaries.items()
            },
            "source": self.source.get_state(),
            **{name: getattr(self, name) for name in COUNTERS},
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave; KeyError or RuntimeError where it does not fit."""
        self.generator.load_state_dict(saved["generator"])
        self.optimizer.load_state_dict(saved["optimizer"])
        for name, adversary in self.adversaries.items():
            adversary.module.load_state_dict(saved["adversaries"][name]["module"])
            adversary.optimizer.load_state_dict(saved["adversaries"][name]["optimizer"])
        self.source.set_state(saved["source"])
        for name in COUNTERS:
            setattr(self, name, saved[name])

    def set_rates(self, epoch: int) -> None:
        """The learning rates of an epoch: the sequence discriminator's does not decay (P1)."""
        params = self.params
        decay = params.decay ** max(0, epoch - params.decay_after)
        rates = {"frame": params.frame_rate * decay, "sequence": params.sequence_rate}
        self.optimizer.param_groups[0]["lr"] = params.generator_rate * decay
        for name, adversary in self.adversaries.items():
            adversary.optimizer.param_groups[0]["lr"] = rates[name]


def new_state(params: TrainParams, sample_rate: int, device: torch.device) -> State:
    """A state before the first step; the same seed gives the same weights."""
    window = window_size(params.window_seconds, sample_rate)
    with torch.random.fork_rng():
        torch.manual_seed(params.seed)
        generator = Generator(
            width=params.width,
            window=window,
            sample_rate=sample_rate,
            identity=params.identity,
            context=params.context,
            noise=params.noise,
            noise_std=params.noise_std,
        ).to(device)
        adversaries = {}
        if params.frame_weight:
            judge = FrameDiscriminator(params.width).to(device)
            adversaries["frame"] = Adversary(
                judge, _adam(judge, params.frame_rate), params.frame_weight, params.judged_frames
            )
        if params.sequence_weight:
            watcher = SequenceDiscriminator(params.width, window, sample_rate).to(device)
            adversaries["sequence"] = Adversary(
                watcher, _adam(watcher, params.sequence_rate), params.sequence_weight, None
            )
    source = torch.Generator().manual_seed(params.seed)
    return State(params, device, generator, _adam(generator, params.generator_rate), adversaries, source)


def _adam(network: torch.nn.Module, rate: float) -> Adam:
    return Adam(network.parameters(), lr=rate, betas=BETAS, fused=True)
