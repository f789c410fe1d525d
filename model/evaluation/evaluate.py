"""Measure talking faces: trained runs on clips that they were not trained on, or the videos of any system.

The table also shows the still frame, which a model must beat, and the real video.
"""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from s2f.model.evaluation import page as evaluation_page
from s2f.model.evaluation.comparison import compare
from s2f.model.evaluation.learned.metrics import learned_metrics
from s2f.model.evaluation.learned.weights import Given, measures
from s2f.model.evaluation.players import shown
from s2f.model.evaluation.probes.measuring import Probed
from s2f.model.evaluation.probes.measuring import summarise as summarise_probes
from s2f.model.evaluation.probes.sounds import MOST_CLIPS
from s2f.model.evaluation.results import Evaluation, closeness_of, summarise, write_folder
from s2f.model.evaluation.sources.base import VideoSource
from s2f.model.metrics.measures import SET_MEASURES, SetMeasure
from s2f.model.metrics.scoring import MEASURES, REAL, STILL, Column, Measure, Missing, Scored
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import make_folder
from s2f.pipeline.core.progress import progress_bar

# The most worker processes: more would wait for clips, and every waiting clip takes memory.
MOST_WORKERS = 16


def evaluate(
    videos: VideoSource,
    console: Console,
    *,
    seed: int = 0,
    workers: int = 0,
    out: Path | None = None,
    lipreader: Path | None = None,
    sync: Path | None = None,
    probes: Sequence[str] = (),
    weights: Sequence[Given] = (),
) -> Evaluation:
    """Measure all clips of a source under a progress bar.

    `workers` is the number of worker processes; 0 = one per CPU, up to 16. `seed` fixes the confidence
    intervals. The runs of a lip reader and of a sync scorer add the learned metrics. `probes` are those of
    `evaluation.probes`; files of `weights` add the measures of `learned.weights`. The results and a page
    are written to the folder `out`. A clip that cannot be read or measured is listed in `missing`.
    Raises InputError where no clip can be measured, CheckpointError where a run cannot be used.
    """
    more = (*learned_metrics(lipreader, sync, videos.media), *SET_MEASURES, *measures(weights))
    if out:
        make_folder(out)
    with progress_bar(console) as bar:
        scored, missing = _measure(videos, workers, more, bar)
        if not scored:
            raise InputError(f"no clip could be measured: {missing[0].reason}", "check that they are whole")
        networks = {"lipreader": lipreader, "sync": sync}
        source = videos.source | {name: str(run) for name, run in networks.items() if run}
        source |= {f"{each.name}_weights": str(each.path) for each in weights}
        source |= {f"{each.name}_sha256": each.sha256 for each in weights}
        evaluation = _gather(videos, scored, missing, seed, more)
        remarks = (*evaluation.remarks, *(each.in_words() for each in weights))
        evaluation = replace(evaluation, source=source, remarks=remarks)
        if probes:
            evaluation = _probe(videos, evaluation, probes, sync, workers, bar)
        if out:
            write_folder(evaluation, out)
            wanted = shown(evaluation)
            task = bar.add_task("page", total=len(wanted), speed="")
            evaluation_page.write(evaluation, videos.show(wanted), out, lambda: bar.advance(task))
    return evaluation


def _measure(
    videos: VideoSource, workers: int, more: Sequence[Measure | SetMeasure], bar: Progress
) -> tuple[list[Scored], list[Missing]]:
    """The scores of all clips, and the clips that have none, both in the order of their ids."""
    scored: list[Scored] = []
    missing: list[Missing] = []
    processes = min(workers or min(os.cpu_count() or 1, MOST_WORKERS), len(videos.clips))
    task = bar.add_task("clips", total=len(videos.clips), speed="")
    begun = time.perf_counter()
    for done, result in enumerate(videos.score(processes, more), start=1):
        if isinstance(result, Scored):
            scored.append(result)
        else:
            missing.append(result)
        bar.update(task, completed=done, speed=f"{done / (time.perf_counter() - begun):.2f} clips/s")
    return sorted(scored, key=lambda clip: clip.clip_id), sorted(missing, key=lambda clip: clip.clip_id)


def _probe(
    videos: VideoSource,
    evaluation: Evaluation,
    probes: Sequence[str],
    sync: Path | None,
    workers: int,
    bar: Progress,
) -> Evaluation:
    """The evaluation with the results of the probes."""
    processes = min(workers or min(os.cpu_count() or 1, MOST_WORKERS), MOST_CLIPS)
    task = bar.add_task("probes", total=min(len(videos.clips), MOST_CLIPS), speed="")
    probed: list[Probed] = []
    missing: list[Missing] = []
    for result in videos.probe(probes, sync, processes, evaluation.seed):
        if isinstance(result, Missing):
            missing.append(replace(result, video="probes"))
        else:
            probed.append(result)
        bar.advance(task)
    results = summarise_probes(sorted(probed, key=lambda clip: clip.clip_id), probes, sync, evaluation.seed)
    return replace(
        evaluation, probes=tuple(results), missing=(*evaluation.missing, *missing), probed=len(probed)
    )


def _gather(
    videos: VideoSource,
    scored: list[Scored],
    missing: list[Missing],
    seed: int,
    more: Sequence[Measure | SetMeasure],
) -> Evaluation:
    columns = _grouped(
        [
            *MEASURES,
            *(each for each in more if isinstance(each, Measure) and _known(each, scored)),
            *(each for each in more if isinstance(each, SetMeasure)),
        ]
    )
    first, *others = videos.names
    return Evaluation(
        videos.title,
        videos.source,
        len(videos.clips),
        seed,
        columns,
        tuple(
            summarise(name, scored, columns, seed, videos.speeds.get(name))
            for name in (*videos.names, STILL, REAL)
        ),
        tuple(compare(name, first, scored, columns, seed) for name in others),
        tuple(scored),
        (*missing, *(score for clip in scored for score in clip.missing)),
        tuple(note for clip in scored for note in clip.notes),
        {name: closeness_of(name, scored, columns, seed) for name in videos.names},
        tuple(
            words
            for each in columns
            if isinstance(each, SetMeasure) and (words := _too_few(each, len(scored)))
        ),
    )


def _grouped(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns with those of a group together, the groups as they come."""
    groups = list(dict.fromkeys(column.group for column in columns))
    return tuple(sorted(columns, key=lambda column: groups.index(column.group)))


def _too_few(measure: SetMeasure, clips: int) -> str:
    """Why a measure of all clips together has no value; empty where it has one."""
    if clips >= measure.least:
        return ""
    return f"not measured, {measure.title}: it needs {measure.least} clips, and there are {clips}"


def _known(metric: Measure, scored: list[Scored]) -> bool:
    """Whether the metric has a value anywhere: perhaps no clip says a sentence of GRID's grammar."""
    values = (scores.get(metric.name, math.nan) for clip in scored for scores in clip.scores.values())
    return not all(map(math.isnan, values))
