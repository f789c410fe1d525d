"""The Python API: import s2f.

Each function does what the command of the same purpose does, and raises S2fError with a hint on what to do.
Folders may be given as text. Nothing is printed unless a rich Console is given. docs/python.md has examples.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2f.pipeline.core.errors import S2fError

if TYPE_CHECKING:
    from rich.console import Console

    from s2f.model.evaluation.learned.sync.protocol import SyncScore
    from s2f.model.evaluation.results import Evaluation
    from s2f.model.inference.animate import Animation
    from s2f.model.networks.weights import Talker
    from s2f.pipeline.app.config import Settings
    from s2f.pipeline.audit.auditing import Audit
    from s2f.pipeline.core.prepared_set import PreparedSet

__all__ = [
    "S2fError",
    "animate",
    "audit",
    "dub",
    "evaluate",
    "load_generator",
    "measure_sync",
    "open_set",
    "prepare",
    "read_lips",
    "settings",
    "train",
    "train_lip_reader",
    "train_sync_scorer",
]

PathLike = str | Path


def settings(overrides: Mapping[str, Any] | None = None, config: PathLike | None = None) -> "Settings":
    """All settings, with overrides such as {"detect.every": 12}.

    They come from the YAML file `config`, else from stages.yaml in the working folder, else they are the
    defaults. The other functions take the same where they are given none. Raises ConfigError, which names
    the setting and the nearest right one.
    """
    from s2f.pipeline.app.config import load

    given = [f"{name}={json.dumps(value)}" for name, value in (overrides or {}).items()]
    return load(Path(config) if config else None, given)


def prepare(
    raw: PathLike, out: PathLike, settings: "Settings | None" = None, console: "Console | None" = None
) -> "PreparedSet":
    """Bring every clip of the folder or URL `raw` up to date in `out`, then the shards; see `s2f prep`.

    Raises InputError where `raw` holds no clips, or no clip is left for the shards.
    """
    from s2f.pipeline.core.files import place
    from s2f.pipeline.core.progress import progress_lines
    from s2f.pipeline.prep.runner import Preparation

    with progress_lines(console or _quiet()) as progress:
        Preparation(place(str(raw)), place(str(out)), settings or _settings()).run(progress)
    return open_set(out)


def open_set(out: PathLike) -> "PreparedSet":
    """A prepared set: manifests, splits, shards, rates, settings. Missing parts are reported at their use."""
    from s2f.pipeline.core.prepared_set import PreparedSet

    return PreparedSet(str(out))


def audit(
    data: "PreparedSet", settings: "Settings | None" = None, console: "Console | None" = None
) -> "Audit":
    """Measure and judge a prepared set, and write its page to OUT/audit; see `s2f audit`."""
    from s2f.pipeline.audit import auditing
    from s2f.pipeline.audit.report import record
    from s2f.pipeline.core.progress import progress_lines

    params = (settings or _settings()).audit
    with progress_lines(console or _quiet()) as progress:
        done = auditing.audit(data, params, workers=0, deep=False, progress=progress)
    record.write(done)
    return done


def train(
    data: "PreparedSet",
    run: PathLike,
    settings: "Settings | None" = None,
    *,
    resume: bool = False,
    start: PathLike | None = None,
    console: "Console | None" = None,
) -> dict[str, float]:
    """Train a generator into the folder `run`; the scores of its last validation by name. See `s2f train`.

    It begins with the weights of the run `start`; "pretrained" names those of the package.
    """
    from s2f.model.training import trainer

    params = (settings or _settings()).train
    begun = Path(start) if start else None
    return trainer.train(data, Path(run), params, resume=resume, console=console or _quiet(), start=begun)


def load_generator(run: PathLike) -> "Talker":
    """The best generator of a run, or "pretrained", in eval mode, with its rates. Raises CheckpointError.

    A text that names no folder may be the id of a model on the Hugging Face Hub. It is fetched from there
    where s2f[hub] is installed, else MissingError is raised.
    """
    from s2f.model.hub.fetching import fetched
    from s2f.model.networks.device import best_device
    from s2f.model.networks.weights import load_talker

    return load_talker(fetched(run), best_device())


def animate(
    run: PathLike,
    image: PathLike,
    audio: PathLike,
    out: PathLike,
    *,
    aligned: bool = False,
    whole: bool | None = None,
    seed: int = 0,
) -> "Animation":
    """Write a video in which a photo speaks a sound; see `s2f animate`.

    `aligned` means that the photo is an aligned crop already; otherwise the whole photo is shown, or with
    `whole=False` its face alone. Raises InputError or CheckpointError.
    """
    from s2f.model.inference.animate import animate as write

    return write(Path(run), Path(image), Path(audio), Path(out), aligned=aligned, whole=whole, seed=seed)


def dub(run: PathLike, video: PathLike, audio: PathLike, out: PathLike, *, seed: int = 0) -> "Animation":
    """Write a video in which the face of another one speaks a sound; see `s2f animate --video`.

    Raises InputError or CheckpointError.
    """
    from s2f.model.inference.dubbing import dub as write

    return write(Path(run), Path(video), Path(audio), Path(out), seed=seed)


def evaluate(
    runs: Sequence[PathLike],
    data: "PreparedSet",
    split: str = "val",
    *,
    limit: int | None = None,
    out: PathLike | None = None,
    console: "Console | None" = None,
) -> "Evaluation":
    """Measure trained runs on the clips of a split; with `out` also as page, JSON and Parquet."""
    from s2f.model.evaluation import evaluate as evaluation
    from s2f.model.evaluation.sources.animated import Animated

    source = Animated([Path(run) for run in runs], data, split, limit, seed=0)
    return evaluation.evaluate(source, console or _quiet(), out=Path(out) if out else None)


def train_lip_reader(
    data: "PreparedSet", run: PathLike, settings: "Settings | None" = None, console: "Console | None" = None
) -> float:
    """Train a lip reader into the folder `run`; its best word error rate on the val split."""
    from s2f.model.evaluation.learned.lipreading import training

    params = (settings or _settings()).lipread
    return training.train(data, Path(run), params, console=console or _quiet())


def read_lips(video: PathLike, run: PathLike, *, grammar: bool = False) -> str:
    """What the lip reader in `run` reads from a video; with `grammar` it is a sentence of GRID."""
    from s2f.model.evaluation.learned.lipreading.reader import load_reader
    from s2f.model.evaluation.sources.footage import Video
    from s2f.model.networks.device import best_device
    from s2f.pipeline.faces.settings import DEFAULT_FACES

    reader = load_reader(Path(run), best_device())
    return reader.read(Video(Path(video), reader.fps, DEFAULT_FACES).face, grammar)


def train_sync_scorer(
    data: "PreparedSet", run: PathLike, settings: "Settings | None" = None, console: "Console | None" = None
) -> None:
    """Train a sync scorer into the folder `run`."""
    from s2f.model.evaluation.learned.sync import training

    training.train(data, Path(run), (settings or _settings()).sync, console or _quiet())


def measure_sync(video: PathLike, run: PathLike) -> "SyncScore":
    """By how many frames the sound of a video is late, by the sync scorer in `run`, and how clearly."""
    from s2f.model.evaluation.learned.sync.clips import read_video
    from s2f.model.evaluation.learned.sync.scorer import load_scorer
    from s2f.model.networks.device import best_device
    from s2f.pipeline.faces.settings import DEFAULT_FACES

    scorer = load_scorer(Path(run), best_device())
    return scorer.score(read_video(Path(video), scorer.media, DEFAULT_FACES))


# For functions that have a parameter of that name.
_settings = settings


def _quiet() -> "Console":
    from rich.console import Console

    return Console(quiet=True)
