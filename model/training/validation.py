"""How good is the generator on clips of speakers it has not seen, and how good is doing nothing?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch

from s2f.model.data.loader import Batch
from s2f.model.data.pictures import to_pictures
from s2f.model.metrics.scoring import MEASURES, STILL, ClipVideos, score_clip
from s2f.model.networks.generators import AnyGenerator
from s2f.model.networks.noise import NoiseSource
from s2f.model.training.samples import Example
from s2f.model.training.terminal import ScoreWords
from s2f.pipeline.faces.settings import FaceSettings

# So many clips are kept to be looked at.
EXAMPLES = 3

GENERATED = "generated"


@dataclass(frozen=True)
class Validation:
    """Mean scores by TensorBoard tag, and the first clips to be looked at."""

    scores: dict[str, float]
    examples: tuple[Example, ...]


# The scores by the names of the table of metrics, and their tags.
TAGS = {"l1": "val/l1", "psnr": "val/psnr", "mouth_r": "val/mouth"}


def validate(
    generator: AnyGenerator, clips: Iterable[Batch], seed: int, fps: Fraction, faces: FaceSettings
) -> Validation:
    """Score the generator, in eval mode, on clips that come one per batch.

    The scores are means over the clips that have one, each beside the score of the `still` baseline,
    which repeats the still frame, where the table of metrics measures that. `faces` finds the mouths.
    """
    source = torch.Generator().manual_seed(seed)
    rows: list[dict[str, float]] = []
    examples: list[Example] = []
    generator.eval()
    with torch.inference_mode():
        for clip in clips:
            noise = NoiseSource(generator, source).draw(1, clip.frames.shape[1]).to(clip.frames.device)
            fake = to_pictures(generator(clip.still, clip.windows, noise)[0])
            real = to_pictures(clip.frames[0])
            rows.append(_scores(ClipVideos(clip.clip_ids[0], real, {GENERATED: fake}, fps), faces))
            if len(examples) < EXAMPLES:
                examples.append(Example(real, fake, clip.windows[0].float().cpu().numpy()))
    generator.train()
    scores = {}
    for tag in rows[0]:
        known = [row[tag] for row in rows if not np.isnan(row[tag])]
        if known:
            scores[tag] = float(np.mean(known))
    return Validation(scores, tuple(examples))


def words(scores: Mapping[str, float]) -> list[str]:
    """The scores beside those of the still frame."""
    parts = [
        f"L1 {scores['val/l1']:.4f} (still {scores['val/l1_still']:.4f})",
        f"PSNR {scores['val/psnr']:.2f} dB (still {scores['val/psnr_still']:.2f})",
    ]
    if "val/mouth" in scores:
        parts.append(f"mouth {scores['val/mouth']:+.2f}")
    return parts


WORDS = ScoreWords("val/l1", words)


def _scores(clip: ClipVideos, faces: FaceSettings) -> dict[str, float]:
    table = [each for each in MEASURES if each.name in TAGS]
    scores = score_clip(clip, faces, table=table).scores
    still = {f"{TAGS[name]}_still": value for name, value in scores[STILL].items()}
    return {TAGS[name]: value for name, value in scores[GENERATED].items()} | still
