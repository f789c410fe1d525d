"""`s2f train`: shards to a trained generator."""

from pathlib import Path
from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import Config, PreparedOrRun, Preset, Resume, Set, console


def train(
    *,
    out: PreparedOrRun = None,
    run: Annotated[Path, typer.Option("--run", help="Folder for checkpoints, curves and samples.")],
    config: Config = None,
    set_: Set = None,
    preset: Preset = None,
    resume: Resume = False,
    start: Annotated[
        Path | None,
        typer.Option("--start", help="Begin with the network and weights of this run, or 'pretrained'."),
    ] = None,
) -> None:
    """Train the GAN on the shards of a prepared set.

    With --resume data and settings come from the run; --set may change how long and how often.

    Example: s2f train out/grid --run runs/small --set train.width=16
    """
    from s2f.model.training import trainer
    from s2f.model.training.config import TrainParams
    from s2f.pipeline.app.resuming import chosen
    from s2f.pipeline.core.prepared_set import PreparedSet

    folder = trainer.run_folder(run)
    place, params = chosen(
        folder, TrainParams, "train", out, config, set_ or [], resume=resume, preset=preset
    )
    trainer.train(PreparedSet(place, params.cache), run, params, resume=resume, console=console, start=start)
