"""The six stages, in the order a clip passes them; the last gathers clips into shards."""

from s2f.pipeline.stages import align, detect, resample, scan, window

CLIP_STAGES = (scan.STAGE, detect.STAGE, align.STAGE, resample.STAGE, window.STAGE)
STAGE_NAMES = (*(stage.name for stage in CLIP_STAGES), "shard")
