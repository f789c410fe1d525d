"""A clip to be measured, and what several measures need of each of its videos, found once."""

import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from s2f.model.metrics import Frames
from s2f.model.metrics.identity import sampled
from s2f.model.metrics.mouth import find_points
from s2f.model.metrics.speech import Mask, pauses
from s2f.pipeline.core.windows import Sound
from s2f.pipeline.faces.base import Backend, Points
from s2f.pipeline.faces.identity import SIZE, Embedding, embed

# What a video is: made by a run, the first frame repeated, or the real one.
Kind = Literal["run", "still", "real"]


@dataclass(frozen=True)
class ClipVideos:
    """A clip to be measured: its real frames (n, 128, 96, 3), and those that each run has made of it.

    The sound (samples,) is mono; `text` is what is said, or empty.
    """

    clip_id: str
    real: Frames
    made: dict[str, Frames]
    fps: Fraction = Fraction(25)
    speaker: str = ""
    sound: Sound | None = None
    sample_rate: int = 16_000
    text: str = ""

    @functools.cached_property
    def pauses(self) -> Mask:
        """The frames in which nothing is said, (n,); none without sound."""
        if self.sound is None:
            return np.zeros(len(self.real), bool)
        return pauses(self.sound, self.sample_rate, len(self.real), self.fps)


class Footage:
    """A video of a clip, RGB uint8 (n, 128, 96, 3), and what several measures need of it, found once.

    `sound` and `text` are those of the clip. `reading` is what a lip reader has read, if one was asked.
    """

    def __init__(self, frames: Frames, clip: ClipVideos, backend: Backend) -> None:
        self.frames = frames
        self._backend, self._clip = backend, clip
        self.fps, self.sound, self.text = clip.fps, clip.sound, clip.text
        self.sample_rate = clip.sample_rate
        self.reading = ""

    @property
    def pauses(self) -> Mask:
        """The frames of the clip in which nothing is said, (n,)."""
        return self._clip.pauses

    @functools.cached_property
    def points(self) -> Points:
        """The 68 points of every frame, (n, 68, 2) in px; nan where no face is seen."""
        return find_points(self.frames, self._backend)

    @property
    def has_face(self) -> bool:
        """Whether a face is seen in any frame."""
        return not np.isnan(self.points).all()

    @functools.cached_property
    def first_face(self) -> Embedding:
        """The embedding of the first frame, (128,); nan where no face is seen."""
        return np.asarray(self._embed(self.frames[:1])[0])

    @functools.cached_property
    def faces(self) -> Embedding:
        """The embeddings of some frames, (5, 128); nan where no face is seen."""
        return self._embed(sampled(self.frames))

    def _embed(self, frames: Frames) -> Embedding:
        # The network gives an embedding of any picture.
        if not self.has_face:
            return np.full((len(frames), SIZE), np.nan, np.float32)
        return embed(frames, self._backend)
