"""A training as the page shows it while it goes on: figures, curves, samples."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s2f.model.training import report
from s2f.model.training.charts import CurveRow, points, training_charts, validation_charts
from s2f.model.training.config import TrainParams
from s2f.model.training.curves import CURVES, METRICS, read_lines, read_metrics
from s2f.model.training.run_folder import RunFolder
from s2f.model.training.samples import SAMPLES
from s2f.model.training.trainer import run_folder
from s2f.pipeline.core import files
from s2f.pipeline.core.html import rendering
from s2f.pipeline.core.html.charts import Chart, Series
from s2f.pipeline.core.progress import duration


def state(run: Path) -> str:
    """A text that changes whenever there is something new to show."""
    told = []
    for name in (CURVES, METRICS, SAMPLES):
        try:
            stat = (run / name).stat()
            told.append(f"{stat.st_size}:{stat.st_mtime_ns}")
        except OSError:
            told.append("")
    return " ".join(told)


def view(run: Path, name: str, kind: str) -> dict[str, Any]:
    """What the page shows of a run, in the terms of JSON; `kind` is that of its network."""
    folder = run_folder(run)
    curves, validations = read_lines(run / CURVES), read_metrics(run)
    now = curves[-1] if curves else {}
    steps = [row["step"] for row in (*curves[-1:], *validations[-1:])]
    done = report.Progress(max(steps, default=0), now.get("seconds", 0.0))
    about: dict[str, Any] = {"facts": _facts(folder, kind, run), "verdict": "", "tiles": []}
    if kind == "generator":
        params = folder.read_settings(TrainParams)
        charts = [*validation_charts(validations), *training_charts(curves, params)]
        about |= {
            "verdict": report.verdict(validations),
            "tiles": report.tiles(params.steps, done, curves, validations),
        }
        about["facts"].append(f"step {done.step:,} of {params.steps:,}")
    else:
        charts = [*_plain(validations), *_plain(curves)]
        about["facts"].append(f"step {done.step:,}")
    return {
        "state": state(run),
        "about": rendering.render(__name__, "run.html", name=name, **about),
        "figures": rendering.render(__name__, "figures.html", charts=charts, prefix="run"),
        "charts": charts,
        "samples": samples(run),
    }


def samples(run: Path) -> list[int]:
    """The steps whose validation has left a strip, the oldest first."""
    numbers = (name.removeprefix("step-").removesuffix(".png") for name in files.names(run / SAMPLES))
    return sorted(int(number) for number in numbers if number.isdecimal())


def _facts(folder: RunFolder, kind: str, run: Path) -> list[str]:
    record = folder.read_record()
    facts = [kind]
    if record:
        facts.append(f"trained on {record['data']}")
    try:
        ago = max(0.0, time.time() - (run / CURVES).stat().st_mtime)
        facts.append(f"last heard of {duration(ago)} ago")
    except OSError:
        pass
    return facts


def _plain(rows: Sequence[CurveRow]) -> list[Chart]:
    """A chart for each value, under its own name: for trainings that are not a generator's."""
    tags = dict.fromkeys(tag for row in rows for tag in row if tag not in ("step", "seconds"))
    return [Chart(tag.replace("/", ", "), "", "", [Series(tag, "first", points(rows, tag))]) for tag in tags]
