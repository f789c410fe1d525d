"""detect: the track of the talking face; box, 68 points and confidence of every frame."""

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field, field_validator

from s2f.pipeline import faces, files
from s2f.pipeline.errors import Rejected
from s2f.pipeline.faces.tracking import Track, find_tracks
from s2f.pipeline.params import Params
from s2f.pipeline.schema import Row
from s2f.pipeline.stage import Clip, Stage

ARTIFACT = ".npz"


class DetectParams(Params):
    """Settings of the detect stage."""

    fps: Annotated[str, BeforeValidator(str)] = Field(
        "25", description="frame rate that every clip is brought to, such as 25 or 30000/1001"
    )
    backend: Literal["dlib"] = Field("dlib", description="face detector")
    every: int = Field(8, ge=1, le=100, description="detect on every k-th frame; boxes are tracked between")
    max_side: int = Field(
        640, ge=160, description="larger pictures are reduced to this many px for the detector"
    )
    max_gap: int = Field(5, ge=0, description="frames in a row that may lack the face; they are interpolated")
    max_damaged: int = Field(3, ge=0, description="frames that may be damaged or missing in the stream")
    min_seconds: float = Field(0.5, ge=0, description="shorter clips are rejected")
    min_face: float = Field(60, ge=0, description="smaller faces are rejected; width of the box in px")
    rival_share: float = Field(
        0.5, gt=0, le=1, description="share of frames from which on a second face rejects a clip"
    )

    @field_validator("fps")
    @classmethod
    def _is_rate(cls, value: str) -> str:
        try:
            possible = 1 <= Fraction(value) <= 240
        except (ValueError, ZeroDivisionError):
            raise ValueError("a frame rate is a number such as 25, 29.97 or 30000/1001") from None
        if not possible:
            raise ValueError("a frame rate lies between 1 and 240")
        return value


COLUMNS = pa.schema(
    [
        ("frames", pa.int32()),
        ("fps", pa.string()),
        ("decoded", pa.int32()),
        ("damaged", pa.int32()),
        ("missing", pa.int32()),
        ("decode_errors", pa.list_(pa.string())),
        ("faces", pa.int32()),
        ("interpolated", pa.int32()),
        ("face_px", pa.float32()),
        ("confidence", pa.float32()),
    ]
)


def run(clip: Clip, params: DetectParams) -> Row:
    """Track the faces of one clip and keep the one that is seen longest."""
    reader = clip.frames(params.fps)
    tracks, total = find_tracks(
        reader, faces.open_backend(params.backend, params.max_side), params.every, params.max_gap
    )
    row: Row = {
        "frames": total,
        "fps": params.fps,
        "decoded": reader.decoded,
        "damaged": reader.damaged,
        "missing": reader.missing,
        "decode_errors": reader.complaints[:5],
        "faces": len(tracks),
    }
    _check_video(row, params)
    best = _choose(tracks, row, params)
    boxes, points, confidence = best.dense(total)
    row |= {
        "interpolated": total - len(best.frames),
        "face_px": float(np.median(boxes[:, 2] - boxes[:, 0])),
        "confidence": float(np.mean(confidence)),
    }
    if row["face_px"] < params.min_face:
        raise Rejected("face_too_small", f"the face is {row['face_px']:.0f} px wide", **row)
    target = io.BytesIO()
    np.savez_compressed(target, boxes=boxes, points=points, confidence=confidence)
    files.write_bytes(clip.artifact("detect", ARTIFACT), target.getvalue())
    return row


def _check_video(row: Row, params: DetectParams) -> None:
    if row["frames"] / Fraction(params.fps) < params.min_seconds:
        raise Rejected("too_short", f"{row['frames']} frames are less than {params.min_seconds} s", **row)
    if row["damaged"] + row["missing"] > params.max_damaged:
        found = f"{row['damaged']} damaged and {row['missing']} missing frames of {row['frames']}"
        raise Rejected("damaged_video", found, **row)


def _choose(tracks: list[Track], row: Row, params: DetectParams) -> Track:
    """The track seen in most frames. A second one seen often, or a gap too long, rejects the clip."""
    if not tracks:
        raise Rejected("no_face", "no face was found in any frame", **row)
    ranked = sorted(tracks, key=lambda track: len(track.frames), reverse=True)
    best, total = ranked[0], row["frames"]
    gap = best.longest_gap(total)
    if gap > params.max_gap:
        raise Rejected("face_lost", f"the face is not seen for {gap} frames in a row, of {total}", **row)
    rivals = sum(1 for track in ranked[1:] if len(track.frames) >= params.rival_share * total)
    if rivals:
        raise Rejected("several_faces", f"{rivals + 1} faces are seen for most of the clip", **row)
    return best


def _models(params: DetectParams) -> Iterable[Path]:
    return faces.model_files(params.backend)


STAGE = Stage(
    name="detect",
    version=1,
    params=DetectParams,
    columns=COLUMNS,
    run=run,
    reads=("scan",),
    artifact=ARTIFACT,
    models=_models,
)
