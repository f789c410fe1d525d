"""All measures of one clip, from the files that prep has made of it."""

import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from s2f.pipeline.audit.measures.face import of_track, one_embedding
from s2f.pipeline.audit.measures.lag import lag_curve
from s2f.pipeline.audit.measures.sound import of_sound
from s2f.pipeline.audit.measures.video import of_frames
from s2f.pipeline.audit.unreadable import UNREADABLE
from s2f.pipeline.core import mjpeg, wav
from s2f.pipeline.core.errors import S2fError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.schema import Row
from s2f.pipeline.faces import mouth
from s2f.pipeline.faces.alignment import usual_size
from s2f.pipeline.faces.base import Points
from s2f.pipeline.faces.settings import FaceSettings

# Raise it whenever the same clip would get other figures.
VERSION = 2

FLOOR_DB = -60.0

# A figure that is not known is null.
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
        ("landmarks", pa.list_(pa.int32())),
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

    `faces` is the backend that the set was prepared with.
    """
    row: Row = {"clip_id": material.clip_id, "key": material.key, "status": "ok", "reason": "", "message": ""}
    try:
        with np.load(io.BytesIO(material.track.read_bytes()), allow_pickle=False) as stored:
            points: Points = stored["points"]
        row |= of_track(points)
        if material.frames:
            frames = usual_size(mjpeg.decode(material.frames.read_bytes()))
            row |= of_frames(frames) | {"embedding": one_embedding(frames, faces.open())}
        if material.sound:
            row |= of_sound(wav.decode(material.sound.read_bytes()), material.rate)
        if material.loudness:
            row["lag_curve"] = lag_curve(
                mouth.relative_opening(points), np.maximum(material.loudness, FLOOR_DB)
            ).tolist()
    except UNREADABLE as error:
        message = error.message if isinstance(error, S2fError) else str(error)
        row |= {"status": "failed", "reason": "unreadable", "message": message}
    return row
