"""All that a training consists of at one moment, and what it takes to save it and go on from it."""

import copy
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim import Adam

from s2f.model.networks.discriminators import (
    FrameDiscriminator,
    SequenceDiscriminator,
    SyncDiscriminator,
    VideoDiscriminator,
    VolumeDiscriminator,
)
from s2f.model.networks.generator import Generator
from s2f.model.training.config import TrainParams
from s2f.model.training.distributed import Ranks
from s2f.pipeline.core.windows import window_size

# Not published: our choice, as is common for GANs.
BETAS = (0.5, 0.999)

# The plain numbers of a state: steps done, the best L1 and its step, validations since without a better one.
COUNTERS = ("step", "best", "best_step", "stale")


@dataclass
class Adversary:
    """A discriminator, its optimizer, the weight of its term, its learning rate, and what it judges.

    `decays` says whether its rate does. It sees so many frames of a clip, drawn uniformly, as
    `judged` tells (None: all in their order). If `mismatch` is not 0, real frames with the sound of
    at least so many frames later or earlier in the clip are fakes to it too.
    """

    module: nn.Module
    optimizer: Adam
    weight: float
    rate: float
    decays: bool = False
    judged: int | None = None
    mismatch: int = 0


@dataclass
class State:
    """The whole run: networks, optimizers, and how far it has come, on one of the ranks.

    `mean` is the running mean of the generator, where `ema` asks for one. The epoch, the place in the
    data and what `source` draws in a step follow from `step`, since every step takes one batch.
    """

    params: TrainParams
    ranks: Ranks
    generator: Generator
    optimizer: Adam
    adversaries: dict[str, Adversary]
    mean: Generator | None
    source: torch.Generator = field(default_factory=torch.Generator)
    step: int = 0
    best: float = float("inf")
    best_step: int = 0
    stale: int = 0

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.ranks.device

    @property
    def kept(self) -> Generator:
        """The generator that is validated and kept."""
        return self.mean or self.generator

    def exhausted(self, per_epoch: int) -> bool:
        """Whether `patience` epochs, and as many validations, have brought no better L1 (P1, section 3.3)."""
        epochs = (self.step - self.best_step) / per_epoch
        return 0 < self.params.patience <= min(self.stale, epochs)

    def draw_anew(self) -> None:
        """Seed the source of noise and picks for this step, on each rank another way."""
        name = f"{self.params.seed} {self.step} {self.ranks.rank}"
        self.source.manual_seed(random.Random(name).getrandbits(63))

    def follow(self) -> None:
        """Move the running mean towards the generator; in the first steps by more."""
        if self.mean is not None:
            share = 1 - min(self.params.ema, (1 + self.step) / (10 + self.step))
            pairs = zip(self.mean.state_dict().values(), self.generator.state_dict().values(), strict=True)
            for mean, now in pairs:
                mean.copy_(mean.lerp(now, share) if mean.is_floating_point() else now)

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes in training."""
        return {
            "generator": self.generator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "adversaries": {
                name: {"module": adversary.module.state_dict(), "optimizer": adversary.optimizer.state_dict()}
                for name, adversary in self.adversaries.items()
            },
            "mean": self.mean.state_dict() if self.mean else None,
            **{name: getattr(self, name) for name in COUNTERS},
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave; KeyError or RuntimeError where it does not fit."""
        self.generator.load_state_dict(saved["generator"])
        self.optimizer.load_state_dict(saved["optimizer"])
        for name, adversary in self.adversaries.items():
            adversary.module.load_state_dict(saved["adversaries"][name]["module"])
            adversary.optimizer.load_state_dict(saved["adversaries"][name]["optimizer"])
        if self.mean:
            self.mean.load_state_dict(saved["mean"])
        for name in COUNTERS:
            setattr(self, name, saved[name])

    def set_rates(self, epoch: int) -> None:
        """The learning rates of an epoch: the generator's falls, and those of some adversaries (P1).

        By `schedule` in steps of an epoch, or as half a cosine over all steps.
        """
        params = self.params
        decay = params.decay ** max(0, epoch - params.decay_after)
        if params.schedule == "cosine":
            decay = (1 + math.cos(math.pi * min(1, self.step / params.steps))) / 2
        self.optimizer.param_groups[0]["lr"] = params.generator_rate * decay
        for adversary in self.adversaries.values():
            rate = adversary.rate * decay if adversary.decays else adversary.rate
            adversary.optimizer.param_groups[0]["lr"] = rate


def new_state(params: TrainParams, sample_rate: int, ranks: Ranks) -> State:
    """A state before the first step; the same seed gives the same weights, on every rank."""
    device = ranks.device
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
            temporal=params.temporal,
            companded=params.companded,
        ).to(device)
        adversaries = dict(_adversaries(params, window, sample_rate, device))
    mean = copy.deepcopy(generator).requires_grad_(False).eval() if params.ema else None
    if params.compile:
        for network in (generator, *(adversary.module for adversary in adversaries.values())):
            network.compile()
    return State(params, ranks, generator, _adam(generator, params.generator_rate), adversaries, mean)


def _adversaries(
    params: TrainParams, window: int, sample_rate: int, device: torch.device
) -> Iterator[tuple[str, Adversary]]:
    """The adversaries by name; one whose weight is 0 is not built."""
    width = params.width

    def built(module: nn.Module, weight: float, rate: float, **judging: Any) -> Adversary:
        return Adversary(module.to(device), _adam(module, rate), weight, rate, **judging)

    if weight := params.frame_weight:
        judging = {"decays": True, "judged": params.judged_frames}
        yield "frame", built(FrameDiscriminator(width), weight, params.frame_rate, **judging)
    if weight := params.sequence_weight:
        heard = params.sequence == "audiovisual"
        watcher = SequenceDiscriminator(width, window, sample_rate) if heard else VideoDiscriminator(width)
        yield "sequence", built(watcher, weight, params.sequence_rate)
    if weight := params.sync_weight:
        listener = SyncDiscriminator(width, window, sample_rate, params.sync_frames)
        yield "sync", built(listener, weight, params.sync_rate, mismatch=params.sync_frames)
    if weight := params.volume_weight:
        yield "volume", built(VolumeDiscriminator(width), weight, params.volume_rate)


def _adam(network: torch.nn.Module, rate: float) -> Adam:
    return Adam(network.parameters(), lr=rate, betas=BETAS, fused=True)
