"""The settings of the audit: from where on a figure is worth a look. The `audit` block of stages.yaml."""

from pydantic import Field

from s2f.pipeline.core.params import Params


class AuditParams(Params):
    """Thresholds. Each belongs to the check that names it; docs/audit.md tells what the checks mean."""

    worst: int = Field(8, ge=1, le=100, description="how many clips are shown per check")

    max_step_spread: float = Field(5.0, description="ms by which the intervals of frames may differ")
    max_frames_off: float = Field(1.5, description="frames more or less than the video's duration has")
    min_seconds: float = Field(0.5, description="length of a video in seconds")
    max_damaged: int = Field(0, description="frames that are damaged, missing or complained of")
    max_black: float = Field(0.02, description="share of black frames")
    max_frozen: int = Field(4, description="frames in a row that do not change")
    min_sharpness: float = Field(60.0, description="contrast of fine detail in the crop, grey levels squared")
    min_brightness: float = Field(50.0, description="mean grey level of the face")
    max_brightness: float = Field(210.0, description="mean grey level of the face")

    min_face_width: float = Field(80.0, description="width of the face in the source, px")
    min_detected: float = Field(0.9, description="share of frames in which the face was seen")
    max_yaw: float = Field(
        25.0, description="degrees that a face may be turned to the side; a rough estimate"
    )
    max_pitch: float = Field(35.0, description="degrees up or down; a rough estimate")
    max_roll: float = Field(20.0, description="degrees that a head may be tilted")
    max_jitter: float = Field(3.0, description="tremor of the five stable points, % of the eyes' distance")
    max_occlusion: float = Field(25.0, description="change of the lower face at its worst, grey levels")
    min_mouth_range: float = Field(3.0, description="range of the mouth's opening, % of the eyes' distance")
    max_identity: float = Field(0.45, description="distance of the face from those of its speaker")

    min_lufs: float = Field(-35.0, description="loudness, LUFS")
    max_lufs: float = Field(-8.0, description="loudness, LUFS")
    min_headroom: float = Field(
        1.4, description="the loudest samples against loud ones; clipped sound has 1.3 or less"
    )
    min_rate: float = Field(
        1.0, description="sample rate of the source, as a share of the one it is stored at"
    )
    max_silent: float = Field(0.7, description="share of the clip that is silent, below -50 dB")
    min_snr: float = Field(15.0, description="dB between speech and background")
    max_length_off: float = Field(100.0, description="ms by which sound and video may differ in length")

    sync_clips: int = Field(12, ge=3, description="fewer clips of a speaker tell nothing of his sync")
    max_lag: float = Field(1.5, description="frames that sound and mouth may be apart, pooled per speaker")
    max_offset: float = Field(2.5, description="the same of one clip, by a sync scorer given with --sync")

    min_words_per_minute: float = Field(60.0, description="slower speech is suspicious")
    max_words_per_minute: float = Field(400.0, description="faster speech is suspicious")
    min_spoken: float = Field(0.2, description="share of the video at which the last word ends, at least")
    max_spoken: float = Field(1.1, description="share of the video at which the last word ends, at most")

    max_lost: float = Field(0.1, description="share of the clips that prep may reject or fail at")
    near_duplicate: float = Field(0.9, description="likeness of two clips' sounds that makes them one")
    max_share: float = Field(
        0.5, description="share of the hours of the train split that one speaker may have"
    )
