"""How good is the generator on clips of speakers it has not seen, and how good is doing nothing?"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s2f.model.data import Batch
from s2f.model.generator import Generator
from s2f.model.losses import psnr, reconstruction_loss
from s2f.pipeline.faces.mouth import mouth_opening

Pictures = npt.NDArray[np.uint8]

STRIP_CLIPS, STRIP_EVERY = 3, 5


@dataclass(frozen=True)
class Validation:
    """Mean scores by TensorBoard tag, and a picture of real frames above generated ones."""

    scores: dict[str, float]
    strip: Pictures


def validate(generator: Generator, clips: Iterable[Batch], seed: int) -> Validation:
    """Score the generator, in eval mode, on clips that come one per batch.

    `val/l1` on the lower half and `val/psnr` in dB over the whole picture, each beside the score of
    the `still` baseline, which repeats the still frame; `val/mouth` is the correlation between the
    mouth openings of the real and of the generated frames, the mean over the clips that have one.
    """
    source = torch.Generator().manual_seed(seed)
    rows: list[dict[str, float]] = []
    strips: list[Pictures] = []
    generator.eval()
    with torch.inference_mode():
        for clip in clips:
            noise = generator.draw_noise(1, clip.frames.shape[1], source).to(clip.frames.device)
            fake = generator(clip.still, clip.windows, noise)
            rows.append(_scores(clip, fake))
            if len(strips) < 2 * STRIP_CLIPS:
                strips += [_row(clip.frames), _row(fake)]
    generator.train()
    with_mouth = [row["val/mouth"] for row in rows if np.isfinite(row["val/mouth"])]
    scores = {name: float(np.mean([row[name] for row in rows])) for name in rows[0] if name != "val/mouth"}
    if with_mouth:
        scores["val/mouth"] = float(np.mean(with_mouth))
    return Validation(scores, _stack(strips))


def to_pictures(frames: Tensor) -> Pictures:
    """Frames (n, 3, H, W) in [-1, 1] as RGB uint8 (n, H, W, 3)."""
    scaled = (frames.clamp(-1, 1) + 1) * 127.5
    pictures: Pictures = scaled.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pictures


def save_png(pictures: Pictures) -> bytes:
    """An RGB picture as PNG."""
    return cv2.imencode(".png", pictures[:, :, ::-1])[1].tobytes()


def _scores(clip: Batch, fake: Tensor) -> dict[str, float]:
    still = clip.still[:, None].expand_as(clip.frames)
    mouths = mouth_opening(to_pictures(torch.cat([clip.frames[0], fake[0]])))
    return {
        "val/l1": float(reconstruction_loss(fake, clip.frames)),
        "val/l1_still": float(reconstruction_loss(still, clip.frames)),
        "val/psnr": psnr(fake, clip.frames),
        "val/psnr_still": psnr(still, clip.frames),
        "val/mouth": correlation(*np.split(mouths, 2)),
    }


def correlation(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> float:
    """Pearson's correlation over the places where both are numbers; nan where either does not vary."""
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    if len(first) < 2 or not first.std() or not second.std():
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _row(frames: Tensor) -> Pictures:
    return np.concatenate(to_pictures(frames[0, ::STRIP_EVERY]), axis=1)


def _stack(strips: list[Pictures]) -> Pictures:
    """Rows under each other, shorter ones filled with black."""
    width = max(strip.shape[1] for strip in strips)
    return np.concatenate([np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0))) for strip in strips])
