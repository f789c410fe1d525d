"""window: the stretch of sound that belongs to each frame; where it starts and how loud it is."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
from pydantic import Field

from s2f.pipeline.core import wav, windows
from s2f.pipeline.core.errors import Rejected
from s2f.pipeline.core.params import Params
from s2f.pipeline.core.schema import Row
from s2f.pipeline.stages import resample
from s2f.pipeline.stages.base import Clip, Stage


class WindowParams(Params):
    """Settings of the window stage."""

    seconds: float = Field(0.16, gt=0, le=2, description="length of a window in seconds")
    min_loudness: float = Field(
        -50.0, description="quieter clips are rejected; dB of full scale over the whole clip"
    )


COLUMNS = pa.schema(
    [
        ("window", pa.int32()),
        ("starts", pa.list_(pa.int32())),
        ("padded_windows", pa.int32()),
        ("loudness", pa.list_(pa.float32())),
        ("mean_loudness", pa.float32()),
    ]
)


def run(clip: Clip, params: WindowParams) -> Row:
    """Lay out one clip's windows and measure their loudness."""
    found, sound_row = clip.rows["detect"], clip.rows["resample"]
    sound = wav.decode(clip.artifact("resample", resample.ARTIFACT).read_bytes())
    rate = sound_row["sample_rate"]
    size = windows.window_size(params.seconds, rate)
    starts = windows.window_starts(found["frames"], Fraction(found["fps"]), rate, size)
    mean = float(windows.loudness(sound[None])[0])
    row: Row = {
        "window": size,
        "starts": starts.tolist(),
        "padded_windows": int(np.sum((starts < 0) | (starts + size > len(sound)))),
        "loudness": windows.loudness(windows.cut_windows(sound, starts, size)).tolist(),
        "mean_loudness": mean,
    }
    if mean < params.min_loudness:
        raise Rejected("silent", f"the sound is {mean:.0f} dB, as good as silent", **row)
    return row


STAGE = Stage(
    name="window",
    version=1,
    description="The stretch of sound that belongs to each frame.",
    params=WindowParams,
    columns=COLUMNS,
    run=run,
    reads=("scan", "detect", "resample"),
    reasons={"silent": "the sound is softer than window.min_loudness"},
)
