"""All checks, in the order of their findings."""

from s2f.pipeline.audit.checks import face, sets, shards, sound, sync, text, video
from s2f.pipeline.audit.checks.base import Check, ClipCheck, Setting

CHECKS: tuple[Check, ...] = (
    *video.CHECKS,
    *face.CHECKS,
    *sound.CHECKS,
    *text.CHECKS,
    sync.CLIP,
    *sets.CHECKS,
    sync.SPEAKERS,
    *shards.CHECKS,
)


def clip_checks() -> list[ClipCheck]:
    """The checks of single clips."""
    return [check for check in CHECKS if isinstance(check, ClipCheck)]


def settings() -> list[Setting]:
    """The settings of all checks, in the order of the checks."""
    return [setting for check in CHECKS for setting in check.settings]
