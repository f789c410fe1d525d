"""`s2f lipread`: train a lip reader, and read lips."""

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
    Split,
    VideoFaces,
    console,
    say,
)
from s2f.pipeline.faces import DEFAULT

lipread = typer.Typer(
    name="lipread",
    no_args_is_help=True,
    help="Train a lip reader, and let it read.\n\nExample: s2f lipread run me.mp4",
)


@lipread.command("train")
def lipread_train(
    *,
    out: PreparedOrRun = None,
    run: Annotated[Path, typer.Option("--run", help="Folder for the reader.")],
    config: Config = None,
    set_: Set = None,
    start: Annotated[
        Path | None, typer.Option(help="Begin with the weights of this run, or 'pretrained'.")
    ] = None,
    resume: Resume = False,
) -> None:
    """Train a lip reader on the shards of a prepared set whose sentences are known.

    Example: s2f lipread train out/grid --run runs/reader --set lipread.epochs=30
    """
    from s2f.model.evaluation.learned.lipreading import training
    from s2f.model.evaluation.learned.lipreading.config import LipreadParams
    from s2f.pipeline.app.resuming import chosen
    from s2f.pipeline.core.prepared_set import PreparedSet

    folder = training.run_folder(run)
    place, params = chosen(folder, LipreadParams, "lipread", out, config, set_ or [], resume=resume)
    training.train(PreparedSet(place), run, params, start=start, resume=resume, console=console)


@lipread.command("run")
def lipread_run(
    what: Annotated[str, typer.Argument(help="A video, or what 's2f prep' has made.")],
    run: Annotated[Path, typer.Option("--run", help="Folder of a trained reader.")] = PRETRAINED,
    split: Split = "val",
    limit: Limit = None,
    faces: VideoFaces = DEFAULT,
    json: Json = None,
    seed: Annotated[int, typer.Option(help="Seed of the confidence intervals and of chance.")] = 0,
) -> None:
    """Read the lips of a video, or score a reader on a split: word error rates with and without the grammar.

    Example: s2f lipread run out/grid --split test
    """
    from s2f.model.evaluation.learned.lipreading import reader, scores
    from s2f.model.evaluation.sources.footage import Video
    from s2f.model.networks.device import best_device
    from s2f.pipeline.core.prepared_set import PreparedSet
    from s2f.pipeline.faces.settings import FaceSettings

    trained = reader.load_reader(run, best_device())
    if Path(what).is_file():
        frames = Video(Path(what), trained.fps, FaceSettings(faces)).face
        for name, grammar in ((scores.FREE, False), (scores.BOUND, True)):
            say(f"{name}: {trained.read(frames, grammar)}")
        return
    found = scores.score(trained, PreparedSet(what), split, console, limit=limit, seed=seed)
    console.print(scores.table(found))
    if json:
        scores.write_json(found, json)
