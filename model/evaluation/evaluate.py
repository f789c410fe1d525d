"""Talking faces measured: trained runs on clips they were not trained on, or the videos of any system.

Beside them stand the still frame, which a model must beat, and the real video.
"""

import math
import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from rich.console import Console

from s2f.model.evaluation import page as evaluation_page
from s2f.model.evaluation.comparison import compare
from s2f.model.evaluation.learned.measures import judged
from s2f.model.evaluation.players import shown
from s2f.model.evaluation.results import Evaluation, summarise, write_folder
from s2f.model.metrics.scoring import MEASURES, REAL, STILL, Clip, Measure, Missing, Scored
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import make_folder
from s2f.pipeline.core.progress import progress_bar
from s2f.pipeline.core.shards import Media

# Processes that measure, at most: more would wait for clips, and each clip that waits takes memory.
MOST_WORKERS = 16


class Material(Protocol):
    """Clips, each a real video with others beside it that are to be measured.

    title    what it is, in words; `source` says where it lies
    media    the rates of all clips
    names    of the videos beside the real one; `speeds` has frames per second and times real time
    clips    the ids of all
    """

    title: str
    source: dict[str, str]
    media: Media
    names: tuple[str, ...]
    clips: tuple[str, ...]
    speeds: dict[str, tuple[float, float]]

    def score(self, workers: int, more: Sequence[Measure]) -> Iterator[Scored | Missing]:
        """Each clip measured, by `more` too, in so many processes, or why it cannot be, as they come."""
        ...

    def show(self, wanted: Collection[str]) -> Iterator[Clip]:
        """Some of the clips, with the very frames that are measured."""
        ...


def evaluate(
    material: Material,
    console: Console,
    *,
    seed: int = 0,
    workers: int = 0,
    out: Path | None = None,
    lipreader: Path | None = None,
    sync: Path | None = None,
) -> Evaluation:
    """Measure all clips of a material under a progress bar.

    `workers` processes measure; 0 = one per CPU, up to 16. The same seed gives the same intervals. A clip
    that cannot be read or measured is told in `missing`. All of it, and a page, is written to the folder
    `out`. The runs of a lip reader and of a sync scorer add their measures. Raises InputError where no clip
    can be measured, CheckpointError where a run does not serve.
    """
    more = judged(lipreader, sync, material.media)
    if out:
        make_folder(out)
    scored: list[Scored] = []
    lost: list[Missing] = []
    processes = min(workers or min(os.cpu_count() or 1, MOST_WORKERS), len(material.clips))
    with progress_bar(console) as bar:
        task = bar.add_task("clips", total=len(material.clips), speed="")
        begun = time.perf_counter()
        for found in material.score(processes, more):
            if isinstance(found, Scored):
                scored.append(found)
            else:
                lost.append(found)
            done = len(scored) + len(lost)
            bar.update(task, completed=done, speed=f"{done / (time.perf_counter() - begun):.2f} clips/s")
        if not scored:
            raise InputError(f"no clip could be measured: {lost[0].reason}", "check that they are whole")
        evaluation = _gather(material, scored, lost, seed, more)
        judges = {"lipreader": lipreader, "sync": sync}
        source = material.source | {name: str(run) for name, run in judges.items() if run}
        evaluation = replace(evaluation, source=source)
        if out:
            write_folder(evaluation, out)
            wanted = shown(evaluation)
            task = bar.add_task("page", total=len(wanted), speed="")
            evaluation_page.write(evaluation, material.show(wanted), out, lambda: bar.advance(task))
    return evaluation


def _gather(
    material: Material, scored: list[Scored], lost: list[Missing], seed: int, more: Sequence[Measure]
) -> Evaluation:
    columns = (*MEASURES, *(each for each in more if _known(each, scored)))
    scored.sort(key=lambda each: each.clip_id)
    lost.sort(key=lambda each: each.clip_id)
    first, *others = material.names
    return Evaluation(
        material.title,
        material.source,
        len(material.clips),
        seed,
        columns,
        tuple(
            summarise(name, scored, columns, seed, material.speeds.get(name))
            for name in (*material.names, STILL, REAL)
        ),
        tuple(compare(name, first, scored, columns, seed) for name in others),
        tuple(scored),
        (*lost, *(each for clip in scored for each in clip.missing)),
        tuple(each for clip in scored for each in clip.notes),
    )


def _known(measure: Measure, scored: list[Scored]) -> bool:
    """Whether it could be measured anywhere: no clip may be a sentence of GRID's grammar."""
    values = (scores.get(measure.name, math.nan) for each in scored for scores in each.scores.values())
    return not all(map(math.isnan, values))
