"""Measures by trained networks: what a lip reader reads, how far apart a sync scorer finds sound and lips."""

import functools
import math
from collections.abc import Callable
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

WER = Column("wer", "WER %", "words that the lip reader gets wrong", False, 1)
BOUND = Column("wer_grammar", "WER % by grammar", "the same, reading GRID's grammar", False, 1)
OFFSET = Column("av_offset", "AV offset", "frames by which the sound is late", None, 1)
APART = Column("av_apart", "AV apart", "the same, late or early", False, 1)
CONFIDENCE = Column("av_confidence", "AV confidence", "how clearly that is seen", True, 2)
COLUMNS = (WER, BOUND, OFFSET, APART, CONFIDENCE)

# The measures are taken in many processes, each of which has one CPU.
CPU = torch.device("cpu")


def judged(lipreader: Path | None, sync: Path | None, media: Media) -> tuple[Measure, ...]:
    """The measures that a run of a lip reader and one of a sync scorer make possible for clips of such rates.

    They can be sent to other processes. Raises CheckpointError where a run holds none, InputError where it
    was trained on other rates.
    """
    found: list[Measure] = []
    if lipreader:
        _same_rate(lipreader, _reader(lipreader).fps == media.fps)
        found += _of_words(lipreader)
    if sync:
        _same_rate(sync, _scorer(sync).media == media)
        found += _of_sync(sync)
    return tuple(found)


def _of_words(run: Path) -> list[Measure]:
    told = "it is not known what is said"
    return [
        _measure(WER, EVERY, functools.partial(_wer, run, False), told),
        _measure(BOUND, EVERY, functools.partial(_wer, run, True), ""),
    ]


def _of_sync(run: Path) -> list[Measure]:
    told = f"there is no sound, or less than {LEAST_FRAMES} frames"
    return [
        _measure(OFFSET, MOVING, functools.partial(_synced, run, attrgetter("offset")), told),
        _measure(APART, MOVING, functools.partial(_synced, run, attrgetter("apart")), ""),
        _measure(CONFIDENCE, MOVING, functools.partial(_synced, run, attrgetter("confidence")), ""),
    ]


def _measure(
    column: Column, on: tuple[Kind, ...], compare: Callable[[Footage, Footage], float], unknown: str
) -> Measure:
    return Measure(**vars(column), on=on, compare=compare, needs_face=False, unknown=unknown)


def _wer(run: Path, grammar: bool, video: Footage, _: Footage) -> float:
    """The word error rate in %; with the grammar, nan unless the text is a sentence of it."""
    text = plain(video.text)
    if not text or (grammar and not is_sentence(text)):
        return math.nan
    video.reading = transcribe(_logs(run, video), grammar)
    return 100 * word_error_rate(text, video.reading)


def _synced(run: Path, figure: Callable[[SyncScore], float], video: Footage, _: Footage) -> float:
    score = _sync(run, video)
    return figure(score) if score else math.nan


@functools.lru_cache(maxsize=1)
def _logs(run: Path, video: Footage) -> Logs:
    with limited_threads(1):
        return _reader(run).listen(cut_mouths(video.frames))


@functools.lru_cache(maxsize=1)
def _sync(run: Path, video: Footage) -> SyncScore | None:
    """The sync of a video with the sound of its clip; None where it cannot be told."""
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


def _same_rate(run: Path, same: bool) -> None:
    if not same:
        raise InputError(
            f"{run} was trained on clips of another frame rate or sample rate",
            "give one that was trained on a set prepared with the same settings",
        )
