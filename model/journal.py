"""What a run leaves behind to be read: curves for TensorBoard, validations as lines of JSON, strips.

RUN/tensorboard/          losses, learning rate and validations
RUN/metrics.jsonl         one line per validation: step and scores
RUN/samples/step-….png    real frames above generated ones
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from s2f.model.validation import Validation, save_png
from s2f.pipeline.files import make_folder, write_bytes

METRICS = "metrics.jsonl"


class Journal:
    """Writes the log of a run; what an earlier attempt wrote beyond `step` is taken out."""

    def __init__(self, run: Path, step: int) -> None:
        self.run = run
        kept = [row for row in read_metrics(run) if row["step"] <= step]
        write_bytes(run / METRICS, "".join(json.dumps(row) + "\n" for row in kept).encode())
        make_folder(run / "samples")
        self._curves = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._curves.close()

    def write(self, step: int, values: dict[str, float]) -> None:
        """Points of the curves, by tag."""
        for tag, value in values.items():
            self._curves.add_scalar(tag, value, step)

    def write_validation(self, step: int, validation: Validation) -> None:
        """A validation's scores and its strip."""
        self.write(step, validation.scores)
        with (self.run / METRICS).open("a") as file:
            file.write(json.dumps({"step": step, **validation.scores}) + "\n")
        write_bytes(self.run / "samples" / f"step-{step:06d}.png", save_png(validation.strip))


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The validations of a run; a last line that a kill cut off is left out."""
    if not (run / METRICS).exists():
        return []
    rows = []
    for line in (run / METRICS).read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
