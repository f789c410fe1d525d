"""Train the rows of an ablation one after the other, or resume them, and measure all together."""

import json
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from s2f.model.data.recordings import first, listed
from s2f.model.evaluation.ablation import tables
from s2f.model.evaluation.ablation.results import Ablation, Trained, summary
from s2f.model.evaluation.ablation.rows import AblationRow, AblationRows, settings
from s2f.model.evaluation.ablation.seams import measure_seams
from s2f.model.evaluation.evaluate import evaluate
from s2f.model.evaluation.learned.metrics import learned_metrics
from s2f.model.evaluation.sources.animated import Animated
from s2f.model.training import trainer
from s2f.model.training.config import TrainParams
from s2f.model.training.starting import with_network_of
from s2f.pipeline.core.errors import CheckpointError, TrainingError
from s2f.pipeline.core.files import make_folder, write_bytes
from s2f.pipeline.core.locks import alone
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import duration

RUNS, SCORES, SUMMARY, TABLES = "runs", "scores", "ablation.json", "ablation.md"


def ablate(
    data: PreparedSet,
    folder: Path,
    plan: AblationRows,
    base: TrainParams,
    split: str,
    console: Console,
    *,
    start: Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    workers: int = 0,
    lipreader: Path | None = None,
    sync: Path | None = None,
) -> Ablation:
    """Train each row with the settings `base` and its own changes, then measure all rows on a split.

    With `start`, the run of another training, every row begins with the network and weights of that one.

    Everything is written to `folder`. Calling it again with the same arguments continues: what is trained
    already is not trained again. A row whose training fails is reported and left out. Raises ConfigError,
    CheckpointError or InputError before any training, where the settings, earlier runs or the data cannot
    be used; TrainingError where no row could be trained; KeyboardInterrupt where a training was stopped.
    """
    wanted = list(zip(plan.rows, settings(plan, base), strict=True))
    # Fail now rather than after days of training.
    learned_metrics(lipreader, sync, first(listed(data, split)).media)
    make_folder(folder)
    with alone(folder / ".lock"):
        trained = _train_rows(data, folder, wanted, console, start)
        runs = [each.run for each in trained if not each.failed]
        if not runs:
            raise TrainingError(f"no row could be trained: {trained[0].failed}", "change the settings")
        console.rule(f"[bold]measuring on the {split} split")
        evaluation = evaluate(
            Animated(runs, data, split, limit, seed),
            console,
            seed=seed,
            workers=workers,
            out=folder / SCORES,
            lipreader=lipreader,
            sync=sync,
        )
        # The evaluation names the runs itself, and keeps their order.
        measured = iter(evaluation.runs)
        trained = [
            each
            if each.failed
            else replace(
                each,
                name=next(measured).name,
                seams=measure_seams(each.run, listed(data, split, limit), seed),
            )
            for each in trained
        ]
        ablation = Ablation(plan, base, tuple(trained), evaluation)
        content = json.dumps(summary(ablation), indent=2, ensure_ascii=False)
        write_bytes(folder / SUMMARY, f"{content}\n".encode())
        write_bytes(folder / TABLES, tables.markdown(ablation).encode())
    return ablation


def _train_rows(
    data: PreparedSet,
    folder: Path,
    wanted: list[tuple[AblationRow, TrainParams]],
    console: Console,
    start: Path | None,
) -> list[Trained]:
    """Train the rows with their settings, after checking that all can be begun or continued."""
    for row, params in wanted:
        _check(data, _run(folder, row), with_network_of(start, params, data) if start else params)
    trained = []
    for number, (row, params) in enumerate(wanted, 1):
        console.rule(f"[bold]row {number} of {len(wanted)}: {escape(row.name)}")
        begun = time.perf_counter()
        trained.append(_train(data, _run(folder, row), row, params, console, start))
        console.print(f"{row.name}: {duration(time.perf_counter() - begun)}", markup=False)
    return trained


def _run(folder: Path, row: AblationRow) -> Path:
    return folder / RUNS / row.slug


def _check(data: PreparedSet, run: Path, params: TrainParams) -> None:
    """Raise CheckpointError where an earlier run of the row cannot be continued with these settings."""
    done = trainer.steps_done(data, run, params)
    if done > params.steps:
        raise CheckpointError(
            f"the run in {run} has done {done:,} steps, more than the {params.steps:,} of train.steps",
            f"set train.steps to {done}, or give another --out",
        )


def _train(
    data: PreparedSet,
    run: Path,
    row: AblationRow,
    params: TrainParams,
    console: Console,
    start: Path | None,
) -> Trained:
    try:
        done = trainer.go_on(data, run, params, console, start)
    except TrainingError as error:
        console.print(f"{row.name} failed: {error.message}", style="red", markup=False, soft_wrap=True)
        return Trained(row, run, trainer.steps_done(data, run, params), failed=error.message)
    return Trained(row, run, int(done["step"]))
