"""`s2f ablate`: several trainings compared."""

from pathlib import Path
from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import (
    Config,
    Limit,
    LipReader,
    Prepared,
    Preset,
    Set,
    Split,
    SyncScorer,
    Workers,
    console,
    resumable,
    say,
)


def ablate(
    out: Prepared,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the runs, their scores and the tables.")],
    rows: Annotated[
        Path | None,
        typer.Option(
            "--rows",
            "--recipes",
            help="The rows, in YAML, or both_papers or related_work; without it those of the paper.",
        ),
    ] = None,
    config: Config = None,
    set_: Set = None,
    preset: Preset = None,
    start: Annotated[
        Path | None,
        typer.Option("--start", help="Begin every row with the network and weights of this run."),
    ] = None,
    split: Split = "val",
    limit: Limit = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise and of the confidence intervals.")] = 0,
    workers: Workers = 0,
    lipreader: LipReader = None,
    sync: SyncScorer = None,
) -> None:
    """Train the rows of an ablation, measure them together, and show them beside the reported figures.

    If it is stopped, the same command goes on. --config, --preset and --set give what all rows have in
    common; --split and --limit choose the clips that are measured.

    Example: s2f ablate out/grid --out ablation --set train.width=16 --set train.steps=2000
    """
    from s2f.model.evaluation.ablation import ablate as ablation
    from s2f.model.evaluation.ablation import tables
    from s2f.model.evaluation.ablation.rows import load as load_rows
    from s2f.pipeline.app.config import load
    from s2f.pipeline.core.prepared_set import PreparedSet

    base = load(config, set_ or [], preset).train
    with resumable():
        result = ablation.ablate(
            PreparedSet(out, base.cache),
            folder,
            load_rows(rows),
            base,
            split,
            console,
            start=start,
            limit=limit,
            seed=seed,
            workers=workers,
            lipreader=lipreader,
            sync=sync,
        )
    tables.show(result, console)
    say(f"{folder / ablation.TABLES}: this as text; the figures are in {folder / ablation.SUMMARY}")
    say(f"{folder / ablation.SCORES / 'evaluation.html'}: the runs side by side, with clips to watch")
    if any(each.failed for each in result.trained):
        raise typer.Exit(1)
