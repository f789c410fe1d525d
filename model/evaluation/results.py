"""What an evaluation has found, and how it is written."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from s2f.model.evaluation.comparison import Comparison, verdict
from s2f.model.metrics.interval import Interval, bootstrap
from s2f.model.metrics.scoring import Column, Missing, Note, Scored
from s2f.pipeline.core import files
from s2f.pipeline.core.manifest import write_table

SUMMARY, CLIPS = "evaluation.json", "clips.parquet"


@dataclass(frozen=True)
class Row:
    """A video of the table: a run, `still` or `real`, with the mean of each measure, and a run's speed.

    `real_time` is how many seconds of video a run makes in a second.
    """

    name: str
    scores: dict[str, Interval]
    frames_per_second: float | None = None
    real_time: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """What came of it: the rows, runs against the first one, the scores of every clip, what is missing.

    `title` says in words what was measured, `source` where it lies. `clips` counts all, also those that
    could not be read. The scores of each row, and of each clip, are those of some of the `columns`.
    """

    title: str
    source: dict[str, str]
    clips: int
    seed: int
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    scored: tuple[Scored, ...]
    missing: tuple[Missing, ...]
    notes: tuple[Note, ...] = ()

    @property
    def runs(self) -> tuple[Row, ...]:
        """The rows but for `still` and `real`, which are the last ones."""
        return self.rows[:-2]


def summarise(
    name: str,
    scored: Sequence[Scored],
    columns: Sequence[Column],
    seed: int,
    speed: tuple[float, float] | None,
) -> Row:
    """The row of a run, `still` or `real`: its means over the clips, and if it is a run its speed."""
    found = [clip.scores.get(name, {}) for clip in scored]
    scores = {
        column.name: bootstrap(np.array([each[column.name] for each in found if column.name in each]), seed)
        for column in columns
        if any(column.name in each for each in found)
    }
    return Row(name, scores, *(speed or (None, None)))


def speaker_means(found: Evaluation) -> dict[str, dict[str, dict[str, float]]]:
    """The mean of each column over the clips of a speaker, by speaker and video; none where none is known."""
    grouped: dict[str, list[Scored]] = {}
    for clip in found.scored:
        if clip.speaker:
            grouped.setdefault(clip.speaker, []).append(clip)
    return {
        speaker: {row.name: _means(row.name, clips, found.columns) for row in found.rows}
        for speaker, clips in sorted(grouped.items())
    }


def _means(name: str, clips: list[Scored], columns: Sequence[Column]) -> dict[str, float]:
    values = {
        column.name: [clip.scores.get(name, {}).get(column.name, math.nan) for clip in clips]
        for column in columns
    }
    known = {column: [each for each in found if not math.isnan(each)] for column, found in values.items()}
    return {column: float(np.mean(found)) for column, found in known.items() if found}


def summary(found: Evaluation) -> dict[str, Any]:
    """The evaluation as it is written to JSON; what is no finite number is null."""
    titles = {each.name: each for each in found.columns}
    content = {
        **found.source,
        "clips": found.clips,
        "measured": len(found.scored),
        "seed": found.seed,
        "measures": {
            each.name: {"title": each.title, "higher_is_better": each.higher_is_better}
            for each in found.columns
        },
        "rows": [asdict(row) for row in found.rows],
        "comparisons": [
            {
                "name": each.name,
                "against": each.against,
                "differences": {
                    column: {**asdict(difference), "verdict": verdict(titles[column], difference)}
                    for column, difference in each.differences.items()
                },
            }
            for each in found.comparisons
        ],
        "speakers": speaker_means(found),
        "missing": [asdict(each) for each in found.missing],
        "notes": [asdict(each) for each in found.notes],
    }
    plain: dict[str, Any] = finite(content)
    return plain


def write_json(found: Evaluation, path: Path) -> None:
    """Write the summary. Raises OutputError."""
    files.write_bytes(path, (json.dumps(summary(found), indent=2, ensure_ascii=False) + "\n").encode())


def write_folder(found: Evaluation, folder: Path) -> None:
    """Write the summary and, a row per clip and video, the scores as Parquet. Raises OutputError."""
    write_json(found, folder / SUMMARY)
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
        for clip in found.scored
        for video, scores in clip.scores.items()
    ]
    write_table(folder / CLIPS, rows, _schema(found.columns))


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
    """The same dicts, lists and values with None in the place of what is no finite number."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
