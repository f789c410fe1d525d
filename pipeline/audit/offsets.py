"""By how much sound is late, as an audit has found it: for prep to take out, as `resample.offsets`."""

import json
from collections import Counter

import numpy as np

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks import sync
from s2f.pipeline.audit.measuring import folder_of
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place

# The name under which audit.json holds them.
OFFSETS = "offsets"
JSON = "audit.json"


def found(audit: Audit) -> dict[str, float]:
    """By how many ms the sound of speakers and of single clips is late in the raw videos.

    What prep has taken out counts: an audit of the set that was made with these offsets gives them again.
    """
    clips = audit.clips
    flagged = {each.check: each.flagged for each in audit.findings}
    speakers = {name: audit.lags[name].peak for name in flagged[sync.SPEAKERS.name]}
    single = {name: (clips.offsets or {})[name] for name in flagged.get(sync.CLIP.name, ())}
    taken = np.nan_to_num(clips.numbers("resample", "offset_ms"))
    late: dict[str, dict[str, float]] = {}
    for number in np.flatnonzero(~np.isnan(clips.numbers("resample", "samples"))).tolist():
        clip_id, speaker = clips.ids[number], clips.speaker[number]
        frames = single.get(clip_id, speakers.get(speaker, speakers.get(sync.ALL, 0)))
        late.setdefault(speaker, {})[clip_id] = round(float(taken[number]) + frames * clips.frame_ms, 1)
    return {name: offset for speaker, each in late.items() for name, offset in _brief(speaker, each).items()}


def read(audited: Place) -> dict[str, float]:
    """What an audit has found: of a prepared set, or in a file audit.json. Raises InputError."""
    path = audited if audited.name == JSON else folder_of(audited) / JSON
    try:
        offsets = json.loads(path.read_bytes())[OFFSETS]
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist", "give a set that 's2f audit' has looked at") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} tells no offsets", "run 's2f audit' again on that set") from error
    if not isinstance(offsets, dict):
        raise InputError(f"{path} tells no offsets", "run 's2f audit' again on that set")
    return offsets


def _brief(speaker: str, late: dict[str, float]) -> dict[str, float]:
    """The offset that most clips of a speaker have under his name, and others under those of the clips."""
    usual = Counter(late.values()).most_common(1)[0][0]
    others = {clip_id: offset for clip_id, offset in late.items() if offset != usual}
    return ({speaker: usual} if usual else {}) | others
