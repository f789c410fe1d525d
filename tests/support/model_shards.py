"""Small real shards for the tests of the model: drawn faces whose mouths follow their sound."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from s2f.pipeline.core import mjpeg, wav
from s2f.pipeline.core.schema import FRAMES, META, POINTS, SHARDS, SOUND, SampleMeta
from s2f.pipeline.core.windows import Sound, cut_windows, loudness, samples_for, window_size, window_starts

FPS = Fraction(25)
SAMPLE_RATE = 16_000
WINDOW = window_size(0.16, SAMPLE_RATE)


def make_shards(data: Path, *, train: int = 8, val: int = 2, frames: int = 12, per_shard: int = 3) -> Path:
    """Write `data`/shards with so many clips per split, each of `frames` frames; return `data`."""
    folder = data / "shards"
    folder.mkdir(parents=True)
    rows = []
    for split, count in (("train", train), ("val", val)):
        clips = [f"{split}_{number:03d}" for number in range(count)]
        for number, begin in enumerate(range(0, count, per_shard)):
            some = clips[begin : begin + per_shard]
            rows.append(write_shard(folder / f"{split}-{number:06d}.tar", split, dict.fromkeys(some, frames)))
    pq.write_table(pa.Table.from_pylist(rows, schema=SHARDS), folder / "manifest.parquet")
    return data


def write_shard(path: Path, split: str, clips: dict[str, int]) -> dict[str, object]:
    """Write one tar of clips by length; return its row of the manifest."""
    with tarfile.open(path, "w") as tar:
        for seed, (clip, frames) in enumerate(clips.items()):
            for ending, data in make_members(clip, split, frames, seed).items():
                entry = tarfile.TarInfo(f"{clip}.{ending}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    data = path.read_bytes()
    return {
        "shard": path.name,
        "split": split,
        "samples": len(clips),
        "frames": sum(clips.values()),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "clips": [{"clip_id": clip, "key": clip, "frames": frames} for clip, frames in clips.items()],
    }


def change_members(data: Path, changes: dict[str, Callable[[bytes], bytes]]) -> Path:
    """Change some members of the shards in `data`, by name such as `s1_bbaf2n.json`; return `data`."""
    for path in (data / "shards").glob("*.tar"):
        with tarfile.open(path) as tar:
            members = [(entry, tar.extractfile(entry).read()) for entry in tar]  # type: ignore[union-attr]
        with tarfile.open(path, "w") as tar:
            for entry, content in members:
                changed = changes.get(entry.name, bytes)(content)
                entry.size = len(changed)
                tar.addfile(entry, io.BytesIO(changed))
    return data


def make_members(clip: str, split: str, frames: int, seed: int) -> dict[str, bytes]:
    """The members of a sample, by ending."""
    sound = make_sound(frames, seed)
    starts = window_starts(frames, FPS, SAMPLE_RATE, WINDOW)
    level = loudness(cut_windows(sound, starts, WINDOW))
    meta = SampleMeta(
        clip_id=clip,
        corpus="drawn",
        speaker=f"{split}{seed}",
        utterance=clip,
        text=None,
        split=split,
        frames=frames,
        fps=str(FPS),
        sample_rate=SAMPLE_RATE,
        window=WINDOW,
        starts=starts.tolist(),
        source=f"{clip}.mpg",
        source_sha256="0" * 64,
    )
    points = io.BytesIO()
    np.save(points, draw_points(level))
    return {
        POINTS: points.getvalue(),
        FRAMES: mjpeg.encode(draw_faces(level, seed), FPS, 95),
        SOUND: wav.encode(sound, SAMPLE_RATE),
        META: meta.model_dump_json().encode(),
    }


def make_sound(frames: int, seed: int) -> Sound:
    """A tone that swells and fades, exactly as long as so many frames."""
    time = np.arange(samples_for(frames, FPS, SAMPLE_RATE)) / SAMPLE_RATE
    envelope = 0.5 - 0.5 * np.cos(2 * np.pi * (2 + seed % 3) * time)
    return (0.5 * envelope * np.sin(2 * np.pi * 220 * time)).astype(np.float32)


def mouth_opening(level: float) -> int:
    """Half the height of a drawn mouth in px, by the loudness in dB."""
    return int(np.clip((level + 40) / 4, 1, 9))


def draw_points(level: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """The 68 points of these faces, of which only eyes and lips are in their place: (n, 68, 2)."""
    points = np.zeros((len(level), 68, 2), np.float32)
    corners = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    for first, x in ((36, 31), (42, 66)):
        points[:, first : first + 6] = np.stack([x + 5 * np.cos(corners), 44 + 2 * np.sin(corners)], axis=1)
    for first, count, wide in ((48, 12, 12), (60, 8, 10)):
        angles = np.pi + np.linspace(0, 2 * np.pi, count, endpoint=False)
        for frame, value in enumerate(level):
            lips = [50 + wide * np.cos(angles), 89 + mouth_opening(value) * np.sin(angles)]
            points[frame, first : first + count] = np.stack(lips, axis=1)
    return points.astype(np.float16)


def draw_faces(level: npt.NDArray[np.float32], seed: int) -> npt.NDArray[np.uint8]:
    """One face per loudness in dB: RGB uint8 (n, 128, 96, 3); the left eye is darker than the right one."""
    skin = (220, 170 - 10 * (seed % 5), 150)
    pictures: list[npt.NDArray[np.uint8]] = []
    for value in level:
        picture = np.full((128, 96, 3), 60, np.uint8)
        cv2.ellipse(picture, (48, 66), (40, 52), 0, 0, 360, skin, -1)
        cv2.circle(picture, (31, 44), 5, (20, 20, 20), -1)
        cv2.circle(picture, (66, 44), 5, (90, 90, 90), -1)
        opening = mouth_opening(value)
        cv2.ellipse(picture, (50, 89), (12, opening), 0, 0, 360, (120, 20, 30), -1)
        pictures.append(picture)
    return np.stack(pictures)
