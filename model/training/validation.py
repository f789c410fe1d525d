"""How good is the generator on clips of speakers it has not seen, and how good is doing nothing?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from s2f.model.data.loader import Batch
from s2f.model.data.pictures import to_pictures
from s2f.model.metrics.mouth import correlation
from s2f.model.metrics.reconstruction import psnr
from s2f.model.networks.generator import Generator
from s2f.model.networks.losses import reconstruction_loss
from s2f.model.training.samples import Example
from s2f.pipeline.faces.base import Backend
from s2f.pipeline.faces.mouth import mouth_opening

# So many clips are kept to be looked at.
EXAMPLES = 3


@dataclass(frozen=True)
class Validation:
    """Mean scores by TensorBoard tag, and the first clips to be looked at."""

    scores: dict[str, float]
    examples: tuple[Example, ...]


def validate(generator: Generator, clips: Iterable[Batch], seed: int, backend: Backend) -> Validation:
    """Score the generator, in eval mode, on clips that come one per batch.

    `val/l1` on the lower half and `val/psnr` in dB over the whole picture, each beside the score of
    the `still` baseline, which repeats the still frame; `val/mouth` is the correlation between the
    mouth openings of the real and of the generated frames, by the points that the backend finds, the mean
    over the clips that have one.
    """
    source = torch.Generator().manual_seed(seed)
    rows: list[dict[str, float]] = []
    examples: list[Example] = []
    generator.eval()
    with torch.inference_mode():
        for clip in clips:
            noise = generator.draw_noise(1, clip.frames.shape[1], source).to(clip.frames.device)
            fake = generator(clip.still, clip.windows, noise)
            rows.append(_scores(clip, fake, backend))
            if len(examples) < EXAMPLES:
                examples.append(_example(clip, fake))
    generator.train()
    with_mouth = [row["val/mouth"] for row in rows if np.isfinite(row["val/mouth"])]
    scores = {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if name != "val/mouth"}
    if with_mouth:
        scores["val/mouth"] = float(np.mean(with_mouth))
    return Validation(scores, tuple(examples))


def _scores(clip: Batch, fake: Tensor, backend: Backend) -> dict[str, float]:
    still = clip.still[:, None].expand_as(clip.frames)
    real, made, repeated = (to_pictures(frames[0]) for frames in (clip.frames, fake, still))
    return {
        "val/l1": float(reconstruction_loss(fake, clip.frames)),
        "val/l1_still": float(reconstruction_loss(still, clip.frames)),
        "val/psnr": psnr(made, real),
        "val/psnr_still": psnr(repeated, real),
        "val/mouth": correlation(mouth_opening(made, backend), mouth_opening(real, backend)),
    }


def _example(clip: Batch, fake: Tensor) -> Example:
    return Example(to_pictures(clip.frames[0]), to_pictures(fake[0]), clip.windows[0].float().cpu().numpy())
