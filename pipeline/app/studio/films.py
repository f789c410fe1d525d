"""A clip of a prepared set as a video that browsers play: its raw video, or the crops that prep has made."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from s2f.pipeline.core import mjpeg, wav
from s2f.pipeline.core.errors import InputError, MediaError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.media import FrameReader, Picture, SoundReader, write_video
from s2f.pipeline.core.progress import Progress

# Larger pictures are reduced to this, longer clips are cut.
WIDEST, LONGEST = 640, 60
RATE = 48_000
# Crops are small: they are enlarged by this.
ENLARGED = 3
FILM, SOUND = "clip.mp4", "clip.wav"


@dataclass(frozen=True)
class RawClip:
    """A clip in its raw video: seconds in the container, None from its begin or to its end."""

    video: Path
    fps: Fraction
    video_start: float
    begin: float | None
    end: float | None
    has_sound: bool


@dataclass(frozen=True)
class CroppedClip:
    """What prep has made of a clip: its crops, and its sound, if it came so far."""

    crops: Place
    sound: Place | None
    fps: Fraction


def write(clip: RawClip | CroppedClip, progress: Progress) -> None:
    """Write FILM into the working folder. Raises InputError."""
    if isinstance(clip, CroppedClip):
        frames = mjpeg.decode(clip.crops.read_bytes())
        heard = clip.sound.read_bytes() if clip.sound else None
        pictures: Iterator[Picture] = (_sized(frame, ENLARGED) for frame in frames)
    else:
        heard = _raw_sound(clip)
        pictures = _raw_pictures(clip)
    if heard:
        Path(SOUND).write_bytes(heard)
    write_video(Path(FILM), _counted(pictures, progress), clip.fps, sound=Path(SOUND) if heard else None)


def _raw_pictures(clip: RawClip) -> Iterator[Picture]:
    reader = FrameReader(clip.video, clip.fps, begin=clip.begin, end=clip.end)
    for picture in itertools.islice(reader, math.floor(LONGEST * clip.fps)):
        yield _sized(picture, min(1.0, WIDEST / max(picture.shape[:2])))


def _raw_sound(clip: RawClip) -> bytes | None:
    """The sound from the first picture on; None where it cannot be read."""
    if not clip.has_sound:
        return None
    try:
        pieces = SoundReader(clip.video, RATE, clip.video_start, chunk_seconds=1.0, end=clip.end)
        return wav.encode(np.concatenate(list(itertools.islice(pieces, LONGEST))), RATE)
    except (MediaError, ValueError):
        return None


def _sized(picture: Picture, scale: float) -> Picture:
    """A picture in another size, of even sides, as encoders want it."""
    height, width = (max(2, round(scale * side / 2) * 2) for side in picture.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _counted(pictures: Iterator[Picture], progress: Progress) -> Iterator[Picture]:
    count = 0
    for count, picture in enumerate(pictures, start=1):
        yield picture
        progress("frames", count, 0)
    if not count:
        raise InputError("the clip holds no frame that can be read", "see its stages below")
