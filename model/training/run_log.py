"""What a run leaves behind to be read: curves, validations, pictures, films, and a page that shows them.

RUN/report.html           all of it on one page
RUN/tensorboard/          losses, rates, speed and validations
RUN/curves.jsonl          see curves.py
RUN/metrics.jsonl
RUN/samples/step-….png    real frames above generated ones
RUN/samples/step-….mp4    the same clips as a film with sound, real frames left, generated ones right
"""

import logging
from pathlib import Path
from types import TracebackType

from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from torch.utils.tensorboard import SummaryWriter

from s2f.model.training import report, samples
from s2f.model.training.curves import CURVES, Curves, read_lines, read_metrics
from s2f.model.training.samples import SAMPLES, sample_path
from s2f.model.training.validation import Validation
from s2f.pipeline.core.errors import MediaError
from s2f.pipeline.core.files import make_folder, write_bytes
from s2f.pipeline.core.pictures import encode_png

REPORT = "report.html"


class RunLog(Curves):
    """The log of a GAN; what an earlier attempt left beyond `step` is taken out."""

    def __init__(self, run: Path, step: int, about: report.About) -> None:
        make_folder(run / SAMPLES)
        super().__init__(run, step)
        self.about = about
        for sample in (run / SAMPLES).glob("step-*.*"):
            number = sample.stem.removeprefix("step-")
            if number.isdecimal() and int(number) > step:
                sample.unlink()
        self._board = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._board.close()

    def write(self, step: int, values: dict[str, float]) -> None:
        """A point of the curves, by tag, here and on TensorBoard."""
        self._add_scalars(step, values)
        super().write(step, values)

    def write_validation(self, step: int, validation: Validation) -> None:
        """A validation's scores, its pictures and its film, and the page anew."""
        self._add_scalars(step, validation.scores)
        self.write_scores(step, validation.scores)
        picture = samples.strip(validation.examples)
        self._board.add_image("val/strip", picture, step, dataformats="HWC")
        self._add_film(step, samples.animation(validation.examples[0], self.about.media))
        write_bytes(sample_path(self.run, step, "png"), encode_png(picture))
        try:
            samples.write_film(sample_path(self.run, step, "mp4"), validation.examples, self.about.media)
        except (MediaError, OSError) as error:  # days of training do not end for a film
            logging.getLogger(__name__).warning("the validation of step %d has no film: %s", step, error)
        self.write_report(step)

    def close_at(self, step: int, *, ended: bool) -> None:
        self.write_report(step, ended=ended)

    def write_report(self, step: int, *, ended: bool = False) -> None:
        """The page of the run as it is at a step; `ended`: it will not go on, though steps are left."""
        page = report.render(
            self.run.resolve().name,
            self.about,
            report.Progress(step, self.seconds, ended),
            read_lines(self.run / CURVES),
            read_metrics(self.run),
            lambda number, ending: _read(sample_path(self.run, number, ending)),
        )
        write_bytes(self.run / REPORT, page.encode())

    def _add_scalars(self, step: int, values: dict[str, float]) -> None:
        for tag, value in values.items():
            self._board.add_scalar(tag, value, step)

    def _add_film(self, step: int, gif: bytes) -> None:
        """What add_video does, which wants moviepy to make the GIF."""
        image = Summary.Image(encoded_image_string=gif)
        summary = Summary(value=[Summary.Value(tag="val/film", image=image)])
        self._board._get_file_writer().add_summary(summary, step)  # type: ignore[no-untyped-call]


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
