"""resample: mono sound at one rate, exactly as long as the video."""

from fractions import Fraction
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from s2f.pipeline.core import files, media, wav, windows
from s2f.pipeline.core.errors import MediaError, Rejected, SampleError, TimeStampError
from s2f.pipeline.core.params import Params
from s2f.pipeline.core.schema import SOUND, Row
from s2f.pipeline.stages.base import Clip, Stage, own

ARTIFACT = f".{SOUND}"


class ResampleParams(Params):
    """Settings of the resample stage."""

    sample_rate: int = Field(16_000, ge=8_000, le=48_000, description="samples per second")
    max_missing: float = Field(
        0.25, ge=0, description="seconds of video that may lack sound at the end; padded"
    )
    offsets: dict[str, Annotated[float, Field(ge=-10_000, le=10_000)]] = Field(
        {},
        description="ms by which the sound of a speaker or a clip is late: taken out, as in {s1: 80}",
    )


COLUMNS = pa.schema(
    [
        ("sample_rate", pa.int32()),
        ("samples", pa.int64()),
        ("excess_samples", pa.int64()),
        ("peak", pa.float32()),
        ("lost_seconds", pa.float32()),
        ("cancelled", pa.bool_()),
        ("offset_ms", pa.float32()),
    ]
)


def run(clip: Clip, params: ResampleParams) -> Row:
    """Resample one clip's sound and pad or cut its end; `excess_samples` is how much longer it was.

    A known offset is taken out first: late sound loses its begin, early sound gets what lies before it, or
    silence.
    """
    found = clip.rows["detect"]
    start = clip.rows["scan"]["video_start"] + float(found["first"] / Fraction(found["fps"]))
    offset = own(params.offsets, clip.source)
    try:
        end = None if clip.end is None else clip.end + offset / 1000
        reader = media.SoundReader(clip.video, params.sample_rate, start + min(0.0, offset / 1000), end=end)
        sound = np.concatenate(list(reader))[round(max(0.0, offset / 1000) * params.sample_rate) :]
    except TimeStampError as error:
        raise Rejected("time_stamps", error.message) from error
    except SampleError as error:
        raise Rejected("no_numbers", error.message) from error
    except MediaError as error:
        raise Rejected("no_audio", error.message) from error
    wanted = windows.samples_for(found["frames"], Fraction(found["fps"]), params.sample_rate)
    row: Row = {
        "sample_rate": params.sample_rate,
        "samples": wanted,
        "excess_samples": len(sound) - wanted,
        "peak": float(np.abs(sound).max(initial=0)),
        "lost_seconds": reader.lost,
        "cancelled": reader.cancelled,
        "offset_ms": offset,
        "message": reader.note,
    }
    if wanted - len(sound) > params.max_missing * params.sample_rate:
        missing = (wanted - len(sound)) / params.sample_rate
        known = f", {offset:g} ms of which are its offset" if offset > 0 else ""
        raise Rejected("sound_too_short", f"the sound ends {missing:.2f} s before the video{known}", **row)
    fitted = windows.fit_length(sound, wanted)
    files.write_bytes(clip.artifact("resample", ARTIFACT), wav.encode(fitted, params.sample_rate))
    return row


STAGE = Stage(
    name="resample",
    version=2,
    description="Sound at one rate, as long as the video.",
    params=ResampleParams,
    columns=COLUMNS,
    run=run,
    reads=("scan", "detect"),
    artifact=ARTIFACT,
    by_clip=frozenset({"offsets"}),
    reasons={
        "no_audio": "ffmpeg reads no sound",
        "time_stamps": "the time stamps of the sound jump, as where two recordings are put together",
        "no_numbers": "samples of the sound are no numbers, or endless",
        "sound_too_short": "the sound ends more than resample.max_missing seconds before the video",
    },
)
