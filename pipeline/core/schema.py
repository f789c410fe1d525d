"""The contract between the stages and between the two halves: manifest columns and shard samples."""

from fractions import Fraction
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from s2f.pipeline.core.params import Params

Status = Literal["ok", "rejected", "failed"]
Row = dict[str, Any]

# The members of a shard sample, by file ending.
FRAMES = "avi"
SOUND = "wav"
META = "json"
POINTS = "npy"

# What every manifest row begins with; a stage's own columns follow.
COMMON = pa.schema(
    [
        ("clip_id", pa.string()),
        ("key", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("seconds", pa.float64()),
        ("artifact_sha256", pa.string()),
    ]
)

# OUT/shards/manifest.parquet: one row per tar, with the table of its samples.
SHARDS = pa.schema(
    [
        ("shard", pa.string()),
        ("split", pa.string()),
        ("key", pa.string()),
        ("samples", pa.int64()),
        ("frames", pa.int64()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        (
            "clips",
            pa.list_(pa.struct([("clip_id", pa.string()), ("key", pa.string()), ("frames", pa.int64())])),
        ),
    ]
)


class SampleMeta(Params):
    """The JSON member of a shard sample. `first` is the first frame's number in the raw video, at `fps`.

    The window of frame i is sound[starts[i] : starts[i] + window], zeros where it leaves the sound.
    """

    clip_id: str
    corpus: str
    speaker: str
    utterance: str
    text: str | None
    split: str
    frames: int = Field(gt=0)
    first: int = Field(0, ge=0)
    fps: str
    sample_rate: int = Field(gt=0)
    window: int = Field(gt=0)
    starts: list[int]
    source: str
    source_sha256: str

    @property
    def rate(self) -> Fraction:
        """Frames per second, exact."""
        return Fraction(self.fps)
