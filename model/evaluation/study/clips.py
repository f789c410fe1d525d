"""Videos of the same name from several folders, made alike in all that could tell which one is real."""

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from s2f.pipeline.core import files, media, wav
from s2f.pipeline.core.errors import InputError, MediaError
from s2f.pipeline.core.media import FrameReader, Picture, Probe
from s2f.pipeline.corpora.base import VIDEO_ENDINGS

# The longer side of a clip, px: the page is to fit into a mail.
LARGEST = 640
# How far the proportions of the pictures may differ.
ASPECT_TOLERANCE = 0.02
# So many of the videos without a counterpart are named.
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
    """Folders by system, of texts like NAME=FOLDER or FOLDER, whose name is then that of the system."""
    found: dict[str, Path] = {}
    for text in folders:
        name, equals, path = text.partition("=")
        folder = Path(path) if equals and not Path(text).is_dir() else Path(text)
        name = name.strip() if folder != Path(text) else folder.resolve().name
        if not name or name in found:
            raise InputError(
                f"--generated {text} has no name of its own", "give each folder one: --generated NAME=FOLDER"
            )
        found[name] = folder
    return found


def match(generated: dict[str, Path], reference: Path) -> tuple[list[Match], list[str]]:
    """The names that all folders have, in order, and those that are left out since some folder lacks them.

    Raises InputError where a folder is none, has two videos of a name, or no name is in all of them.
    """
    real = _videos(reference)
    made = {system: _videos(folder) for system, folder in generated.items()}
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
    """Which names have no counterpart, in a line; nothing if all have one."""
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"left out, {len(names)} without a counterpart in every folder: {', '.join(names[:NAMED])}{more}"


def encode(videos: Match) -> Encoded:
    """Encode the videos of a name alike: the real one's rate and sound, the smallest size, the least length.

    What is left to tell them apart is the picture. Raises InputError where the pictures' proportions differ.
    """
    paths = [videos.real, *videos.made.values()]
    probes = [media.probe(path) for path in paths]
    size, fps = _common_size(videos.name, paths, probes), _rate(videos.real, probes[0])
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


def _videos(folder: Path) -> dict[str, Path]:
    """The videos of a folder by the names without ending."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", "give a folder of videos")
    found: dict[str, Path] = {}
    for name in files.names(folder):
        path = folder / name
        if path.suffix.lower() not in VIDEO_ENDINGS or name.startswith("."):
            continue
        if path.stem in found:
            raise InputError(f"{folder} has two videos {path.stem}", "leave one of each name")
        found[path.stem] = path
    if not found:
        raise InputError(f"{folder} holds no videos", "give a folder of videos, such as mp4")
    return found


def _common_size(name: str, paths: Sequence[Path], probes: Sequence[Probe]) -> tuple[int, int]:
    """Width and height of the smallest picture, even as H.264 wants them, and not larger than LARGEST."""
    shapes = [_shape(path) for path in paths]
    width, height = min(shapes, key=lambda shape: shape[0] * shape[1])
    for path, (wide, high) in zip(paths, shapes, strict=True):
        if abs(wide * height / (high * width) - 1) > ASPECT_TOLERANCE:
            raise InputError(
                f"the videos {name} show different cuts: {path} has {wide} x {high} px, another"
                f" {width} x {height}",
                "give reference videos that are cut as the generated ones are, or all can tell them apart",
            )
    scale = min(1.0, LARGEST / max(width, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _shape(path: Path) -> tuple[int, int]:
    """Width and height of the first picture, turned upright."""
    first = next(iter(FrameReader(path)), None)
    if first is None:
        raise MediaError(f"{path} has no picture that can be read", "leave it out, or make it anew")
    return first.shape[1], first.shape[0]


def _rate(path: Path, probe: Probe) -> Fraction:
    if probe.fps <= 0:
        raise MediaError(f"{path} does not say how many frames it has per second", "encode it anew")
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
    return media.write_video(target, itertools.islice(_pictures(source, size, fps), frames), fps, sound)


def _pictures(path: Path, size: tuple[int, int], fps: Fraction) -> Iterator[Picture]:
    for picture in FrameReader(path, fps):
        if picture.shape[1::-1] == size:
            yield picture
        else:
            yield np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
