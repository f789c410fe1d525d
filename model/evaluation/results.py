"""The results of an evaluation, and the files that they are written to."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from s2f.model.evaluation.comparison import PairedComparison, verdict
from s2f.model.evaluation.probes.measuring import ProbeResult
from s2f.model.metrics.closeness import Closeness, closeness
from s2f.model.metrics.frechet import frechet_distance
from s2f.model.metrics.interval import Interval, bootstrap
from s2f.model.metrics.scoring import REAL, Column, Missing, Note, Scored, SetMeasure
from s2f.pipeline.core import files
from s2f.pipeline.core.manifest import write_table

SUMMARY, CLIPS = "evaluation.json", "clips.parquet"


@dataclass(frozen=True)
class VideoScores:
    """The mean of each metric of a run, of `still` or of `real`, and the speed of a run.

    `real_time` is how many seconds of video the run makes in a second.
    """

    name: str
    scores: dict[str, Interval]
    frames_per_second: float | None = None
    real_time: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """All results: a row of means per video, the runs against the first one, and the scores of every clip.

    `title` says in words what was measured, `source` where it lies. `clips` counts all clips, also those
    that could not be read; `missing` says which scores there are not, and why. A row or a clip may lack
    some of the `columns`. `closeness` is that of each run to the real video; `remarks` are sentences on what
    else is not measured. `probes` are the results of the probes, of `probed` clips.
    """

    title: str
    source: dict[str, str]
    clips: int
    seed: int
    columns: tuple[Column, ...]
    rows: tuple[VideoScores, ...]
    comparisons: tuple[PairedComparison, ...]
    scored: tuple[Scored, ...]
    missing: tuple[Missing, ...]
    notes: tuple[Note, ...] = ()
    closeness: dict[str, Closeness] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    probed: int = 0

    @property
    def clip_columns(self) -> tuple[Column, ...]:
        """The columns that each clip has a value of."""
        return tuple(each for each in self.columns if not isinstance(each, SetMeasure))

    @property
    def runs(self) -> tuple[VideoScores, ...]:
        """The rows without the last two, `still` and `real`."""
        return self.rows[:-2]


def summarise(
    name: str,
    scored: Sequence[Scored],
    columns: Sequence[Column],
    seed: int,
    speed: tuple[float, float] | None,
) -> VideoScores:
    """The means of a run, of `still` or of `real` over the clips, with the speed of a run.

    What is measured on all clips together has no interval.
    """
    clips = [clip.scores.get(name, {}) for clip in scored]
    scores = {
        column.name: bootstrap(np.array([clip[column.name] for clip in clips if column.name in clip]), seed)
        for column in columns
        if any(column.name in clip for clip in clips)
    }
    nan = float("nan")
    for column in columns:
        if isinstance(column, SetMeasure) and (distance := _distance(name, scored, column)) is not None:
            scores[column.name] = Interval(distance, nan, nan, len(scored))
    return VideoScores(name, scores, *(speed or (None, None)))


def _distance(name: str, scored: Sequence[Scored], measure: SetMeasure) -> float | None:
    """The Fréchet distance of a video's features from those of the real one; None for too few clips."""
    pairs = [clip.features.get(measure.name, {}) for clip in scored]
    some = [(pair[name], pair[REAL]) for pair in pairs if name in pair and name != REAL]
    whole = [each for each in some if all(np.isfinite(features).all() for features in each)]
    if len(whole) < measure.least:
        return None
    made, real = (np.concatenate(features) for features in zip(*whole, strict=True))
    return frechet_distance(made, real)


def closeness_of(name: str, scored: Sequence[Scored], columns: Sequence[Column], seed: int) -> Closeness:
    """How close a run is to the real video."""
    scales = {each.name: each.scale for each in columns if each.scale}
    made, real = (
        {
            column: np.array([clip.scores.get(video, {}).get(column, math.nan) for clip in scored])
            for column in scales
        }
        for video in (name, REAL)
    )
    return closeness(scales, made, real, seed)


def speaker_means(evaluation: Evaluation) -> dict[str, dict[str, dict[str, float]]]:
    """The mean of each column over the clips of a speaker, by speaker and video."""
    grouped: dict[str, list[Scored]] = {}
    for clip in evaluation.scored:
        if clip.speaker:
            grouped.setdefault(clip.speaker, []).append(clip)
    return {
        speaker: {row.name: _means(row.name, clips, evaluation.clip_columns) for row in evaluation.rows}
        for speaker, clips in sorted(grouped.items())
    }


def _means(name: str, clips: list[Scored], columns: Sequence[Column]) -> dict[str, float]:
    values = {
        column.name: [clip.scores.get(name, {}).get(column.name, math.nan) for clip in clips]
        for column in columns
    }
    known = {name: [each for each in column if not math.isnan(each)] for name, column in values.items()}
    return {name: float(np.mean(column)) for name, column in known.items() if column}


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """The content of the JSON; numbers that are not finite are null."""
    titles = {each.name: each for each in evaluation.columns}
    content = {
        **evaluation.source,
        "clips": evaluation.clips,
        "measured": len(evaluation.scored),
        "seed": evaluation.seed,
        "measures": {
            each.name: {"title": each.title, "group": each.group, "higher_is_better": each.higher_is_better}
            for each in evaluation.columns
        },
        "rows": [asdict(row) for row in evaluation.rows],
        "comparisons": [
            {
                "name": each.name,
                "against": each.against,
                "differences": {
                    column: {**asdict(difference), "verdict": verdict(titles[column], difference)}
                    for column, difference in each.differences.items()
                },
            }
            for each in evaluation.comparisons
        ],
        "closeness": {name: asdict(each) for name, each in evaluation.closeness.items()},
        "probed": evaluation.probed,
        "probes": [asdict(each) for each in evaluation.probes],
        "speakers": speaker_means(evaluation),
        "missing": [asdict(each) for each in evaluation.missing],
        "notes": [asdict(each) for each in evaluation.notes],
        "remarks": list(evaluation.remarks),
    }
    plain: dict[str, Any] = finite(content)
    return plain


def write_json(evaluation: Evaluation, path: Path) -> None:
    """Write the summary. Raises OutputError."""
    files.write_bytes(path, (json.dumps(summary(evaluation), indent=2, ensure_ascii=False) + "\n").encode())


def write_folder(evaluation: Evaluation, folder: Path) -> None:
    """Write the summary, and the scores as Parquet with a row per clip and video. Raises OutputError."""
    write_json(evaluation, folder / SUMMARY)
    rows = [
        {
            "clip_id": clip.clip_id,
            "speaker": clip.speaker,
            "video": video,
            "frames": clip.frames,
            "mouth_opening": clip.openings.get(video),
            "text": clip.text,
            "reading": clip.readings.get(video),
            **scores,
        }
        for clip in evaluation.scored
        for video, scores in clip.scores.items()
    ]
    write_table(folder / CLIPS, rows, _schema(evaluation.clip_columns))


def _schema(columns: Sequence[Column]) -> pa.Schema:
    return pa.schema(
        [
            ("clip_id", pa.string()),
            ("speaker", pa.string()),
            ("video", pa.string()),
            ("frames", pa.int64()),
            *((each.name, pa.float64()) for each in columns),
            ("mouth_opening", pa.list_(pa.float32())),
            ("text", pa.string()),
            ("reading", pa.string()),
        ]
    )


def finite(value: Any) -> Any:
    """The same dicts, lists and values, with None in place of numbers that are not finite."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
