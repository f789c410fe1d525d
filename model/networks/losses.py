"""The terms of the objective (P1, section 3.3)."""

from torch import Tensor
from torch.nn import functional

from s2f.model.networks.layers import PAPER_SIZE

# Where the mouth lies in an aligned crop of 96 x 128 px; its middle is at about (50, 89).
MOUTH_ROWS, MOUTH_COLUMNS = slice(68, 112), slice(20, 80)
# Where the eyes lie, with their lids and brows.
EYE_ROWS, EYE_COLUMNS = slice(30, 54), slice(14, 82)


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


def mouth_loss(fake: Tensor, real: Tensor) -> Tensor:
    """The same over the mouth and what it moves. Not in the paper: for trainings that are short.

    On the lower half, most of the term is the neck and the outline, which the sound does not tell.
    """
    return functional.l1_loss(mouth_region(fake), mouth_region(real))


def eyes_loss(fake: Tensor, real: Tensor, closed: Tensor) -> Tensor:
    """The same over the eyes, in frames in which they are closed: `closed` (...) says how far, from 0 to 1.

    Not in the paper: for trainings that are short. Eyes are small and seldom closed, so that the term on
    the upper half hardly tells of blinks.
    """
    apart = _region(fake, EYE_ROWS, EYE_COLUMNS) - _region(real, EYE_ROWS, EYE_COLUMNS)
    errors = apart.abs().mean(dim=(-3, -2, -1))
    share = closed.clamp(0, 1)
    # At least a frame's worth, so that eyes that are nearly open in all frames do not count as much.
    return (errors * share).sum() / share.sum().clamp_min(1)


def lips_loss(told: Tensor, real: Tensor) -> Tensor:
    """Mean squared error of the lips' points that the sound tells, both (B, T, 40) in units of two px.

    Not in the paper: for trainings that are short. See read_motion.
    """
    return functional.mse_loss(told, real)


def mouth_region(pictures: Tensor) -> Tensor:
    """The mouths of aligned faces (..., height, width) of any size."""
    return _region(pictures, MOUTH_ROWS, MOUTH_COLUMNS)


def _region(pictures: Tensor, rows: slice, columns: slice) -> Tensor:
    times = pictures.shape[-2] // PAPER_SIZE[0]
    return pictures[..., rows.start * times : rows.stop * times, columns.start * times : columns.stop * times]


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross-entropy of a discriminator's logits, the mean over the real plus that over the fake."""
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Binary cross-entropy of the logits of generated material against "real"."""
    return functional.softplus(-fake).mean()


def wasserstein_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """How much more a critic gives to generated than to real material (Arjovsky et al. 2017).

    Its negative is the critic's estimate of how far they are apart.
    """
    return fake.mean() - real.mean()


def wasserstein_generator_loss(fake: Tensor) -> Tensor:
    """What a critic gives to generated material, with the sign changed."""
    return -fake.mean()
