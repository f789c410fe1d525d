"""Learning rates and seeds as functions of the step, so that a resumed training needs no memory of them."""

import math
import random


def epoch_decay(epoch: int, after: int, decay: float) -> float:
    """The share of the learning rate in an epoch (from 0): times `decay` in each after the first `after`."""
    return float(decay ** max(0, epoch - after))


def cosine(step: int, steps: int) -> float:
    """The share of the learning rate at a step: half a cosine, from 1 down to 0."""
    return (1 + math.cos(math.pi * min(1, step / steps))) / 2


def warm_cosine(step: int, steps: int, rising: float) -> float:
    """The same after a linear rise over the share `rising` of the steps."""
    first = max(1, round(rising * steps))
    if step < first:
        return (step + 1) / first
    return cosine(step - first, max(1, steps - first))


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """The seed of everything that is drawn in one step on one rank."""
    return random.Random(f"{seed} {step} {rank}").getrandbits(63)
