"""The log of a training as lines of JSON.

RUN/curves.jsonl    one line per point of the loss curves: step, seconds of training so far, values
RUN/metrics.jsonl   one line per validation: step and scores
"""

import json
import time
from pathlib import Path
from typing import Any

from s2f.pipeline.core.files import write_bytes

METRICS = "metrics.jsonl"
CURVES = "curves.jsonl"


class Curves:
    """Writes the log of a run; what an earlier attempt wrote beyond `step` is taken out."""

    def __init__(self, run: Path, step: int) -> None:
        self.run = run
        for path in (run / CURVES, run / METRICS):
            if path.exists():
                kept = [row for row in read_lines(path) if row["step"] <= step]
                write_bytes(path, "".join(json.dumps(row) + "\n" for row in kept).encode())
        earlier = [row["seconds"] for row in read_lines(run / CURVES)]
        self._begun = time.perf_counter() - (earlier[-1] if earlier else 0.0)

    @property
    def seconds(self) -> float:
        """How long the run has trained, earlier attempts included."""
        return time.perf_counter() - self._begun

    def write(self, step: int, values: dict[str, float]) -> None:
        """A point of the curves, by tag."""
        rounded = {tag: float(f"{value:.6g}") for tag, value in values.items()}
        _append(self.run / CURVES, {"step": step, "seconds": round(self.seconds, 1), **rounded})

    def write_scores(self, step: int, scores: dict[str, float]) -> None:
        """The scores of a validation."""
        _append(self.run / METRICS, {"step": step, **scores})

    def close_at(self, step: int, *, ended: bool) -> None:
        """Nothing more is written after this step; `ended`: the run will not go on, though steps are left."""


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The validations of a run; a last line that a kill cut off is left out."""
    return read_lines(run / METRICS)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines, up to one that is damaged."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _append(path: Path, row: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
