"""What it costs to make speech of any length in pieces: how far two of them are apart where they overlap."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from s2f.model.data.recordings import Listed, Recording, recordings
from s2f.model.inference.animate import identify, stretches
from s2f.model.inference.runtime import load_prepared
from s2f.model.metrics.interval import Interval, bootstrap
from s2f.model.networks.device import best_device
from s2f.model.networks.related.base import PieceGenerator
from s2f.model.networks.related.pieces import overlap, pieces
from s2f.model.networks.weights import Talker

# Grey levels per unit of pictures in [-1, 1].
LEVELS = 127.5


@dataclass(frozen=True)
class Seams:
    """The length of a piece and of what two have in common, in frames; in grey levels, as means over pixels:
    how far two pieces are apart in the frames that they have in common, and beside it how far a frame is
    from the next one of the same piece.
    """

    frames: int
    common: int
    apart: Interval
    change: Interval


def measure_seams(run: Path, wanted: Listed, seed: int) -> Seams | None:
    """The seams of the clips that can be read; None where the run makes no pieces."""
    talker = load_prepared(run, best_device())
    generator = talker.generator
    if not isinstance(generator, PieceGenerator):
        return None
    found = [
        _seams(talker, generator, clip, seed) for _, clip in recordings(wanted) if isinstance(clip, Recording)
    ]
    apart, change = np.array(found, np.float64).T
    return Seams(generator.frames, overlap(generator.frames), bootstrap(apart, seed), bootstrap(change, seed))


@torch.inference_mode()
def _seams(talker: Talker, generator: PieceGenerator, clip: Recording, seed: int) -> tuple[float, float]:
    """Both figures of a clip; the first is nan for one of a single piece."""
    device = next(generator.parameters()).device
    common = overlap(generator.frames)
    face = identify(talker, clip.frames[0], device)
    given = stretches(talker, [clip.sound], device, seed)
    made = [each.frames * LEVELS for each in pieces(generator.piece, face, given, generator.frames)]
    apart = [_apart(one[:, -common:], other[:, :common]) for one, other in itertools.pairwise(made)]
    change = [_apart(piece[:, 1:], piece[:, :-1]) for piece in made if piece.shape[1] > 1]
    return _mean(apart), _mean(change)


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().mean())


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
