"""An ablation: its rows trained one after the other, each from where it stopped, and measured together."""

import json
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from s2f.model.data.recordings import first, listed
from s2f.model.evaluation.ablation import tables
from s2f.model.evaluation.ablation.recipes import Recipes, Row, settings
from s2f.model.evaluation.ablation.results import Ablation, Trained, summary
from s2f.model.evaluation.evaluate import evaluate
from s2f.model.evaluation.learned.measures import judged
from s2f.model.evaluation.sources.animated import Animated
from s2f.model.training import trainer
from s2f.model.training.config import TrainParams
from s2f.pipeline.core.errors import CheckpointError, TrainingError
from s2f.pipeline.core.files import make_folder, write_bytes
from s2f.pipeline.core.locks import alone
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.progress import duration

RUNS, SCORES, SUMMARY, TABLES = "runs", "scores", "ablation.json", "ablation.md"


def ablate(
    data: PreparedSet,
    folder: Path,
    recipes: Recipes,
    base: TrainParams,
    split: str,
    console: Console,
    *,
    limit: int | None = None,
    seed: int = 0,
    workers: int = 0,
    lipreader: Path | None = None,
    sync: Path | None = None,
) -> Ablation:
    """Train each row with the settings `base` but for what it changes, then measure all on a split.

    Everything goes to `folder`; what an earlier call has trained is not trained again. A row whose
    training fails is told and left out. Raises ConfigError, CheckpointError or InputError before anything is
    trained where settings, earlier runs or data do not serve, TrainingError where no row is left,
    KeyboardInterrupt where it was stopped: the same call goes on.
    """
    wanted = list(zip(recipes.rows, settings(recipes, base), strict=True))
    # Known now rather than after days of training.
    judged(lipreader, sync, first(listed(data, split)).media)
    make_folder(folder)
    with alone(folder / ".lock"):
        for row, params in wanted:
            _check(data, _run(folder, row), params)
        trained = []
        for number, (row, params) in enumerate(wanted, 1):
            console.rule(f"[bold]row {number} of {len(wanted)}: {escape(row.name)}")
            begun = time.perf_counter()
            trained.append(_train(data, _run(folder, row), row, params, console))
            console.print(f"{row.name}: {duration(time.perf_counter() - begun)}", markup=False)
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
        # The evaluation has its own names for the runs, in their order.
        names = iter(evaluation.runs)
        trained = [each if each.failed else replace(each, name=next(names).name) for each in trained]
        found = Ablation(recipes, base, tuple(trained), evaluation)
        content = json.dumps(summary(found), indent=2, ensure_ascii=False)
        write_bytes(folder / SUMMARY, f"{content}\n".encode())
        write_bytes(folder / TABLES, tables.markdown(found).encode())
    return found


def _run(folder: Path, row: Row) -> Path:
    return folder / RUNS / row.slug


def _check(data: PreparedSet, run: Path, params: TrainParams) -> None:
    """Raises CheckpointError where an earlier run of the row is not one that could become what is wanted."""
    done = trainer.steps_done(data, run, params)
    if done > params.steps:
        raise CheckpointError(
            f"the run in {run} has done {done:,} steps, more than the {params.steps:,} that are wanted",
            f"set train.steps to {done}, or give another --out",
        )


def _train(data: PreparedSet, run: Path, row: Row, params: TrainParams, console: Console) -> Trained:
    try:
        done = trainer.go_on(data, run, params, console)
    except TrainingError as error:
        console.print(f"{row.name} failed: {error.message}", style="red", markup=False, soft_wrap=True)
        return Trained(row, run, trainer.steps_done(data, run, params), failed=error.message)
    return Trained(row, run, int(done["step"]))
