"""A small corpus in the layout of GRID: synthetic speech, and lips that follow it.

FOLDER/s1/bbaf2n.mpg               360x288, 25 fps, 75 frames, mp2 sound
FOLDER/alignments/s1/bbaf2n.align  start, end and word, in 1/25000 s
"""

import functools
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from s2f.pipeline.core import wav
from s2f.pipeline.core.executors.base import begin_worker
from s2f.pipeline.core.media import Picture, write_video
from s2f.pipeline.core.signals import unheard
from s2f.pipeline.core.windows import fit_length
from s2f.pipeline.corpora.grid import GRAMMAR, TICKS_PER_SECOND, expand
from s2f.pipeline.demo.face import Face, Pose
from s2f.pipeline.demo.speakers import Speaker, cast
from s2f.pipeline.demo.speech import Sound, Speech, speak
from s2f.pipeline.demo.visemes import mouth_track

FPS = Fraction(25)
FRAMES = 75
SECONDS = 3.0
# In ticks: GRID's alignments have steps of 10 ms and end at 2.98 s.
ALIGN_STEP, ALIGN_END = 250, 74500
LONGEST_SPEECH = 2.3
EARLIEST, LATEST_END = 0.3, 2.75
LOUDNESS, HISS = 0.6, 0.0008
# mp2's filters delay the sound by 481 samples at 44.1 kHz, so it is written that much earlier.
MP2_DELAY = 481 / 44100


@dataclass(frozen=True)
class DemoClip:
    """A clip to be made: its GRID name such as `bbaf2n`, its speaker, and the seed of its random choices."""

    folder: Path
    speaker: Speaker
    name: str
    seed: tuple[int, ...]

    @property
    def video(self) -> Path:
        return self.folder / self.speaker.name / f"{self.name}.mpg"

    @property
    def align(self) -> Path:
        return self.folder / "alignments" / self.speaker.name / f"{self.name}.align"


@dataclass(frozen=True)
class Script:
    """A clip's sound (mono, 3 s), and a pose per frame. The speech begins at `start`, in seconds."""

    speech: Speech
    start: float
    sound: Sound
    poses: list[Pose]


def names(count: int, seed: int) -> list[str]:
    """`count` different GRID names. With the same seed, a longer list begins with the shorter one."""
    random = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found.setdefault("".join(list(part)[random.integers(len(part))] for part in GRAMMAR))
    return list(found)


def spoken(name: str) -> str:
    """The sentence of a GRID name, spelled so that espeak-ng says the names of letters."""
    said = expand(name).split()
    # espeak-ng reads a single A as the article.
    said[3] = "eh" if said[3] == "a" else said[3].upper()
    return " ".join(said)


def make_corpus(
    folder: Path,
    *,
    speakers: int = 4,
    clips: int = 12,
    seed: int = 0,
    progress: Callable[[], None] | None = None,
) -> list[Path]:
    """Make `clips` videos of each speaker, with their alignments. Returns the videos in order.

    `progress` is called after each clip. The same arguments give the same pictures and sound.
    Raises MissingError without espeakng-loader, and MediaError if a video cannot be written.
    """
    plan = plan_corpus(folder, speakers, clips, seed)
    for clip in plan:
        clip.video.parent.mkdir(parents=True, exist_ok=True)
        clip.align.parent.mkdir(parents=True, exist_ok=True)
    made = []
    for path in _made(plan):
        made.append(path)
        if progress is not None:
            progress()
    return made


def plan_corpus(folder: Path, speakers: int, clips: int, seed: int) -> list[DemoClip]:
    """The clips of a corpus, speaker by speaker."""
    chosen = names(speakers * clips, seed)
    return [
        DemoClip(folder, speaker, chosen[who * clips + index], (seed, who, index))
        for who, speaker in enumerate(cast(speakers, seed))
        for index in range(clips)
    ]


def make_clip(clip: DemoClip) -> Path:
    """Write the alignment and the video of a clip. Returns the path of the video."""
    script = write_script(clip)
    clip.align.write_text(_alignment(clip.name, script), encoding="ascii")
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "speech.wav"
        rate = script.speech.sample_rate
        sound.write_bytes(wav.encode(script.sound[round(MP2_DELAY * rate) :], rate))
        write_video(clip.video, _frames(clip.speaker, script.poses), FPS, sound)
    return clip.video


def write_script(clip: DemoClip) -> Script:
    """The speech of a clip, its place in the three seconds, and the poses that match it."""
    random = np.random.default_rng(clip.seed)
    speech = _fitting(clip)
    start = float(random.uniform(EARLIEST, LATEST_END - speech.seconds))
    rate = speech.sample_rate
    samples = speech.samples * (LOUDNESS / np.abs(speech.samples).max())
    sound = fit_length(np.pad(samples, (round(start * rate), 0)), round(SECONDS * rate))
    sound += random.normal(0, HISS, len(sound)).astype(np.float32)
    return Script(speech, start, sound, _poses(speech, start, random))


def _made(plan: list[DemoClip]) -> Iterator[Path]:
    """Make all clips, in several processes if that saves more time than starting them takes."""
    workers = min(os.cpu_count() or 1, len(plan) // 4, 8)
    if workers < 2:
        yield from map(make_clip, plan)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=begin_worker) as pool:
        with unheard():
            made = pool.map(make_clip, plan)
        yield from made


def _fitting(clip: DemoClip) -> Speech:
    """The speech of the clip's sentence, faster if it would otherwise be too long."""
    speaker = clip.speaker
    speed = speaker.speed
    while True:
        speech = speak(spoken(clip.name), speaker.voice, speaker.pitch, speed)
        if speech.seconds <= LONGEST_SPEECH:
            return speech
        speed = round(speed * max(1.05, speech.seconds / LONGEST_SPEECH))


def _poses(speech: Speech, start: float, random: np.random.Generator) -> list[Pose]:
    """A pose per frame: the mouth follows the speech, the head sways slowly, the eyes blink once or twice."""
    times = (np.arange(FRAMES, dtype=np.float64) + 0.5) / float(FPS)
    opening, width = mouth_track(speech, times - start)
    blink = np.zeros(FRAMES)
    for moment in random.uniform(0.1, SECONDS, int(random.integers(1, 3))):
        blink = np.maximum(blink, np.clip(1.5 - np.abs(times - moment) / 0.08, 0, 1))
    x, y, tilt = (
        size * np.sin(2 * np.pi * (random.uniform(0.1, 0.4) * times + random.uniform()))
        for size in (2.5, 1.5, 1.3)
    )
    rows = np.stack([opening, width, blink, x, y, tilt], axis=1)
    return [Pose(*map(float, row)) for row in rows]


def _frames(speaker: Speaker, poses: list[Pose]) -> Iterator[Picture]:
    face = _face(speaker)
    return map(face.frame, poses)


@functools.lru_cache(maxsize=2)
def _face(speaker: Speaker) -> Face:
    return Face(speaker)


def _alignment(name: str, script: Script) -> str:
    """A clip's alignment as in GRID: silence, six words, silence, each starting where the one before ends."""
    said = script.speech.words
    times = [script.start + word.start for word in said] + [script.start + said[-1].end]
    edges = [0, *(round(time * TICKS_PER_SECOND / ALIGN_STEP) * ALIGN_STEP for time in times), ALIGN_END]
    labels = ["sil", *expand(name).split(), "sil"]
    return "".join(
        f"{start} {end} {label}\n" for start, end, label in zip(edges[:-1], edges[1:], labels, strict=True)
    )
