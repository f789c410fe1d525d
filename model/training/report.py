"""The page of a run: figures, samples, curves and settings, ready for the template report.html."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from s2f.model.networks.layers import PAPER_SIZE
from s2f.model.training.charts import CurveRow, best_validation, training_charts, validation_charts
from s2f.model.training.config import TrainParams
from s2f.model.training.report_samples import Sample, film, strips
from s2f.pipeline.core.html import rendering
from s2f.pipeline.core.progress import duration
from s2f.pipeline.core.shards import Media

# What, its value, and what it is compared with.
Tile = tuple[str, str, str]


@dataclass(frozen=True)
class About:
    """What a run is about: the data set's place, its clips to train on, its rates, the device.

    `size` is the height and the width of its faces in px.
    """

    data: str
    clips: int
    media: Media
    device: str
    params: TrainParams
    size: tuple[int, int] = PAPER_SIZE


@dataclass(frozen=True)
class Progress:
    """How far a run is: steps done, seconds of training, and whether it has ended before its last step."""

    step: int
    seconds: float
    ended: bool = False


@dataclass(frozen=True)
class Setting:
    """A setting of a run; `usual` is the recipe's value where the run has another one."""

    name: str
    value: str
    usual: str | None
    meaning: str


def render(
    name: str,
    about: About,
    progress: Progress,
    curves: Sequence[CurveRow],
    validations: Sequence[CurveRow],
    sample: Sample,
) -> str:
    """The page of a run as HTML; `curves` and `validations` are rows of `step` and values by tag."""
    return rendering.render(
        __name__,
        "report.html",
        title=name,
        place=about.data,
        facts=_facts(about, progress),
        verdicts=[verdict(validations)],
        tiles=tiles(about.params.steps, progress, curves, validations),
        film=film(validations, sample),
        strips=strips(validations, sample, about.size[0]),
        validation=validation_charts(validations),
        training=training_charts(curves, about.params),
        settings=_settings(about.params),
        torch=version("torch"),
        device=about.device,
    )


def verdict(validations: Sequence[CurveRow]) -> str:
    """How the newest validation stands against the photo, and when the best one was."""
    best = best_validation(validations)
    if not best:
        return "There is no validation yet: the losses below are all there is to see."
    newest = validations[-1]
    step, ratio = f"At step {newest['step']:,}", newest["val/l1"] / newest["val/l1_still"]
    if ratio < 1:
        nearer = f"{100 - 100 * ratio:.2g} % nearer"
        text = f"{step} the generated mouths are {nearer} to the real ones than the photo."
    else:
        text = f"{step} the photo alone is nearer to the real mouths, as is common early in a training."
    since = sum(row["step"] > best["step"] for row in validations)
    if not since:
        return text
    times = "one validation" if since == 1 else f"{since} validations"
    return f"{text} The best was that of step {best['step']:,}, {times} ago."


def _facts(about: About, progress: Progress) -> list[str]:
    params, step = about.params, progress.step
    state = "finished" if step >= params.steps else f"{100 * step / params.steps:.3g} % done"
    if progress.ended:
        state = f"ended after {params.patience} validations without a better L1"
    return [
        f"recipe {params.recipe}",
        f"width {params.width}",
        f"{about.clips:,} clips",
        f"{float(about.media.fps):.4g} frames/s, {about.media.sample_rate / 1000:g} kHz",
        f"step {step:,} of {params.steps:,}, {state}",
    ]


def tiles(
    steps: int, progress: Progress, curves: Sequence[CurveRow], validations: Sequence[CurveRow]
) -> list[Tile]:
    """The figures at the top, of a run of so many steps."""
    found = _scores(validations)
    if curves:
        now = curves[-1]
        waiting = f"{100 * now['speed/waiting']:.0f} % of the time waiting for data"
        found.append(("Frames per second", f"{now['speed/frames_per_second']:,.0f}", waiting))
    found.append(("Time", duration(progress.seconds), _left(steps, progress)))
    return found


def _scores(validations: Sequence[CurveRow]) -> list[Tile]:
    best = best_validation(validations)
    if not best:
        return []
    newest = validations[-1]
    tiles = [
        (
            "L1 of the lower half",
            f"{newest['val/l1']:.4f}",
            f"{newest['val/l1'] / newest['val/l1_still']:.2f} times the photo's {newest['val/l1_still']:.4f}",
        ),
        ("Best L1", f"{best['val/l1']:.4f}", f"at step {best['step']:,}"),
        ("PSNR", f"{newest['val/psnr']:.2f} dB", f"the photo's: {newest['val/psnr_still']:.2f} dB"),
    ]
    if "val/mouth" in newest:
        tiles.append(("Mouth", f"{newest['val/mouth']:+.2f}", "1 = moves as the real one"))
    return tiles


def _left(steps: int, progress: Progress) -> str:
    if progress.ended or progress.step >= steps:
        return "from first to last step"
    if not progress.step:
        return "no step is done"
    return f"{duration(progress.seconds / progress.step * (steps - progress.step))} left"


def _settings(params: TrainParams) -> list[Setting]:
    usual = TrainParams(recipe=params.recipe).model_dump()
    return [
        Setting(
            name,
            _plain(value),
            None if value == usual[name] else _plain(usual[name]),
            TrainParams.model_fields[name].description or "",
        )
        for name, value in params.model_dump().items()
    ]


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
