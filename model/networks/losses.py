"""The terms of the objective (P1, section 3.3)."""

from torch import Tensor
from torch.nn import functional


def reconstruction_loss(fake: Tensor, real: Tensor) -> Tensor:
    """Mean absolute error over the lower half of pictures (..., height, width) in [-1, 1].

    On the upper half the term would hold back blinks and brows (P1). The paper writes a sum
    without its scale; the mean is our choice.
    """
    half = real.shape[-2] // 2
    return functional.l1_loss(fake[..., half:, :], real[..., half:, :])


def upper_loss(fake: Tensor, real: Tensor) -> Tensor:
    """The same over the upper half. Not in the paper: for trainings that are short.

    The paper leaves the upper half to the adversaries, who need many hours to paint it.
    """
    half = real.shape[-2] // 2
    return functional.l1_loss(fake[..., :half, :], real[..., :half, :])


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross-entropy of a discriminator's logits, the mean over the real plus that over the fake."""
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Binary cross-entropy of the logits of generated material against "real"."""
    return functional.softplus(-fake).mean()
