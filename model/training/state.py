"""Everything that a GAN's training consists of at one moment; how it is saved and loaded."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim import Adam, AdamW

from s2f.model.data.motion import LIP_NUMBERS
from s2f.model.networks.discriminators import DISCRIMINATORS, Sizes
from s2f.model.networks.generators import AnyGenerator, build_generator
from s2f.model.networks.layers import PAPER_SIZE
from s2f.model.training.config import TrainParams
from s2f.model.training.distributed import Distributed
from s2f.model.training.schedule import cosine, epoch_decay, step_seed
from s2f.pipeline.core.windows import window_size

# Not published: our choice, as is common for GANs.
BETAS = (0.5, 0.999)

# The plain numbers of a state: steps done, the best L1 and its step, validations since without a better one.
COUNTERS = ("step", "best", "best_step", "stale")


@dataclass
class Adversary:
    """A discriminator, its optimizer, the weight of its term and its learning rate.

    `decays` says whether its learning rate falls. It sees `judged` frames of each clip, drawn uniformly,
    or all of them in order if that is 0. If `mismatch` is not 0, real frames with the sound of at least
    so many frames earlier or later in the clip are fakes to it too. See Discriminator for `wasserstein`.
    """

    module: nn.Module
    optimizer: Adam
    weight: float
    lr: float
    decays: bool = False
    judged: int = 0
    mismatch: int = 0
    wasserstein: bool = False


@dataclass
class State:
    """The whole run on one rank: networks, optimizers, and how far it is.

    `mean` is the running mean of the generator, where `ema` asks for one. `lips` tells the lips' points from
    the context code, where `lips_weight` or `listen_steps` asks for it. The epoch, the position in the
    data and what `source` draws in a step follow from `step`, since every step takes one batch.
    """

    params: TrainParams
    distributed: Distributed
    generator: AnyGenerator
    optimizer: Adam
    adversaries: dict[str, Adversary]
    mean: AnyGenerator | None
    lips: nn.Linear | None = None
    source: torch.Generator = field(default_factory=torch.Generator)
    step: int = 0
    best: float = float("inf")
    best_step: int = 0
    stale: int = 0

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.distributed.device

    @property
    def kept(self) -> AnyGenerator:
        """The generator that is validated and saved."""
        return self.mean or self.generator

    def exhausted(self, per_epoch: int) -> bool:
        """Whether `patience` epochs, and as many validations, have brought no better L1 (P1, section 3.3)."""
        epochs = (self.step - self.best_step) / per_epoch
        return 0 < self.params.patience <= min(self.stale, epochs)

    def reseed(self) -> None:
        """Seed the source of noise and picks for this step, differently on each rank."""
        seed = step_seed(self.params.seed, self.step, self.distributed.rank)
        self.source.manual_seed(seed)
        if self.params.dropout:
            torch.manual_seed(seed)

    def update_ema(self) -> None:
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
            **({"lips": self.lips.state_dict()} if self.lips else {}),
            **{name: getattr(self, name) for name in COUNTERS},
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Restore what `state_dict` gave; raises KeyError or RuntimeError where it does not fit."""
        self.generator.load_state_dict(saved["generator"])
        self.optimizer.load_state_dict(saved["optimizer"])
        for name, adversary in self.adversaries.items():
            adversary.module.load_state_dict(saved["adversaries"][name]["module"])
            adversary.optimizer.load_state_dict(saved["adversaries"][name]["optimizer"])
        if self.lips:
            self.lips.load_state_dict(saved["lips"])
        if self.mean:
            self.mean.load_state_dict(saved["mean"])
        for name in COUNTERS:
            setattr(self, name, saved[name])

    def set_lr(self, epoch: int) -> None:
        """Set the learning rates of an epoch: the generator's falls, and those of some adversaries (P1).

        By `schedule` in steps of an epoch, or as half a cosine over all steps.
        """
        params = self.params
        if params.schedule == "cosine":
            share = cosine(self.step, params.steps)
        else:
            share = epoch_decay(epoch, params.decay_after, params.decay)
        for group in self.optimizer.param_groups:
            group["lr"] = params.generator_lr * share
        for adversary in self.adversaries.values():
            lr = adversary.lr * share if adversary.decays else adversary.lr
            adversary.optimizer.param_groups[0]["lr"] = lr


def new_state(
    params: TrainParams, sample_rate: int, distributed: Distributed, size: tuple[int, int] = PAPER_SIZE
) -> State:
    """A state before the first step, for pictures of this height and width.

    The same seed gives the same weights, on every rank.
    """
    device = distributed.device
    window = window_size(params.window_seconds, sample_rate)
    with torch.random.fork_rng():
        torch.manual_seed(params.seed)
        rest = {"window": window, "sample_rate": sample_rate, "size": size}
        generator = build_generator(params.network | rest).to(device)
        lips = nn.Linear(params.context, LIP_NUMBERS).to(device) if params.learns_lips else None
        adversaries = dict(_adversaries(params, window, sample_rate, size, device))
    mean = copy.deepcopy(generator).requires_grad_(False).eval() if params.ema else None
    if params.compile:
        for network in (generator, *(adversary.module for adversary in adversaries.values())):
            network.compile()
            if compare := getattr(network, "compare", None):
                setattr(network, "compare", torch.compile(compare))  # noqa: B010
    optimizer = _generator_adam(params, generator, lips)
    return State(params, distributed, generator, optimizer, adversaries, mean, lips)


def _generator_adam(params: TrainParams, generator: AnyGenerator, lips: nn.Linear | None) -> Adam:
    """The generator's optimizer; what hears the sound may have a weight decay of its own."""
    if not (lips or params.sound_decay):
        return _adam(generator, params.generator_lr)
    hears = [*generator.context.parameters(), *(lips.parameters() if lips else ())]
    known = set(map(id, hears))
    groups: list[dict[str, Any]] = [
        {"params": [weight for weight in generator.parameters() if id(weight) not in known]},
        {"params": hears, "weight_decay": params.sound_decay},
    ]
    return AdamW(groups, lr=params.generator_lr, betas=BETAS, weight_decay=0.0, fused=True)


def _adversaries(
    params: TrainParams, window: int, sample_rate: int, size: tuple[int, int], device: torch.device
) -> Iterator[tuple[str, Adversary]]:
    """The adversaries by name; a discriminator whose weight is 0 is not built."""
    sizes = Sizes(
        params.width,
        window,
        sample_rate,
        params.sync_frames,
        params.sequence,
        size,
        params.frames,
        params.sequence_halves,
    )
    for name, entry in DISCRIMINATORS.items():
        if weight := params.weight(name):
            module, lr = entry.build(sizes).to(device), params.lr(name)
            yield (
                name,
                Adversary(
                    module,
                    _adam(module, lr),
                    weight,
                    lr,
                    entry.decays,
                    params.frames_of(entry.judged),
                    params.frames_of(entry.mismatch),
                    entry.wasserstein,
                ),
            )


def _adam(network: nn.Module, lr: float) -> Adam:
    return Adam(network.parameters(), lr=lr, betas=BETAS, fused=True)
