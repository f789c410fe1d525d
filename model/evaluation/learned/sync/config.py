"""The settings of the sync scorer's training: the `sync` block of stages.yaml.

Only pydantic is imported here, so that the command line stays quick.
"""

from pydantic import Field

from s2f.pipeline.core.params import Params


class SyncParams(Params):
    """What is trained and for how long. The defaults suit a CPU and some dozens of clips."""

    width: int = Field(16, ge=2, le=256, description="channels of the first layers")
    steps: int = Field(400, ge=1, description="batches to train on")
    batch: int = Field(8, ge=1, le=1024, description="clips per batch")
    frames: int = Field(50, ge=6, le=1000, description="length in frames of what is cut from each clip")
    seed: int = Field(0, ge=0, description="fixes weights, order and augmentation")
    threads: int = Field(0, ge=0, le=256, description="threads of torch; 0 = its own choice")
