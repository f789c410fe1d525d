"""The learned metrics: what a lip reader reads, and how far apart a sync scorer finds sound and lips.

A table like that of `metrics.scoring`, but each metric needs the run of a trained network.
"""

import functools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

import numpy as np
import torch

from s2f.model.data.recordings import Recording
from s2f.model.evaluation.learned.lipreading.grammar import Logs, is_sentence
from s2f.model.evaluation.learned.lipreading.labels import plain
from s2f.model.evaluation.learned.lipreading.mouths import cut_mouths
from s2f.model.evaluation.learned.lipreading.reader import Codes, Reader, load_reader, transcribe
from s2f.model.evaluation.learned.sync.protocol import LEAST_FRAMES, MOST, SyncScore
from s2f.model.evaluation.learned.sync.scorer import Scorer, load_scorer
from s2f.model.metrics.closeness import RATIO, Scale
from s2f.model.metrics.footage import Footage, Kind
from s2f.model.metrics.frechet import Features
from s2f.model.metrics.measures import (
    EVERY,
    MADE,
    MOVING,
    READER,
    SYNC,
    TOGETHER,
    Column,
    Measure,
    SetMeasure,
)
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
        column = {each.name: getattr(self, each.name) for each in fields(Column)}
        return Measure(**column, on=self.on, compare=compute, needs_face=False, unknown=self.unknown)


@dataclass(frozen=True)
class LearnedSetMetric(Column):
    """A metric of all clips together; `features` takes the folder of the network's run, and a video."""

    on: tuple[Kind, ...]
    features: Callable[[Path, Footage], Features]

    def by(self, run: Path) -> SetMeasure:
        """The metric as computed by the network of a run; it can be sent to other processes."""
        column = {each.name: getattr(self, each.name) for each in fields(Column)}
        return SetMeasure(**column, on=self.on, features=functools.partial(self.features, run))


def learned_metrics(
    lipreader: Path | None, sync: Path | None, media: Media
) -> tuple[Measure | SetMeasure, ...]:
    """The metrics that the runs of a lip reader and of a sync scorer add, for clips with these rates.

    Raises CheckpointError where a run holds no such network, InputError where it was trained on other rates.
    """
    metrics: list[Measure | SetMeasure] = []
    if lipreader:
        _check_rates(lipreader, _reader(lipreader).fps == media.fps)
        metrics += _of((*READING, *READING_SET), lipreader)
    if sync:
        _check_rates(sync, _scorer(sync).media == media)
        metrics += _of(SYNCED, sync)
    return tuple(metrics)


def _of(table: Iterable[LearnedMetric | LearnedSetMetric], run: Path) -> list[Measure | SetMeasure]:
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
    video.reading = transcribe(_read(run, video)[1], grammar)
    return 100 * word_error_rate(text, video.reading)


def lip_score(codes: Codes, real: Codes) -> float:
    """Mean cosine between what a lip reader makes of the frames of two videos, both (n, d)."""
    products = (codes * real).sum(axis=1)
    return float(np.mean(products / (np.linalg.norm(codes, axis=1) * np.linalg.norm(real, axis=1))))


def _lip_score(run: Path, video: Footage, real: Footage) -> float:
    return lip_score(_read(run, video)[0], _read(run, real)[0])


def _lip_features(run: Path, video: Footage) -> Features:
    """Every fifth code: those between resemble them."""
    return _read(run, video)[0][::5]


def _sync_value(value: Callable[[SyncScore], float], run: Path, video: Footage, _: Footage) -> float:
    """A value of the sync score; nan where the video has none."""
    score = _sync_score(run, video)
    return value(score) if score else math.nan


def sync_offset(run: Path, video: Footage) -> float:
    """By how many frames the sound of a video is late, according to a sync scorer; nan if it cannot tell."""
    return _sync_value(attrgetter("offset"), run, video, video)


# The functions below keep what the metrics of one video share.
@functools.lru_cache(maxsize=2)
def _read(run: Path, video: Footage) -> tuple[Codes, Logs]:
    """The codes of the frames and their labels: of the video that is measured, and of the real one."""
    with limited_threads(1):
        return _reader(run).encode(cut_mouths(video.frames))


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
        scale=Scale(span=100),
        unknown="it is not known what is said",
        group=READER,
    ),
    LearnedMetric(
        "wer_grammar",
        "WER % by grammar",
        "the same, reading GRID's grammar",
        False,
        1,
        EVERY,
        functools.partial(_wer, True),
        group=READER,
    ),
    LearnedMetric(
        "lipscore",
        "LipScore",
        "cosine between what the lip reader makes of the lips and of the real ones",
        True,
        3,
        MADE,
        _lip_score,
        group=READER,
        scale=Scale(span=1, ideal=1),
    ),
)
READING_SET = (
    LearnedSetMetric(
        "lipfd",
        "LipFD",
        "Fréchet distance of what the lip reader makes of the lips from the real ones",
        False,
        3,
        ("run",),
        _lip_features,
        group=TOGETHER,
        brief=False,
    ),
)
SYNCED = (
    LearnedMetric(
        "av_offset",
        "AV offset",
        "frames by which the sound is late",
        None,
        1,
        MOVING,
        functools.partial(_sync_value, attrgetter("offset")),
        group=SYNC,
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
        group=SYNC,
        scale=Scale(span=MOST),
    ),
    LearnedMetric(
        "av_confidence",
        "AV confidence",
        "how clearly that is seen",
        True,
        2,
        MOVING,
        functools.partial(_sync_value, attrgetter("confidence")),
        group=SYNC,
        scale=RATIO,
    ),
    LearnedMetric(
        "av_distance",
        "AV distance",
        "distance of sound and lips at that offset",
        False,
        3,
        MOVING,
        functools.partial(_sync_value, attrgetter("least")),
        group=SYNC,
        scale=RATIO,
    ),
)
LEARNED_METRICS = (*READING, *READING_SET, *SYNCED)
