"""`s2f sync`: train a sync scorer, and measure offsets."""

from pathlib import Path
from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import (
    PRETRAINED,
    Config,
    Json,
    Limit,
    PreparedOrRun,
    Resume,
    Set,
    VideoFaces,
    console,
    say,
)
from s2f.pipeline.faces import DEFAULT

sync = typer.Typer(
    name="sync",
    no_args_is_help=True,
    help="Is the sound in time with the lips, early or late?\n\nExample: s2f sync run talk.mp4",
)


@sync.command("train")
def sync_train(
    *,
    out: PreparedOrRun = None,
    run: Annotated[Path, typer.Option("--run", help="Folder for the sync scorer.")],
    config: Config = None,
    set_: Set = None,
    resume: Resume = False,
) -> None:
    """Train a sync scorer on the shards of a prepared set, and test it on sound moved by known offsets.

    Example: s2f sync train out/grid --run runs/sync
    """
    from s2f.model.evaluation.learned.sync import training
    from s2f.model.evaluation.learned.sync.config import SyncParams
    from s2f.pipeline.app.resuming import chosen
    from s2f.pipeline.core.prepared_set import PreparedSet

    folder = training.run_folder(run)
    place, params = chosen(folder, SyncParams, "sync", out, config, set_ or [], resume=resume)
    trial = training.train(PreparedSet(place), run, params, console, resume=resume)
    if trial:
        say(trial.in_words())


@sync.command("run")
def sync_run(
    what: Annotated[list[str], typer.Argument(help="Videos, or with --split a prepared set.")],
    run: Annotated[Path, typer.Option("--run", help="Folder of 's2f sync train'.")] = PRETRAINED,
    split: Annotated[str | None, typer.Option(help="train, val or test.")] = None,
    limit: Limit = None,
    faces: VideoFaces = DEFAULT,
    json: Json = None,
) -> None:
    """Measure by how much the sound of clips is early or late, and how sure that is.

    Example: s2f sync run out/grid --split test
    """
    from s2f.model.evaluation.learned.sync import clips, measuring, scorer
    from s2f.model.networks.device import best_device
    from s2f.pipeline.faces.settings import FaceSettings

    loaded = scorer.load_scorer(run, best_device())
    count, chosen = clips.chosen(what, split, limit, loaded.media, FaceSettings(faces))
    scored = measuring.measure(loaded, chosen, count, console)
    console.print(measuring.table(loaded, scored))
    for line in measuring.notes(loaded, scored):
        console.print(line, markup=False, highlight=False)
    if json:
        measuring.write_json(loaded, scored, json)
