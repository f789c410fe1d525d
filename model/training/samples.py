"""What a validation looks like: real frames with generated ones, as a strip, a film and an animation."""

import io
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from s2f.pipeline.core import wav
from s2f.pipeline.core.media import SYNTHETIC, write_video
from s2f.pipeline.core.shards import Media
from s2f.pipeline.core.windows import Sound, samples_for, window_starts

Pictures = npt.NDArray[np.uint8]

# The folder of the samples in that of their run.
SAMPLES = "samples"

# A strip takes every fifth frame of a clip, up to so many.
STRIP_EVERY, STRIP_FRAMES = 5, 20

# So much of each clip is in the film, and of the first one in the animation; a film is enlarged.
FILM_SECONDS, ANIMATION_SECONDS = 4, 2
FILM_SCALE, HEADING = 2, 24


@dataclass(frozen=True)
class Example:
    """A clip of a validation: RGB frames uint8 (T, H, W, 3), and its windows float32 (T, samples)."""

    real: Pictures
    fake: Pictures
    windows: Sound


def sample_path(run: Path, step: int, ending: str) -> Path:
    """The strip (png) or the film (mp4) of a validation."""
    return run / SAMPLES / f"step-{step:06d}.{ending}"


def strip(examples: Sequence[Example]) -> Pictures:
    """Two rows per clip, real frames above generated ones; shorter rows are filled with black."""
    rows = [
        np.concatenate(list(frames[::STRIP_EVERY][:STRIP_FRAMES]), axis=1)
        for example in examples
        for frames in (example.real, example.fake)
    ]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])


def write_film(path: Path, examples: Sequence[Example], media: Media) -> None:
    """The clips one after the other as a video with sound, real frames left, generated ones right.

    Raises MediaError where it cannot be written.
    """
    most = int(FILM_SECONDS * media.fps)
    sound = np.concatenate([join_windows(example.windows[:most], media) for example in examples])
    frames = (_titled(both) for example in examples for both in _beside(example, most))
    with tempfile.TemporaryDirectory(prefix="s2f-") as folder:
        spoken = Path(folder, "sound.wav")
        spoken.write_bytes(wav.encode(sound, media.sample_rate))
        write_video(path, frames, media.fps, sound=spoken, comment=SYNTHETIC)


def animation(example: Example, media: Media) -> bytes:
    """The begin of a clip as GIF, which is what TensorBoard shows as a video."""
    both = _beside(example, int(ANIMATION_SECONDS * media.fps))
    pictures = [Image.fromarray(frame).quantize() for frame in both]
    target = io.BytesIO()
    pictures[0].save(
        target,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 / media.fps),
        loop=0,
    )
    return target.getvalue()


def join_windows(windows: Sound, media: Media) -> Sound:
    """The sound (samples,) of the frames from the first one on, put together from their windows.

    The inverse of `cut_windows`; windows that are shorter than a frame leave silence between them.
    """
    count, size = windows.shape
    sound = np.zeros(samples_for(count, media.fps, media.sample_rate), np.float32)
    starts = window_starts(count, media.fps, media.sample_rate, size).tolist()
    for start, window in zip(starts, windows, strict=True):
        begin, end = max(0, start), min(len(sound), start + size)
        sound[begin:end] = window[begin - start : end - start]
    return sound


def _beside(example: Example, most: int) -> Iterator[Pictures]:
    """The frames (H, 2 W, 3), real ones left."""
    pairs = itertools.islice(zip(example.real, example.fake, strict=True), max(1, most))
    return (np.concatenate(pair, axis=1) for pair in pairs)


def _titled(both: Pictures) -> Pictures:
    """Enlarged, with what is what above it."""
    size = (FILM_SCALE * both.shape[1], FILM_SCALE * both.shape[0])
    large = cv2.resize(both, size, interpolation=cv2.INTER_CUBIC)
    framed = np.zeros((size[1] + HEADING, size[0], 3), np.uint8)
    framed[HEADING:] = large
    for text, left in (("real", 8), ("generated", size[0] // 2 + 8)):
        cv2.putText(framed, text, (left, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230, 230, 230), 1, cv2.LINE_AA)
    return framed
