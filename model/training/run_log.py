"""What a run leaves behind to be read: curves, validations, pictures, films, and a page that shows them.

RUN/report.html           all of it on one page
RUN/tensorboard/          losses, rates, speed and validations
RUN/curves.jsonl          one line per point of the loss curves: step, seconds of training so far, values
RUN/metrics.jsonl         one line per validation: step and scores
RUN/samples/step-….png    real frames above generated ones
RUN/samples/step-….mp4    the same clips as a film with sound, real frames left, generated ones right
"""

import json
import logging
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from torch.utils.tensorboard import SummaryWriter

from s2f.model.training import report, samples
from s2f.model.training.validation import Validation
from s2f.pipeline.core.errors import MediaError
from s2f.pipeline.core.files import make_folder, write_bytes
from s2f.pipeline.core.pictures import encode_png

METRICS = "metrics.jsonl"
CURVES = "curves.jsonl"
SAMPLES = "samples"
REPORT = "report.html"


class Journal:
    """Writes the log of a run; what an earlier attempt wrote beyond `step` is taken out."""

    def __init__(self, run: Path, step: int, about: report.About) -> None:
        self.run, self.about = run, about
        make_folder(run / SAMPLES)
        for name in (CURVES, METRICS):
            kept = [row for row in _read_lines(run / name) if row["step"] <= step]
            write_bytes(run / name, "".join(json.dumps(row) + "\n" for row in kept).encode())
        for sample in (run / SAMPLES).glob("step-*.*"):
            number = sample.stem.removeprefix("step-")
            if number.isdecimal() and int(number) > step:
                sample.unlink()
        earlier = [row["seconds"] for row in _read_lines(run / CURVES)]
        self._begun = time.perf_counter() - (earlier[-1] if earlier else 0.0)
        self._board = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._board.close()

    def write(self, step: int, values: dict[str, float]) -> None:
        """Points of the curves, by tag."""
        self._add_scalars(step, values)
        rounded = {tag: float(f"{value:.6g}") for tag, value in values.items()}
        _append(self.run / CURVES, {"step": step, "seconds": round(self._seconds(), 1), **rounded})

    def write_validation(self, step: int, validation: Validation) -> None:
        """A validation's scores, its pictures and its film, and the page anew."""
        self._add_scalars(step, validation.scores)
        _append(self.run / METRICS, {"step": step, **validation.scores})
        picture = samples.strip(validation.examples)
        self._board.add_image("val/strip", picture, step, dataformats="HWC")
        self._add_film(step, samples.animation(validation.examples[0], self.about.media))
        write_bytes(_sample(self.run, step, "png"), encode_png(picture))
        try:
            samples.write_film(_sample(self.run, step, "mp4"), validation.examples, self.about.media)
        except (MediaError, OSError) as error:  # days of training do not end for a film
            logging.getLogger(__name__).warning("the validation of step %d has no film: %s", step, error)
        self.write_report(step)

    def write_report(self, step: int, *, ended: bool = False) -> None:
        """The page of the run as it is at a step; `ended`: it will not go on, though steps are left."""
        page = report.render(
            self.run.resolve().name,
            self.about,
            report.Progress(step, self._seconds(), ended),
            _read_lines(self.run / CURVES),
            read_metrics(self.run),
            lambda number, ending: _read(_sample(self.run, number, ending)),
        )
        write_bytes(self.run / REPORT, page.encode())

    def _seconds(self) -> float:
        """How long has been trained, attempts before this one included."""
        return time.perf_counter() - self._begun

    def _add_scalars(self, step: int, values: dict[str, float]) -> None:
        for tag, value in values.items():
            self._board.add_scalar(tag, value, step)

    def _add_film(self, step: int, gif: bytes) -> None:
        """What add_video does, which wants moviepy to make the GIF."""
        image = Summary.Image(encoded_image_string=gif)
        summary = Summary(value=[Summary.Value(tag="val/film", image=image)])
        self._board._get_file_writer().add_summary(summary, step)  # type: ignore[no-untyped-call]


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The validations of a run; a last line that a kill cut off is left out."""
    return _read_lines(run / METRICS)


def _read_lines(path: Path) -> list[dict[str, Any]]:
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


def _sample(run: Path, step: int, ending: str) -> Path:
    return run / SAMPLES / f"step-{step:06d}.{ending}"


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
