"""Scan, segment, detect, align, resample, window, shard: a file per stage, and one table."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s2f.pipeline.stages.base import Stage

# The module of each stage; its STAGE is the stage. They are imported at first use: they need large libraries.
STAGES = {
    "scan": "s2f.pipeline.stages.scan",
    "segment": "s2f.pipeline.stages.segment",
    "detect": "s2f.pipeline.stages.detect",
    "align": "s2f.pipeline.stages.align",
    "resample": "s2f.pipeline.stages.resample",
    "window": "s2f.pipeline.stages.window",
    "shard": "s2f.pipeline.stages.shard",
}


def load_stage(name: str) -> "Stage":
    """A stage by its name in STAGES."""
    stage: Stage = importlib.import_module(STAGES[name]).STAGE
    return stage


def load_stages() -> "tuple[Stage, ...]":
    """All stages in their order."""
    return tuple(map(load_stage, STAGES))


def clip_stages() -> "tuple[Stage, ...]":
    """The stages that work on single clips, in their order."""
    return tuple(stage for stage in load_stages() if stage.unit == "clip")
