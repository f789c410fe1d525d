"""align: every frame of the face brought to the canonical face, as one Motion JPEG file per clip."""

import io
import itertools
from fractions import Fraction

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from s2f.pipeline.core import files, mjpeg
from s2f.pipeline.core.params import Params
from s2f.pipeline.core.schema import FRAMES, Row
from s2f.pipeline.faces import alignment
from s2f.pipeline.faces.base import STABLE
from s2f.pipeline.stages import detect
from s2f.pipeline.stages.base import Clip, Stage

ARTIFACT = f".{FRAMES}"


class AlignParams(Params):
    """Settings of the align stage."""

    size: tuple[int, int] = Field(
        (96, 128), description="width and height of a crop in px; the networks take multiples of [96, 128]"
    )
    smooth: int = Field(7, ge=1, description="frames that the points are averaged over")
    quality: int = Field(98, ge=50, le=100, description="JPEG quality of the stored frames")

    @field_validator("size")
    @classmethod
    def _is_size(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not all(32 <= side <= 1024 and side % 2 == 0 for side in value):
            raise ValueError("width and height are even numbers from 32 to 1024")
        return value


COLUMNS = pa.schema(
    [
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("scale", pa.float32()),
        ("residual_px", pa.float32()),
        ("bytes", pa.int64()),
    ]
)


def run(clip: Clip, params: AlignParams) -> Row:
    """Warp each frame by the similarity transform of its smoothed stable points."""
    found = clip.rows["detect"]
    stored = io.BytesIO(clip.artifact("detect", detect.ARTIFACT).read_bytes())
    with np.load(stored, allow_pickle=False) as track:
        points = alignment.smooth(track["points"], params.smooth)
    transforms = alignment.similarity(points, params.size)
    pictures = itertools.islice(clip.frames(found["fps"]), found["first"], found["first"] + found["frames"])
    crops = [
        alignment.crop(picture, transform, params.size)
        for picture, transform in zip(pictures, transforms, strict=True)
    ]
    data = mjpeg.encode(np.stack(crops), Fraction(found["fps"]), params.quality)
    files.write_bytes(clip.artifact("align", ARTIFACT), data)
    placed = alignment.transform_points(points, transforms)[:, STABLE]
    return {
        "width": params.size[0],
        "height": params.size[1],
        "scale": float(np.median(np.hypot(transforms[:, 0, 0], transforms[:, 0, 1]))),
        "residual_px": float(np.linalg.norm(placed - alignment.targets(params.size), axis=-1).mean()),
        "bytes": len(data),
    }


STAGE = Stage(
    name="align",
    version=1,
    description="The canonical face.",
    params=AlignParams,
    columns=COLUMNS,
    run=run,
    reads=("scan", "detect"),
    artifact=ARTIFACT,
)
