"""The measures of all clips, kept in OUT/audit: a clip is measured again only when it has changed."""

import functools
from collections.abc import Iterator, Mapping

import pyarrow as pa

from s2f.pipeline.audit.measures import clip as measure
from s2f.pipeline.audit.measures.clip import Material
from s2f.pipeline.core import files, locks
from s2f.pipeline.core.executors import WorkerLostError, open_executor
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import Progress
from s2f.pipeline.core.schema import COMMON
from s2f.pipeline.faces import preload
from s2f.pipeline.faces.settings import FaceSettings, read_settings
from s2f.pipeline.stages import align, detect, resample
from s2f.pipeline.stages.base import artifact_name, key

NAME = "measures"
SCHEMA = pa.schema([*COMMON, *measure.COLUMNS])
TIME_LIMIT = 600.0
FLUSH_EVERY = 200

# What local workers share.
PRELOAD = ("s2f.pipeline.audit.measures.clip",)


def folder_of(out: Place) -> Place:
    """Where an audit leaves its files."""
    return out / "audit"


def measured(data: PreparedSet, tables: Mapping[str, Manifest], workers: int, progress: Progress) -> Manifest:
    """The measures of all clips that have a track of a face; those that are missing or stale are made now.

    Raises InputError where another audit is at work on OUT.
    """
    folder = folder_of(data.place)
    files.make_folder(folder)
    with locks.alone(folder / ".lock"):
        measures = Manifest(folder, NAME, SCHEMA)
        wanted = {each.clip_id: each for each in materials(data.place, tables)}
        for clip_id in [clip_id for clip_id in measures if clip_id not in wanted]:
            measures.remove(clip_id)
        todo = [each for each in wanted.values() if not _is_fresh(measures, each)]
        try:
            _measure(todo, measures, read_settings(data), workers, progress)
        finally:
            measures.compact()
    return measures


def _is_fresh(measures: Manifest, material: Material) -> bool:
    return material.clip_id in measures and measures.brief(material.clip_id)[:2] == (material.key, "ok")


def _measure(
    todo: list[Material], measures: Manifest, faces: FaceSettings, workers: int, progress: Progress
) -> None:
    executor = open_executor(workers=workers, preload=(*PRELOAD, *preload(faces.backend)))
    work = functools.partial(measure.measure, faces=faces)
    results = executor.run(work, todo, len(todo), TIME_LIMIT)
    for done, (material, result) in enumerate(results if todo else (), start=1):
        if isinstance(result, WorkerLostError):
            row = {"clip_id": material.clip_id, "key": material.key, "status": "failed"}
            measures.put(row | {"reason": result.reason, "message": result.message})
        else:
            measures.put(result)
        if done % FLUSH_EVERY == 0:
            measures.flush()
        progress("clips", done, len(todo))


def materials(out: Place, tables: Mapping[str, Manifest]) -> Iterator[Material]:
    """What prep has made of each clip with a face track. Its key covers the rows that the files come from."""
    rates, loudness = tables["resample"].column("sample_rate"), tables["window"].column("loudness")
    suffixes = {"detect": detect.ARTIFACT, "align": align.ARTIFACT, "resample": resample.ARTIFACT}
    folders = {name: out / "artifacts" / name for name in suffixes}
    for clip_id in tables["detect"]:
        briefs = {
            name: tables[name].brief(clip_id) for name in (*suffixes, "window") if clip_id in tables[name]
        }
        parts = {
            name: folders[name] / artifact_name(clip_id, briefs[name][0], suffix)
            for name, suffix in suffixes.items()
            if name in briefs and briefs[name][1] == "ok"
        }
        if "detect" in parts:
            yield Material(
                clip_id,
                key(measure.VERSION, "", [f"{name}={brief[0]}" for name, brief in briefs.items()]),
                parts["detect"],
                parts.get("align"),
                parts.get("resample"),
                rates.get(clip_id) or 0,
                tuple(loudness.get(clip_id) or ()) or None,
            )
