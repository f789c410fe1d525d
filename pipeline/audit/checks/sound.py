"""Checks of the sound."""

from collections import Counter

import numpy as np

from s2f.pipeline.audit.checks.base import ClipCheck, Setting, measured
from s2f.pipeline.audit.clips import Clips, Scores


def _rate(clips: Clips) -> Scores:
    stored = clips.numbers("resample", "sample_rate")
    return np.where(np.isnan(stored), np.nan, clips.numbers("scan", "source_rate") / stored)


def _channels(clips: Clips) -> Scores:
    channels = clips.numbers("scan", "channels")
    usual = Counter(channels[~np.isnan(channels)].tolist()).most_common(1)
    return np.where(np.isnan(channels), np.nan, channels != (usual[0][0] if usual else 0))


def _length_off(clips: Clips) -> Scores:
    excess = 1000 * clips.numbers("resample", "excess_samples") / clips.numbers("resample", "sample_rate")
    # By a known offset that was taken out, the sound is longer or shorter than it is in the video.
    return np.asarray(np.abs(excess + np.nan_to_num(clips.numbers("resample", "offset_ms"))))


def _lost(clips: Clips) -> Scores:
    return 1000 * clips.numbers("resample", "lost_seconds")


def _cancelled(clips: Clips) -> Scores:
    return clips.numbers("resample", "cancelled")


CHECKS = (
    ClipCheck(
        name="sound.rate",
        title="Sample rate",
        unit="of the wanted",
        level="warning",
        meaning="The sound was recorded at a lower rate than it is stored at: it has no treble.",
        advice="Find a better recording, or lower resample.sample_rate for the whole set.",
        basis="sample rate of the source against the stored one",
        score=_rate,
        least=Setting("min_rate", 1.0, "sample rate of the source, as a share of the one it is stored at"),
    ),
    ClipCheck(
        name="sound.channels",
        title="Channels",
        level="note",
        meaning="These clips have another number of channels than most; prep mixes them to one.",
        advice="Check that the voice is in both channels.",
        basis="differs from most of the set",
        score=_channels,
    ),
    ClipCheck(
        name="sound.cancelled",
        title="Channels that cancel",
        level="note",
        meaning="One channel is the negative of another and their mix silent; prep took the louder one.",
        advice="Nothing needs to be done; a cable was wired the wrong way round.",
        basis="the mix of the first seconds has less than 0.3 of what unrelated channels would give",
        score=_cancelled,
    ),
    ClipCheck(
        name="sound.lost",
        title="Lost sound",
        unit="ms",
        level="warning",
        meaning="Pieces of the sound are missing; prep has put silence there.",
        advice="Take the file from its origin again, or remove the clip if words are lost.",
        basis="gaps between the time stamps of the sound",
        score=_lost,
        most=Setting("max_lost_sound", 20.0, "ms of sound that may be missing within a clip"),
    ),
    ClipCheck(
        name="sound.loudness",
        title="Loudness",
        unit="LUFS",
        level="warning",
        meaning="The voice is far softer or louder than speech usually is.",
        advice="Bring the set to one loudness before prep.",
        basis="integrated loudness as in ITU-R BS.1770",
        score=measured("lufs"),
        least=Setting("min_lufs", -35.0, "loudness, LUFS"),
        most=Setting("max_lufs", -8.0, "loudness, LUFS"),
    ),
    ClipCheck(
        name="sound.clipping",
        title="Clipping",
        unit="times",
        level="warning",
        meaning="The tops of the waves are cut off, which sounds harsh and hides vowels.",
        advice="Find a better recording; clipping cannot be undone.",
        basis="the loudest thousandth of the samples against the loudest fiftieth: clipped waves are flat,"
        " even after a codec has smoothed their peaks; GRID has 1.6 to 2.4, clipped sound 1.3 or less",
        score=measured("headroom"),
        least=Setting(
            "min_headroom", 1.4, "the loudest samples against loud ones; clipped sound has 1.3 or less"
        ),
    ),
    ClipCheck(
        name="sound.silence",
        title="Silence",
        unit="share",
        level="error",
        meaning="Most of the clip, or all of it, is silent, while somebody seems to talk.",
        advice="Remove the clip; it teaches lips to move without sound.",
        basis="share of blocks of 20 ms below -50 dB",
        score=measured("silent"),
        most=Setting("max_silent", 0.7, "share of the clip that is silent, below -50 dB"),
        reasons=("silent", "no_audio"),
    ),
    ClipCheck(
        name="sound.noise",
        title="Speech above background",
        unit="dB",
        level="warning",
        meaning="Between words it is nearly as loud as in them: noise, music, or other voices.",
        advice="Remove the clip, or clean its sound.",
        basis="95th against 10th percentile of the levels of blocks of 20 ms: how far speech is above the"
        " sound between the words",
        score=measured("snr"),
        least=Setting("min_snr", 15.0, "dB between speech and background"),
    ),
    ClipCheck(
        name="sound.length",
        title="Sound against video",
        unit="ms",
        level="warning",
        meaning="Sound and video differ in length; prep has cut or padded the end.",
        advice="A difference in the middle would shift all that follows: see the sync check.",
        basis="length of the sound against the video, before known offsets are taken out; GRID's sound is"
        " 22 ms short",
        score=_length_off,
        most=Setting("max_length_off", 100.0, "ms by which sound and video may differ in length"),
        reasons=("sound_too_short",),
    ),
)
