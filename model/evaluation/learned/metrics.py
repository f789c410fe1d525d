"""The learned metrics: what a lip reader reads, and how far apart a sync scorer finds sound and lips.

A table like that of `metrics.scoring`, but each metric needs the run of a trained network.
"""

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import torch

from s2f.model.data.recordings import Recording
from s2f.model.evaluation.learned.lipreading.grammar import Logs, is_sentence
from s2f.model.evaluation.learned.lipreading.labels import plain
from s2f.model.evaluation.learned.lipreading.mouths import cut_mouths
from s2f.model.evaluation.learned.lipreading.reader import Reader, load_reader, transcribe
from s2f.model.evaluation.learned.sync.protocol import LEAST_FRAMES, SyncScore
from s2f.model.evaluation.learned.sync.scorer import Scorer, load_scorer
from s2f.model.metrics.scoring import EVERY, MOVING, Column, Footage, Kind, Measure
from s2f.model.metrics.words import word_error_rate
from s2f.model.networks.device import limited_threads
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.shards import Media

# Metrics are computed in many processes, each with one CPU.
CPU = torch.device("cpu")


@dataclass(frozen=True)
class LearnedMetric(Column):
    """A metric that a trained network computes.

    `on` and `unknown` are as in Measure. `compute` takes the folder of the network's run, the video and the
    real one.
    """

    on: tuple[Kind, ...]
    compute: Callable[[Path, Footage, Footage], float]
    unknown: str = ""

    def by(self, run: Path) -> Measure:
        """The metric as computed by the network of a run; it can be sent to other processes."""
        compute = functools.partial(self.compute, run)
        column = (self.name, self.title, self.meaning, self.higher_is_better, self.digits)
        return Measure(*column, self.on, compute, needs_face=False, unknown=self.unknown)


def learned_metrics(lipreader: Path | None, sync: Path | None, media: Media) -> tuple[Measure, ...]:
    """The metrics that the runs of a lip reader and of a sync scorer add, for clips with these rates.

    Raises CheckpointError where a run holds no such network, InputError where it was trained on other rates.
    """
    metrics: list[Measure] = []
    if lipreader:
        _check_rates(lipreader, _reader(lipreader).fps == media.fps)
        metrics += _of(READING, lipreader)
    if sync:
        _check_rates(sync, _scorer(sync).media == media)
        metrics += _of(SYNC, sync)
    return tuple(metrics)


def _of(table: Iterable[LearnedMetric], run: Path) -> list[Measure]:
    return [metric.by(run) for metric in table]


def _check_rates(run: Path, same: bool) -> None:
    if not same:
        raise InputError(
            f"{run} was trained on clips of another frame rate or sample rate",
            "give one that was trained on a set prepared with the same settings",
        )


def _wer(grammar: bool, run: Path, video: Footage, _: Footage) -> float:
    """The word error rate in %; with the grammar, nan unless the text is a sentence of it."""
    text = plain(video.text)
    if not text or (grammar and not is_sentence(text)):
        return math.nan
    video.reading = transcribe(_logs(run, video), grammar)
    return 100 * word_error_rate(text, video.reading)


def _sync_value(value: Callable[[SyncScore], float], run: Path, video: Footage, _: Footage) -> float:
    """A value of the sync score; nan where the video has none."""
    score = _sync_score(run, video)
    return value(score) if score else math.nan


# The functions below keep what the metrics of one video share.
@functools.lru_cache(maxsize=1)
def _logs(run: Path, video: Footage) -> Logs:
    with limited_threads(1):
        return _reader(run).listen(cut_mouths(video.frames))


@functools.lru_cache(maxsize=1)
def _sync_score(run: Path, video: Footage) -> SyncScore | None:
    """The sync of a video with the sound of its clip; None without sound, or with too few frames."""
    if video.sound is None:
        return None
    scorer = _scorer(run)
    try:
        with limited_threads(1):
            return scorer.score(Recording("", video.frames, video.sound, scorer.media))
    except InputError:
        return None


@functools.cache
def _reader(run: Path) -> Reader:
    return load_reader(run, CPU)


@functools.cache
def _scorer(run: Path) -> Scorer:
    return load_scorer(run, CPU)


# What cannot be computed is explained once for each network, by its first metric.
READING = (
    LearnedMetric(
        "wer",
        "WER %",
        "words that the lip reader gets wrong",
        False,
        1,
        EVERY,
        functools.partial(_wer, False),
        unknown="it is not known what is said",
    ),
    LearnedMetric(
        "wer_grammar",
        "WER % by grammar",
        "the same, reading GRID's grammar",
        False,
        1,
        EVERY,
        functools.partial(_wer, True),
    ),
)
SYNC = (
    LearnedMetric(
        "av_offset",
        "AV offset",
        "frames by which the sound is late",
        None,
        1,
        MOVING,
        functools.partial(_sync_value, attrgetter("offset")),
        unknown=f"there is no sound, or less than {LEAST_FRAMES} frames",
    ),
    LearnedMetric(
        "av_apart",
        "AV apart",
        "the same, late or early",
        False,
        1,
        MOVING,
        functools.partial(_sync_value, attrgetter("apart")),
    ),
    LearnedMetric(
        "av_confidence",
        "AV confidence",
        "how clearly that is seen",
        True,
        2,
        MOVING,
        functools.partial(_sync_value, attrgetter("confidence")),
    ),
)
LEARNED_METRICS = (*READING, *SYNC)
