"""A run on one page that needs nothing else: no network, no library, no file beside it.

The words, figures and pictures are written here; the page's own script draws the curves from the
data that it holds. What comes from a person (names, paths, settings) is escaped on its way in.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version

import cv2
import numpy as np

from s2f.model import page
from s2f.model.networks.generator import HEIGHT
from s2f.model.page import Chart
from s2f.model.training.charts import Row, best_validation, training_charts, validation_charts
from s2f.model.training.config import TrainParams
from s2f.model.training.terminal import duration
from s2f.pipeline.core import html as pages
from s2f.pipeline.core.shards import Media

# The file of a validation by step and ending, if there is one.
Sample = Callable[[int, str], bytes | None]

# A film of more bytes is named, not embedded. A strip is embedded as JPEG, a seventh of its PNG.
MOST_FILM, STRIP_QUALITY = 1_000_000, 88

FILM_WORDS = """\
<p>Real on the left, generated on the right, with their sound.</p><ul>
<li>Does the mouth close on m, b and p, and open with the vowels?</li>
<li>Is the face still that of the photo when it moves?</li>
<li>A mouth that hardly moves: the generator repeats the photo, the safe answer to L1.</li>
<li>Flicker from frame to frame: the discriminators of sequences have more to teach.</li></ul>"""


@dataclass(frozen=True)
class About:
    """What a run is about: the data set's place, its clips to train on, its rates, the device."""

    data: str
    clips: int
    media: Media
    device: str
    params: TrainParams


@dataclass(frozen=True)
class Progress:
    """How far a run is: steps done, seconds of training, and whether it has ended before its last step."""

    step: int
    seconds: float
    ended: bool = False


def render(
    name: str,
    about: About,
    progress: Progress,
    curves: Sequence[Row],
    validations: Sequence[Row],
    sample: Sample,
) -> str:
    """The page of a run as HTML; `curves` and `validations` are rows of `step` and values by tag."""
    scores, losses = validation_charts(validations), training_charts(curves, about.params)
    return page.fill(
        "report.html",
        scores + losses,
        title=escape(name),
        place=escape(about.data),
        heading=_heading(about, progress),
        verdict=escape(verdict(validations)),
        tiles=_tiles(about, progress, curves, validations),
        samples=_samples(validations, sample) or "<p>No validation yet.</p>",
        validation=_figures(scores, 0) or "<p>No validation yet.</p>",
        training=_figures(losses, len(scores)) or "<p>No step has been logged yet.</p>",
        settings=_settings(about.params),
        written=escape(f"{pages.written()} with torch {version('torch')}, on {about.device}."),
    )


def verdict(validations: Sequence[Row]) -> str:
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


def _heading(about: About, progress: Progress) -> str:
    params, step = about.params, progress.step
    state = "finished" if step >= params.steps else f"{100 * step / params.steps:.3g} % done"
    if progress.ended:
        state = f"ended after {params.patience} validations without a better L1"
    parts = (
        f"recipe {params.recipe}",
        f"width {params.width}",
        f"{about.clips:,} clips",
        f"{float(about.media.fps):.4g} frames/s, {about.media.sample_rate / 1000:g} kHz",
        f"step {step:,} of {params.steps:,}, {state}",
    )
    return "".join(f"<li>{escape(part)}</li>" for part in parts)


def _tiles(about: About, progress: Progress, curves: Sequence[Row], validations: Sequence[Row]) -> str:
    """The figures at the top: what, its value, and what it stands against."""
    tiles = _scores(validations)
    if curves:
        now = curves[-1]
        waiting = f"{100 * now['speed/waiting']:.0f} % of the time waiting for data"
        tiles.append(("Frames per second", f"{now['speed/frames_per_second']:,.0f}", waiting))
    tiles.append(("Time", duration(progress.seconds), _left(about.params.steps, progress)))
    return "".join(
        f"<div><dt>{escape(what)}</dt><dd>{escape(value)}<small>{escape(against)}</small></dd></div>"
        for what, value, against in tiles
    )


def _scores(validations: Sequence[Row]) -> list[tuple[str, str, str]]:
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


def _samples(validations: Sequence[Row], sample: Sample) -> str:
    """The film of the newest validation, and the strips of the newest and of the best one."""
    best = best_validation(validations)
    if not best:
        return ""
    step = validations[-1]["step"]
    if best["step"] == step:
        return _film(step, sample(step, "mp4")) + _strip(step, "newest and best", sample(step, "png"))
    strips = _strip(step, "newest", sample(step, "png"))
    return (
        _film(step, sample(step, "mp4")) + strips + _strip(best["step"], "best", sample(best["step"], "png"))
    )


def _film(step: int, film: bytes | None) -> str:
    if not film:
        return ""
    shown = f"<p>Too large for this page: samples/step-{step:06d}.mp4</p>"
    if len(film) <= MOST_FILM:
        source = pages.data_url("video/mp4", film)
        shown = f'<video controls loop playsinline preload="auto" src="{source}"></video>'
    caption = f"<figcaption><h3>Film, step {step:,}</h3>{FILM_WORDS}</figcaption>"
    return f'<figure class="film">{shown}{caption}</figure>'


def _strip(step: int, which: str, png: bytes | None) -> str:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR) if png else None
    if picture is None:
        return ""
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, STRIP_QUALITY])[1].tobytes()
    height, width = picture.shape[:2]
    names = "<span>real</span><span>generated</span>" * (height // (2 * HEIGHT))
    return (
        f'<figure class="strip"><figcaption><h3>Strip, step {step:,}, {which}</h3></figcaption>'
        f'<div class="rows"><div class="names">{names}</div><div class="scroll" tabindex="0">'
        f'<img width="{width}" height="{height}" alt="Rows of real frames, each above its generated ones"'
        f' src="{pages.data_url("image/jpeg", jpeg)}"></div></div></figure>'
    )


def _figures(charts: Sequence[Chart], first: int) -> str:
    """The charts, the first of which has the number `first`."""
    return "".join(page.figure(chart, number) for number, chart in enumerate(charts, start=first))


def _settings(params: TrainParams) -> str:
    """A row per setting; those that are not as the recipe has them are marked."""
    usual = TrainParams(recipe=params.recipe).model_dump()
    rows = []
    for name, value in params.model_dump().items():
        told, mark = _plain(value), ""
        if value != usual[name]:
            told, mark = f"{told}<small>instead of {_plain(usual[name])}</small>", ' class="other"'
        meaning = escape(type(params).model_fields[name].description or "")
        rows.append(f'<tr{mark}><th scope="row">{escape(name)}</th><td>{told}</td><td>{meaning}</td></tr>')
    return "".join(rows)


def _plain(value: object) -> str:
    return escape(value if isinstance(value, str) else json.dumps(value, default=str))
