"""Videos of the same name from several folders, encoded so that only the picture tells them apart."""

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from s2f.model.evaluation.sources.listing import list_videos
from s2f.pipeline.core import media, wav
from s2f.pipeline.core.errors import InputError, MediaError
from s2f.pipeline.core.media import FrameReader, Picture, Probe

# The longer side of a clip in px, so that the page fits into a mail.
LARGEST = 640
# How far the aspect ratios of the pictures may differ.
ASPECT_TOLERANCE = 0.02
# The most videos without a counterpart that are named.
NAMED = 5


@dataclass(frozen=True)
class Match:
    """The videos of one name: the real one, and one per system."""

    name: str
    real: Path
    made: dict[str, Path]


@dataclass(frozen=True)
class Encoded:
    """The clips of one name as H.264 mp4 of equal size, rate, length and sound; `seconds` is their length."""

    name: str
    real: bytes
    made: dict[str, bytes]
    seconds: float


def systems(folders: Sequence[str]) -> dict[str, Path]:
    """Parse texts like NAME=FOLDER, or FOLDER, to folders by system; a bare folder names its system."""
    by_name: dict[str, Path] = {}
    for text in folders:
        name, equals, path = text.partition("=")
        folder = Path(path) if equals and not Path(text).is_dir() else Path(text)
        name = name.strip() if folder != Path(text) else folder.resolve().name
        if not name or name in by_name:
            raise InputError(
                f"--generated {text} has no name of its own", "give each folder one: --generated NAME=FOLDER"
            )
        by_name[name] = folder
    return by_name


def match(generated: dict[str, Path], reference: Path) -> tuple[list[Match], list[str]]:
    """The names that all folders have, in order, and the names that are missing in some folder.

    Raises InputError where a folder does not exist or has two videos of a name, or where no name is in all.
    """
    real = list_videos(reference)
    made = {system: list_videos(folder) for system, folder in generated.items()}
    common = set(real).intersection(*made.values())
    if not common:
        raise InputError(
            f"no video has the same name in {reference} and {', '.join(map(str, generated.values()))}",
            "name each generated video as the real one: bbaf2n.mp4 for bbaf2n.mpg",
        )
    matches = [
        Match(name, real[name], {system: videos[name] for system, videos in made.items()})
        for name in sorted(common)
    ]
    return matches, sorted(set(real).union(*made.values()) - common)


def left_out(names: Sequence[str]) -> str:
    """A line that says which names have no counterpart; empty if all have one."""
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"left out, {len(names)} without a counterpart in every folder: {', '.join(names[:NAMED])}{more}"


def encode(videos: Match) -> Encoded:
    """Encode the videos of a name with the real one's frame rate and sound, the smallest size and length.

    So only the picture tells them apart. Raises InputError where the aspect ratios differ.
    """
    paths = [videos.real, *videos.made.values()]
    probes = [media.probe(path) for path in paths]
    size, fps = _common_size(videos.name, paths, probes), _fps(videos.real, probes[0])
    with tempfile.TemporaryDirectory(prefix="s2f-") as folder:
        sound = _write_sound(videos.real, probes[0], Path(folder, "sound.wav"))
        targets = [Path(folder, f"{number}.mp4") for number in range(len(paths))]
        counts = [_write(*each, size, fps, sound) for each in zip(paths, targets, strict=True)]
        shortest = min(counts)
        for path, target, count in zip(paths, targets, counts, strict=True):
            if count > shortest:
                _write(path, target, size, fps, sound, shortest)
        real, *made = (target.read_bytes() for target in targets)
    return Encoded(videos.name, real, dict(zip(videos.made, made, strict=True)), float(shortest / fps))


def _common_size(name: str, paths: Sequence[Path], probes: Sequence[Probe]) -> tuple[int, int]:
    """Width and height of the smallest picture, at most LARGEST and even, as H.264 needs them."""
    shapes = [_shape(path) for path in paths]
    width, height = min(shapes, key=lambda shape: shape[0] * shape[1])
    for path, (wide, high) in zip(paths, shapes, strict=True):
        if abs(wide * height / (high * width) - 1) > ASPECT_TOLERANCE:
            raise InputError(
                f"the videos {name} are cropped differently: {path} has {wide} x {high} px, another"
                f" {width} x {height}",
                "give reference videos that are cropped as the generated ones are",
            )
    scale = min(1.0, LARGEST / max(width, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _shape(path: Path) -> tuple[int, int]:
    """Width and height of the first picture, turned upright."""
    first = next(iter(FrameReader(path)), None)
    if first is None:
        raise MediaError(f"{path} has no picture that can be read", "leave it out, or encode it again")
    return first.shape[1], first.shape[0]


def _fps(path: Path, probe: Probe) -> Fraction:
    if probe.fps <= 0:
        raise MediaError(f"{path} does not say how many frames it has per second", "encode it again")
    return Fraction(probe.fps).limit_denominator(1001)


def _write_sound(path: Path, probe: Probe, target: Path) -> Path | None:
    """The sound of the real video from its first frame on, or None if it has none."""
    if probe.sample_rate is None:
        return None
    pieces = media.read_audio(path, probe.sample_rate, start=probe.video_start)
    target.write_bytes(wav.encode(np.concatenate(list(pieces)), probe.sample_rate))
    return target


def _write(
    source: Path,
    target: Path,
    size: tuple[int, int],
    fps: Fraction,
    sound: Path | None,
    frames: int | None = None,
) -> int:
    pictures = itertools.islice(_pictures(source, size, fps), frames)
    return media.write_video(target, pictures, fps, sound, comment=media.EITHER)


def _pictures(path: Path, size: tuple[int, int], fps: Fraction) -> Iterator[Picture]:
    for picture in FrameReader(path, fps):
        if picture.shape[1::-1] == size:
            yield picture
        else:
            yield np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
