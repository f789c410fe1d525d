"""s2f train: shards to a trained generator."""

from pathlib import Path
from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import (
    Config,
    Prepared,
    Set,
    console,
)


def train(
    out: Prepared,
    run: Annotated[Path, typer.Option("--run", help="Folder for checkpoints, curves and samples.")],
    config: Config = None,
    set_: Set = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run stopped.")] = False,
) -> None:
    """Train the GAN on the shards of a prepared set.

    Example: s2f train out/grid --run runs/small --set train.width=16
    """
    from s2f.model.training import trainer
    from s2f.pipeline.app.config import load
    from s2f.pipeline.core.prepared_set import PreparedSet

    params = load(config, set_ or []).train
    trainer.train(PreparedSet(out, params.cache), run, params, resume=resume, console=console)
