"""Files damaged at random, as disks, networks and recorders do it; a seed and a number give the same file."""

import random
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import cv2
from PIL import Image

from s2f.pipeline.core import media

# Containers and codecs of the genuine clip that is damaged, by the ending; arguments of ffmpeg.
VIDEOS = {
    "mpg": ["-c:v", "mpeg1video", "-c:a", "mp2"],
    "mp4": ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"],
    "mkv": ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "flac"],
    "avi": ["-c:v", "mpeg4", "-c:a", "mp3"],
    "webm": ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
    "ts": ["-c:v", "mpeg2video", "-c:a", "mp2"],
    "mov": ["-c:v", "mjpeg", "-c:a", "pcm_s16le"],
    "flv": ["-c:v", "flv1", "-ar", "44100", "-c:a", "mp3"],
    "ogv": ["-c:v", "libtheora", "-c:a", "libvorbis"],
    "wmv": ["-c:v", "wmv2", "-c:a", "wmav2"],
}
SOUNDS = {"wav": [], "flac": [], "mp3": [], "ogg": ["-c:a", "libvorbis"], "m4a": ["-c:a", "aac"]}
PHOTOS = ("png", "jpg", "webp", "tiff", "bmp", "gif", "ppm", "jp2")

Change = Callable[[bytearray, random.Random], None]
Make = Callable[[Path, Path], list[Path]]
Use = Callable[[Path], str]


def make_videos(clip: Path, folder: Path) -> list[Path]:
    """The first second of a clip in every form of VIDEOS."""
    return [_encoded(clip, folder / f"video.{ending}", form) for ending, form in VIDEOS.items()]


def make_sounds(clip: Path, folder: Path) -> list[Path]:
    """The sound of that second in every form of SOUNDS."""
    return [_encoded(clip, folder / f"sound.{ending}", ["-vn", *form]) for ending, form in SOUNDS.items()]


def make_photos(clip: Path, folder: Path) -> list[Path]:
    """A small frame of a clip in every format of PHOTOS."""
    picture = cv2.resize(next(iter(media.FrameReader(clip))), (180, 144))
    made = [folder / f"photo.{ending}" for ending in PHOTOS]
    for path in made:
        Image.fromarray(picture).save(path)
    return made


def damaged(sources: Sequence[Path], folder: Path, numbers: Iterable[int], seed: int) -> Iterator[Path]:
    """Damaged copies of files, which take turns. A number gives the same file whatever is made besides it."""
    for number in numbers:
        source = sources[number % len(sources)]
        content, chance = bytearray(source.read_bytes()), random.Random(f"{seed} {number}")
        for _ in range(chance.choice([1, 1, 2, 4])):
            if content:
                chance.choice(CHANGES)(content, chance)
        path = folder / f"{number:05d}{source.suffix}"
        path.write_bytes(content)
        yield path


def _encoded(clip: Path, path: Path, form: list[str]) -> Path:
    command = [media.ffmpeg_program(), "-v", "error", "-y", "-i", str(clip), "-t", "1", *form, str(path)]
    subprocess.run(command, check=True)
    return path


def _flip_bit(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _scatter(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([10, 100, 1000])):
        content[chance.randrange(len(content))] = chance.randrange(256)


def _spoil_head(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 4, 16])):
        content[chance.randrange(min(len(content), 512))] = chance.randrange(256)


def _cut_off(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _blank(content: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(content))
    end = min(len(content), begin + chance.choice([16, 1000, 20_000]))
    content[begin:end] = bytes(end - begin)


def _repeat(content: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(content))
    end = min(len(content), begin + chance.choice([100, 5000]))
    content[end:end] = content[begin:end]


def _insert(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content))
    content[at:at] = chance.randbytes(chance.choice([1, 64, 4096]))


def _swap(content: bytearray, chance: random.Random) -> None:
    first, second = sorted(chance.randrange(len(content)) for _ in range(2))
    size = min(2000, second - first, len(content) - second)
    one, other = content[first : first + size], content[second : second + size]
    content[first : first + size], content[second : second + size] = other, one


CHANGES: tuple[Change, ...] = (
    _flip_bit,
    _scatter,
    _spoil_head,
    _cut_off,
    _blank,
    _repeat,
    _insert,
    _swap,
)
