"""Faults planted in a corpus of genuine GRID clips, each as it happens to people."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import ffmpeg
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe

from s2f.pipeline.core import media, wav
from s2f.pipeline.core.media import Picture, Sound
from s2f.pipeline.corpora.grid import expand
from support.prepared import copy_clips

RATE, FPS = 44_100, Fraction(25)
OTHERS = ("s2/pwij3p", "s2/swwp2s", "s4/bbilzs", "s4/lwbsza")


def make_base(data: Path, raw: Path, clips: int = 16) -> Path:
    """A sound corpus: so many clips of s1, two of s2 and two of s4."""
    names = sorted(path.stem for path in (data / "grid/s1").glob("*.mpg"))
    # Without those that the data's own notes name.
    kept = [name for name in names if name not in ("lrae3s", "srwi5a", "sgib8n")][:clips]
    return copy_clips(data, raw, *(f"s1/{name}" for name in kept), *OTHERS)


def rewrite(
    video: Path,
    frames: Callable[[list[Picture]], list[Picture]] = list,
    sound: Callable[[Sound], Sound] = np.copy,
) -> None:
    """Encode a clip anew, with other frames or another sound (samples,) of 44.1 kHz."""
    shown = frames(list(media.FrameReader(video, FPS)))
    with new_sound(video, sound) as spoken:
        media.write_video(video, shown, FPS, sound=spoken)


def dub(video: Path, sound: Callable[[Sound], Sound]) -> None:
    """Give a clip another sound and leave its pictures as they are encoded, in a third of the time."""
    dubbed = video.with_name(f"dubbed-{video.name}")
    with new_sound(video, sound) as spoken:
        streams = ffmpeg.input(str(video)).video, ffmpeg.input(str(spoken)).audio
        written = ffmpeg.output(*streams, str(dubbed), vcodec="copy", acodec="mp2", ac=2)
        written.run(cmd=get_ffmpeg_exe(), quiet=True)
    dubbed.replace(video)


@contextmanager
def new_sound(video: Path, change: Callable[[Sound], Sound]) -> Iterator[Path]:
    """A file with the sound of a clip, changed."""
    heard = change(np.concatenate(list(media.read_audio(video, RATE))))
    spoken = video.with_suffix(".wav")
    spoken.write_bytes(wav.encode(heard, RATE))
    yield spoken
    spoken.unlink()


def shift_sound(raw: Path, speaker: str, frames: int) -> None:
    """The sound of all clips of a speaker so many frames late, or early."""
    samples = round(abs(frames) * RATE / FPS)

    def late(sound: Sound) -> Sound:
        if frames > 0:
            return np.concatenate([np.zeros(samples, np.float32), sound[:-samples]])
        return np.concatenate([sound[samples:], np.zeros(samples, np.float32)])

    for video in (raw / speaker).glob("*.mpg"):
        dub(video, late)


def silence(raw: Path, clip: str) -> None:
    """No sound but zeros."""
    dub(raw / f"{clip}.mpg", np.zeros_like)


def clip_sound(raw: Path, clip: str) -> None:
    """Recorded with the level far too high."""
    dub(raw / f"{clip}.mpg", lambda sound: np.clip(10 * sound, -1, 1))


def freeze(raw: Path, clip: str, first: int, count: int) -> None:
    """One picture stands for so many frames while the sound goes on."""
    rewrite(
        raw / f"{clip}.mpg",
        frames=lambda shown: shown[:first] + [shown[first]] * count + shown[first + count :],
    )


def duplicate(raw: Path, clip: str, name: str, *, encode: bool) -> None:
    """The same recording under another name of the same speaker, with words to that name."""
    video = raw / f"{clip}.mpg"
    copy = video.with_stem(name)
    shutil.copy2(video, copy)
    if encode:
        rewrite(copy, sound=lambda sound: 0.7 * sound)
    words = expand(name).split()
    lines = [f"{number * 10_000} {(number + 1) * 10_000} {word}" for number, word in enumerate(words, 1)]
    alignment = raw / "alignments" / video.parent.name / f"{name}.align"
    alignment.write_text("\n".join(lines), encoding="utf-8")


def misfile(raw: Path, clip: str, speaker: str) -> None:
    """A clip with its alignment in the folders of another speaker."""
    name = clip.partition("/")[2]
    (raw / f"{clip}.mpg").rename(raw / speaker / f"{name}.mpg")
    (raw / f"alignments/{clip}.align").rename(raw / f"alignments/{speaker}/{name}.align")


def swap_alignments(raw: Path, one: str, other: str) -> None:
    """The alignment folders of two speakers under each other's names, as in GRID's own release."""
    folder = raw / "alignments"
    (folder / one).rename(folder / "between")
    (folder / other).rename(folder / one)
    (folder / "between").rename(folder / other)


def convert_alignment(raw: Path, clip: str, ticks: int) -> None:
    """The times of an alignment in another unit: so many to a second instead of 25,000."""
    path = raw / f"alignments/{clip}.align"
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    told = [
        f"{int(start) * ticks // 25_000} {int(end) * ticks // 25_000} {word}" for start, end, word in rows
    ]
    path.write_text("\n".join(told), encoding="utf-8")


def take_words(raw: Path, clip: str, other: str) -> None:
    """The alignment of another clip."""
    shutil.copy2(raw / f"alignments/{other}.align", raw / f"alignments/{clip}.align")


def truncate(shard: Path, missing: int = 4096) -> None:
    """A tar that was not copied to its end."""
    shard.write_bytes(shard.read_bytes()[:-missing])
