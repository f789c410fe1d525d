"""s2f ablate: several trainings compared."""

from pathlib import Path
from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import (
    Config,
    Limit,
    LipReader,
    Prepared,
    Set,
    SyncScorer,
    Workers,
    console,
    going_on,
)


def ablate(
    out: Prepared,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the runs, their scores and the tables.")],
    rows: Annotated[
        Path | None, typer.Option("--rows", "--recipes", help="The rows, in YAML; else those of the paper.")
    ] = None,
    config: Config = None,
    set_: Set = None,
    split: Annotated[str, typer.Option(help="Clips to measure on: train, val or test.")] = "val",
    limit: Limit = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise and of the confidence intervals.")] = 0,
    workers: Workers = 0,
    lipreader: LipReader = None,
    sync: SyncScorer = None,
) -> None:
    """Train the rows of an ablation, measure them together, and set the reported figures beside.

    Stopped at any time, the same command goes on. --config and --set give what all rows have in common;
    --limit counts the clips that are measured.

    Example: s2f ablate out/grid --out ablation --set train.width=16 --set train.steps=2000
    """
    from s2f.model.evaluation.ablation import ablate as ablation
    from s2f.model.evaluation.ablation import tables
    from s2f.model.evaluation.ablation.rows import load as load_rows
    from s2f.pipeline.app.config import load
    from s2f.pipeline.core.prepared_set import PreparedSet

    base = load(config, set_ or []).train
    with going_on():
        found = ablation.ablate(
            PreparedSet(out, base.cache),
            folder,
            load_rows(rows),
            base,
            split,
            console,
            limit=limit,
            seed=seed,
            workers=workers,
            lipreader=lipreader,
            sync=sync,
        )
    tables.show(found, console)
    for name in (ablation.TABLES, ablation.SUMMARY, f"{ablation.SCORES}/evaluation.html"):
        console.print(folder / name, markup=False, soft_wrap=True)
    if any(each.failed for each in found.trained):
        raise typer.Exit(1)
