"""The settings that batches depend on.

Only pydantic is imported here, so that the command line stays quick.
"""

from typing import Literal

from pydantic import Field

from s2f.pipeline.core.params import Params


class LoaderParams(Params):
    """How shards become batches."""

    window_seconds: float = Field(0.16, ge=0.02, le=1.0, description="sound per frame, in seconds")
    batch: int = Field(8, ge=1, le=1024, description="clips per batch")
    frames: int = Field(25, ge=2, le=1000, description="length in frames of what is cut from each clip")
    balance: float = Field(
        0.0, ge=0, le=1, description="0 takes all clips as often; 1 takes all speakers as often"
    )
    mirror: bool = Field(True, description="mirror half of the clips")
    still: Literal["first", "any"] = Field("first", description="which frame of a clip is its still")
    augment_sound: bool = Field(False, description="sound of another colour and loudness; for small sets")
    augment_pictures: bool = Field(False, description="move and light clips otherwise; for small sets")
    shuffle: int = Field(128, ge=1, le=100_000, description="clips held in memory to be shuffled, per worker")
    seed: int = Field(0, ge=0, description="fixes weights, order, crops and noise")
    workers: int = Field(2, ge=0, le=64, description="processes that read shards; 0 = the trainer reads them")
    max_unreadable: int = Field(10, ge=0, description="clips per epoch and rank that may be unreadable")

    @property
    def pictures(self) -> bool:
        """Whether batches hold pictures."""
        return True

    @property
    def motion(self) -> bool:
        """Whether batches hold how the points move."""
        return False
