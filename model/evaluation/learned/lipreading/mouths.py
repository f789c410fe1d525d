"""The mouth region of aligned faces, and its augmentation in training."""

import sys
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from rich.console import Console

from s2f.model.evaluation.learned.lipreading.labels import plain
from s2f.pipeline.core import mjpeg
from s2f.pipeline.core.errors import InputError, MediaError
from s2f.pipeline.core.progress import tracked
from s2f.pipeline.core.schema import FRAMES
from s2f.pipeline.core.shards import AGAIN, Sample, Shard, read_meta, read_samples
from s2f.pipeline.faces.alignment import aligned_frames

Frames = npt.NDArray[np.uint8]
Mouths = npt.NDArray[np.uint8]

# The region, in px of the crop of 96 x 128, around the mouth of GRID's speakers at (50, 89).
ACROSS, DOWN = 64, 40
LEFT, TOP = 50 - ACROSS // 2, 89 - DOWN // 2
# For training this margin is kept around the region, which augmentation shifts by as much.
MARGIN = 4
# The share of frames that augmentation drops, and the share that it doubles, as in LipNet.
LEFT_OUT = 0.05

# Weights of red, green and blue in grey (ITU-R BT.601).
GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Utterance:
    """A clip's mouth with its margin, uint8 (n, 48, 72), and what is said."""

    clip_id: str
    mouths: Mouths
    text: str


def cut_mouths(frames: Frames, margin: int = 0) -> Mouths:
    """The mouths of aligned RGB crops uint8 (n, h, w, 3) in grey, uint8 (n, 40, 64), plus the margin.

    Raises InputError where the frames have another shape.
    """
    frames = aligned_frames(frames)
    rows = slice(TOP - margin, TOP + DOWN + margin)
    columns = slice(LEFT - margin, LEFT + ACROSS + margin)
    return np.asarray(np.rint(frames[:, rows, columns] @ GREY), np.uint8)


def read_utterances(shards: list[Shard], console: Console, limit: int | None = None) -> list[Utterance]:
    """Read the clips of a split, or the first `limit` of them, under a progress bar.

    Clips without a text are left out. Raises InputError where a clip cannot be read, or none has a text.
    """
    wanted = min(sum(len(shard.clips) for shard in shards), limit or sys.maxsize)
    samples = tracked(islice(read_samples(shards), wanted), console, "clips", wanted)
    utterances = [utterance for sample in samples if (utterance := _utterance(sample))]
    if not utterances:
        raise InputError(
            f"it is not known what is said in any of the {wanted} clips",
            "prepare a corpus that comes with its texts, such as GRID",
        )
    return utterances


def middle(mouths: Mouths) -> Mouths:
    """The region without its margin."""
    return mouths[:, MARGIN:-MARGIN, MARGIN:-MARGIN]


def varied(mouths: Mouths, random: np.random.Generator) -> Mouths:
    """Random augmentation of mouths with a margin to (n', 40, 64): shift, mirror, drop or double frames."""
    times = random.choice([0, 1, 2], len(mouths), p=[LEFT_OUT, 1 - 2 * LEFT_OUT, LEFT_OUT])
    top, left = random.integers(0, 2 * MARGIN + 1, 2)
    seen = np.repeat(mouths[:, top : top + DOWN, left : left + ACROSS], times, axis=0)
    return seen[:, :, ::-1] if random.random() < 0.5 else seen


def _utterance(sample: Sample) -> Utterance | None:
    meta = read_meta(sample)
    text = plain(meta.text or "")
    if not text:
        return None
    try:
        mouths = cut_mouths(mjpeg.decode(sample[FRAMES]), MARGIN)
    except (MediaError, InputError) as error:
        raise InputError(f"the clip {meta.clip_id} cannot be read: {error.message}", error.hint) from error
    if len(mouths) != meta.frames:
        raise InputError(f"the clip {meta.clip_id} has {len(mouths)} frames, not {meta.frames}", AGAIN)
    return Utterance(meta.clip_id, mouths, text)
