"""The audit of raw videos before prep: probes each container, looks at a few frames and seconds of it.

It finds in seconds what prep would find in hours: no face, no sound, black pictures, other resolutions.
Checks that need more than that are left out.
"""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from s2f.pipeline.audit.auditing import Audit, judged
from s2f.pipeline.audit.clips import Records
from s2f.pipeline.audit.findings import Finding
from s2f.pipeline.audit.measures.sound import of_sound
from s2f.pipeline.audit.measures.video import of_frames
from s2f.pipeline.audit.measuring import NAME, PRELOAD, SCHEMA, TIME_LIMIT
from s2f.pipeline.audit.settings import AuditParams
from s2f.pipeline.core import media
from s2f.pipeline.core.errors import MediaError, Rejected
from s2f.pipeline.core.executors import WorkerLostError, open_executor
from s2f.pipeline.core.files import Copies, Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.core.schema import Row
from s2f.pipeline.corpora import listing
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.faces import alignment, preload
from s2f.pipeline.faces.base import Backend
from s2f.pipeline.faces.settings import FaceSettings
from s2f.pipeline.stages import clip_stages, scan
from s2f.pipeline.stages.base import Clip
from s2f.pipeline.stages.shard import STAGE as SHARD

# So many frames of a clip are looked at, and so many seconds of its sound listened to.
FRAMES, SECONDS = 3, 10.0
RATE = 16_000

# Checks of what only prep makes; before it they would flag everything.
AFTER_PREP = ("set.splits", "set.lost", "set.recordings")

# The measures for which so few frames and seconds are enough.
LOOKED_AT = ("black", "sharpness", "brightness")
LISTENED_TO = ("lufs", "headroom", "silent", "snr")


@dataclass(frozen=True)
class Glance:
    """What is seen of a clip: rows as the stages and the measures have them, as far as they are known."""

    scan: Row
    detect: Row
    measures: Row


def audit_raw(
    root: Place,
    corpus: str,
    params: AuditParams,
    faces: FaceSettings,
    *,
    workers: int,
    limit: int | None,
    progress: Progress,
    speaker: str | None = None,
) -> Audit:
    """Judge the raw videos of a folder, or its first `limit` ones. Raises InputError where there are none.

    `corpus` and `speaker` are the settings of the scan stage.
    """
    sources = listing.find_clips(root, corpus, speaker=speaker)[:limit]
    # Manifests that are kept in memory: nothing is written to a raw folder.
    tables = {each.name: Manifest(root / ".none", each.name, each.schema) for each in clip_stages()}
    samples = Manifest(root / ".none", SHARD.name, SHARD.schema)
    measures = Manifest(root / ".none", NAME, SCHEMA)
    executor = open_executor(workers=workers, preload=(*PRELOAD, *preload(faces.backend)))
    work = functools.partial(glance, faces=faces)
    results = executor.run(work, sources, len(sources), TIME_LIMIT)
    for done, (source, result) in enumerate(results, start=1):
        seen = result if isinstance(result, Glance) else _lost(source, result)
        tables["scan"].put(seen.scan)
        if seen.scan["status"] == "ok":
            tables["detect"].put(seen.detect)
        if seen.measures:
            measures.put(seen.measures)
        progress("clips", done, len(sources))
    audit = judged(Records(root, tables, samples, measures), params)
    return replace(audit, findings=tuple(each for each in audit.findings if _is_known(each)))


def _is_known(finding: Finding) -> bool:
    """Whether a check had anything to judge by."""
    judged_by = finding.flagged or finding.worst or finding.check == "set.known"
    return bool(judged_by) and finding.check not in AFTER_PREP


def glance(source: Source, faces: FaceSettings) -> Glance:
    """Look at one clip; whatever is wrong with it becomes its rows."""
    with Copies() as copies:
        try:
            row = _origin(source) | scan.run(Clip(source, "", {}, {}, source.root, copies), scan.ScanParams())
        except Rejected as verdict:
            row = _origin(source) | verdict.columns | _ended("rejected", verdict.reason, verdict.message)
            if verdict.reason == "unknown_codec":
                return Glance(row, {}, {})
        except (MediaError, OSError) as error:
            message = error.message if isinstance(error, MediaError) else str(error)
            return Glance(_origin(source) | _ended("failed", "unreadable", message), {}, {})
        detect, measures = _look(copies.local(source.video), faces.open())
        if row["status"] == "ok":
            measures |= _listen(copies.local(source.video))
    name = {"clip_id": source.clip_id}
    return Glance(row, name | detect, name | _ended("ok") | measures)


def _look(video: Path, backend: Backend) -> tuple[Row, Row]:
    """The faces of some frames, and what the pictures are like there."""
    crops, widths, counts = [], [], []
    for picture in media.sample_frames(video, FRAMES):
        faces = sorted(backend.detect(picture), key=lambda face: float(face.box[2] - face.box[0]))
        counts.append(len(faces))
        points = backend.points(picture, faces[-1].box) if faces else None
        if points is not None:
            widths.append(float(faces[-1].box[2] - faces[-1].box[0]))
            crops.append(alignment.crop(picture, alignment.similarity(points[None])[0]))
    if not counts:
        return _ended("failed", "unreadable", "no frame could be decoded"), {}
    if not crops:
        return _ended("rejected", "no_face", f"no face in {len(counts)} frames that were looked at"), {}
    unseen = len(counts) - len(crops)
    row: Row = _ended("ok") | {
        "face_px": float(np.median(widths)),
        "frames": len(counts),
        "interpolated": unseen,
    }
    if min(counts) > 1:
        row["several_faces"] = f"{min(counts)} faces in each of {len(counts)} frames that were looked at"
    figures = of_frames(np.stack(crops))
    return row, {name: figures[name] for name in LOOKED_AT}


def _listen(video: Path) -> Row:
    try:
        sound = next(media.read_audio(video, RATE, chunk_seconds=SECONDS))
    except MediaError:
        return {}
    figures = of_sound(sound, RATE)
    return {name: figures[name] for name in LISTENED_TO}


def _origin(source: Source) -> Row:
    return {"clip_id": source.clip_id, **scan.origin(source), **_ended("ok")}


def _ended(status: str, reason: str = "", message: str = "") -> Row:
    return {"key": "", "status": status, "reason": reason, "message": message}


def _lost(source: Source, error: WorkerLostError) -> Glance:
    return Glance(_origin(source) | _ended("failed", error.reason, error.message), {}, {})
