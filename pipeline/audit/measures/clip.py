"""What one clip is like: the figures that an audit judges, measured on its crops, its track and its sound.

Each function takes arrays and gives some columns of COLUMNS; a figure that cannot be had is null.
"""

import io
import itertools
import zipfile
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyloudnorm

from s2f.pipeline.audit.measures.lag import lag_curve
from s2f.pipeline.core import mjpeg, wav
from s2f.pipeline.core.errors import S2fError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.schema import Row
from s2f.pipeline.core.windows import Sound
from s2f.pipeline.faces import identity, mouth
from s2f.pipeline.faces.alignment import HEIGHT, WIDTH
from s2f.pipeline.faces.base import STABLE, Backend, Points
from s2f.pipeline.faces.settings import FaceSettings

# Raise it whenever the same clip would get other figures.
VERSION = 1

Frames = npt.NDArray[np.uint8]

# What a file that is missing, cut short or of another kind makes its reader raise.
UNREADABLE = (S2fError, OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, cv2.error)

# Where the face fills a crop whatever the hair or the background are: rows and columns of 128 x 96.
FACE = (slice(32, 112), slice(20, 76))
# A frame is black below this mean.
BLACK = 8.0
# A nose's tip is so far before the eyes' corners, and below them, in distances between these: the second is
# the median of GRID's speakers, the first follows from common proportions of faces.
NOSE_DEPTH, NOSE_DROP = 0.45, 0.40
SILENT_DB = -50.0
FLOOR_DB = -60.0
# The loudest samples are so many times the loud ones; a codec blurs the flat tops of clipped waves, so that
# no sample need be at the limit any more, but not this ratio. Of genuine clips it is 1.5 or more.
LOUDEST, LOUD = 99.9, 98.0
BLOCK_SECONDS = 0.02
# A likeness of sounds is told from the energies in so many bands and stretches.
BANDS, STRETCHES = 8, 16

COLUMNS = pa.schema(
    [
        ("black", pa.float32()),
        ("sharpness", pa.float32()),
        ("brightness", pa.float32()),
        ("occlusion", pa.float32()),
        ("embedding", pa.list_(pa.float32())),
        ("yaw", pa.float32()),
        ("pitch", pa.float32()),
        ("roll", pa.float32()),
        ("jitter", pa.float32()),
        ("mouth_range", pa.float32()),
        ("lufs", pa.float32()),
        ("headroom", pa.float32()),
        ("silent", pa.float32()),
        ("snr", pa.float32()),
        ("lag_curve", pa.list_(pa.float32())),
        ("signature", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True)
class Material:
    """What prep has made of a clip; parts that it did not come to are None."""

    clip_id: str
    key: str
    track: Place
    frames: Place | None
    sound: Place | None
    rate: int
    loudness: tuple[float, ...] | None


def measure(material: Material, faces: FaceSettings) -> Row:
    """The row of one clip: its measures, or why it could not be measured.

    `faces` says by which backend: that of the set.
    """
    row: Row = {"clip_id": material.clip_id, "key": material.key, "status": "ok", "reason": "", "message": ""}
    try:
        with np.load(io.BytesIO(material.track.read_bytes()), allow_pickle=False) as stored:
            points: Points = stored["points"]
        row |= of_track(points)
        if material.frames:
            frames = usual_size(mjpeg.decode(material.frames.read_bytes()))
            row |= of_frames(frames) | {"embedding": mean_embedding(frames, faces.open())}
        if material.sound:
            row |= of_sound(wav.decode(material.sound.read_bytes()), material.rate)
        if material.loudness:
            row["lag_curve"] = lag_curve(
                mouth.relative_opening(points), np.maximum(material.loudness, FLOOR_DB)
            ).tolist()
    except UNREADABLE as error:
        told = error.message if isinstance(error, S2fError) else str(error)
        row |= {"status": "failed", "reason": "unreadable", "message": told}
    return row


def of_frames(frames: Frames) -> dict[str, float]:
    """Of aligned crops uint8 (n, 128, 96, 3)."""
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    face = grey[:, *FACE].astype(np.float32)
    detail = [cv2.Laplacian(picture, cv2.CV_32F).var() for picture in grey[::5]]
    lower = face[:, face.shape[1] // 2 :]
    return {
        "black": float((face.mean(axis=(1, 2)) < BLACK).mean()),
        "sharpness": float(np.median(detail)),
        "brightness": float(np.median(face.mean(axis=(1, 2)))),
        "occlusion": float(np.abs(lower - np.median(lower[::3], axis=0)).mean(axis=(1, 2)).max()),
    }


def mean_embedding(frames: Frames, backend: Backend) -> list[float] | None:
    """The mean embedding of two frames, at a quarter of the clip and at three; None where no face is seen."""
    embeddings = identity.embed(frames[[len(frames) // 4, 3 * len(frames) // 4]], backend)
    seen = embeddings[np.isfinite(embeddings).all(axis=1)]
    mean: list[float] | None = seen.mean(axis=0).tolist() if len(seen) else None
    return mean


def usual_size(frames: Frames) -> Frames:
    """Crops of any size as the measures want them: 96 px wide, 128 high."""
    if frames.shape[1:3] == (HEIGHT, WIDTH):
        return frames
    size = (WIDTH, HEIGHT)
    return np.stack([np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)) for frame in frames])


def of_track(points: Points) -> dict[str, float]:
    """Of the 68 points (n, 68, 2) in the source; angles in degrees, roughly.

    A turned head moves the nose's tip, which lies before the plane of the eyes, against their middle.
    """
    eyes = points[:, 45] - points[:, 36]
    apart = np.linalg.norm(eyes, axis=1)
    along = eyes / apart[:, None]
    down = np.stack([-along[:, 1], along[:, 0]], axis=1)
    nose = (points[:, 30] - (points[:, 36] + points[:, 45]) / 2) / apart[:, None]
    aside, below = (float(np.median((nose * axis).sum(axis=1))) for axis in (along, down))
    tremor = (
        np.linalg.norm(np.diff(points[:, STABLE], 2, axis=0), axis=-1) if len(points) > 2 else np.zeros(1)
    )
    open_least, open_most = np.percentile(mouth.relative_opening(points), [5, 95])
    return {
        "yaw": float(np.degrees(np.arcsin(np.clip(aside / NOSE_DEPTH, -1, 1)))),
        "pitch": float(np.degrees(np.arcsin(np.clip((below - NOSE_DROP) / NOSE_DEPTH, -1, 1)))),
        "roll": float(np.median(np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0])))),
        "jitter": float(100 * tremor.mean() / apart.mean()),
        "mouth_range": float(100 * (open_most - open_least)),
    }


def of_sound(sound: Sound, rate: int) -> dict[str, Any]:
    """Of mono sound (samples,) in [-1, 1]. LUFS is the integrated loudness of ITU-R BS.1770."""
    size = round(BLOCK_SECONDS * rate)
    blocks = sound[: len(sound) // size * size].reshape(-1, size)
    level = 20 * np.log10(np.sqrt(np.square(blocks).mean(axis=1)) + 1e-6)
    peak = float(np.abs(sound).max())
    loudest, high = np.percentile(np.abs(sound), [LOUDEST, LOUD])
    meter = pyloudnorm.Meter(rate)
    long_enough = len(sound) > meter.block_size * rate
    lufs = meter.integrated_loudness(sound) if peak and long_enough else None
    loud, quiet = np.percentile(level, [95, 10])
    return {
        "lufs": None if lufs is None or not np.isfinite(lufs) else float(lufs),
        "headroom": float(loudest / high) if high else None,
        "silent": float((level < SILENT_DB).mean()),
        "snr": float(loud - quiet) if peak else None,
        "signature": signature(sound).tolist() if peak else None,
    }


def signature(sound: Sound) -> npt.NDArray[np.float32]:
    """A sound as a unit vector (128,): log energies by band and stretch, less the means of either.

    The dot product of two of them is the likeness of two sounds: above 0.9 for a copy, also one that was
    encoded anew or is softer; below 0.8 for two sentences of GRID.
    """
    size = len(sound) // STRETCHES
    spectrum = np.abs(np.fft.rfft(sound[: size * STRETCHES].reshape(STRETCHES, size), axis=1)) ** 2
    edges = np.geomspace(8, spectrum.shape[1], BANDS + 1).astype(int)
    energy = np.stack([spectrum[:, low:high].mean(axis=1) for low, high in itertools.pairwise(edges)])
    logs = np.log(energy + 1e-3)
    logs -= logs.mean(axis=1, keepdims=True)
    flat = (logs - logs.mean(axis=0)).ravel()
    return np.asarray(flat / (np.linalg.norm(flat) + 1e-9), np.float32)
