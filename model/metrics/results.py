"""What an evaluation has found, and how it is shown and written."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from s2f.model.metrics.interval import Interval, bootstrap
from s2f.model.metrics.scoring import MEASURES, Measure, Missing, Scored
from s2f.pipeline import files
from s2f.pipeline.manifest import write_table

# So many of the clips that lack a score are named on the terminal; the JSON names all.
NAMED = 12

SUMMARY, CLIPS = "evaluation.json", "clips.parquet"

COLUMNS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("video", pa.string()),
        ("frames", pa.int64()),
        *((each.name, pa.float64()) for each in MEASURES),
    ]
)


@dataclass(frozen=True)
class Row:
    """A line of the table: a run, `still` or `real`, with the mean of each measure, and a run's speed.

    `real_time` is how many seconds of video a run makes in a second.
    """

    name: str
    scores: dict[str, Interval]
    frames_per_second: float | None = None
    real_time: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """What came of it: the rows, the scores of every clip, and what could not be measured.

    `clips` counts all, also those that could not be read.
    """

    split: str
    clips: int
    seed: int
    rows: tuple[Row, ...]
    scored: tuple[Scored, ...]
    missing: tuple[Missing, ...]


def summarise(name: str, scored: list[Scored], seed: int, speed: tuple[float, float] | None) -> Row:
    """The line of a run, `still` or `real`: its means over the clips, and if it is a run its speed."""
    clips = [clip.scores[name] for clip in scored]
    scores = {measure: bootstrap(np.array([clip[measure] for clip in clips]), seed) for measure in clips[0]}
    return Row(name, scores, *(speed or (None, None)))


def table(found: Evaluation) -> Table:
    """Rows of means with half the width of their intervals; arrows show which way is better."""
    title = f"{found.split} split, {len(found.scored)} clips; ± half the width of the 95 % interval"
    shown = Table("", box=SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0))
    shown.columns[0].overflow = "fold"
    for measure in MEASURES:
        words = [*measure.title.split(), "↑" if measure.higher_is_better else "↓"]
        shown.add_column("\n".join(words), justify="right", vertical="top")
    shown.add_column("frames\nper s\n↑", justify="right")
    shown.add_column("times\nreal time\n↑", justify="right")
    for row in found.rows:
        cells = [_cell(measure, row.scores.get(measure.name)) for measure in MEASURES]
        speeds = [_number(row.frames_per_second, 0), _number(row.real_time, 1)]
        shown.add_row(escape(row.name), *cells, *speeds, end_section=True)
    return shown


def unmeasured(found: Evaluation) -> str:
    """What could not be measured: a line per reason, with the number of clips and some of their names."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for each in found.missing:
        alike.setdefault((each.clip_id, each.video, each.reason), []).append(each.measure)
    groups: dict[str, list[str]] = {}
    for (clip_id, video, reason), measures in alike.items():
        what = f"{' and '.join(measures)} of {video}: {reason}" if video else reason
        groups.setdefault(what, []).append(clip_id)
    return "".join(
        f"not measured in {len(clips)} of {found.clips} clips, {what} ({_listed(clips)})\n"
        for what, clips in groups.items()
    )


def summary(found: Evaluation) -> dict[str, Any]:
    """The evaluation as it is written to JSON; what is no finite number is null."""
    content = {
        "split": found.split,
        "clips": found.clips,
        "measured": len(found.scored),
        "seed": found.seed,
        "measures": {
            each.name: {"title": each.title, "higher_is_better": each.higher_is_better} for each in MEASURES
        },
        "rows": [asdict(row) for row in found.rows],
        "missing": [asdict(each) for each in found.missing],
    }
    plain: dict[str, Any] = _finite(content)
    return plain


def write_json(found: Evaluation, path: Path) -> None:
    """Write the summary. Raises OutputError."""
    files.write_bytes(path, (json.dumps(summary(found), indent=2, ensure_ascii=False) + "\n").encode())


def write_folder(found: Evaluation, folder: Path) -> None:
    """Write the summary and, a row per clip and video, the scores as Parquet. Raises OutputError."""
    write_json(found, folder / SUMMARY)
    rows = [
        {"clip_id": clip.clip_id, "video": video, "frames": clip.frames, **scores}
        for clip in found.scored
        for video, scores in clip.scores.items()
    ]
    write_table(folder / CLIPS, rows, COLUMNS)


def _cell(measure: Measure, found: Interval | None) -> str:
    if found is None or not found.clips:
        return _number(None, 0)
    mean = _number(found.mean, measure.digits)
    half = (found.high - found.low) / 2  # nan or inf - inf: no interval
    return f"{mean}\n±{_number(half, measure.digits)}" if math.isfinite(half) else mean


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _listed(clips: list[str]) -> str:
    more = f" and {len(clips) - NAMED} more" if len(clips) > NAMED else ""
    return ", ".join(clips[:NAMED]) + more


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
