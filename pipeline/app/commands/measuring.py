"""Is it good, and is it better?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from s2f.pipeline.app.commands.options import (
    Config,
    Limit,
    LipReader,
    PreparedOrRun,
    Resume,
    Set,
    SyncScorer,
    Workers,
    console,
    errors,
)
from s2f.pipeline.core.errors import InputError


def evaluate(
    runs: Annotated[list[Path] | None, typer.Argument(help="Folders of trained models.")] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Folder or URL that 's2f prep' has made.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "val",
    videos: Annotated[
        list[Path] | None, typer.Option(help="Instead of runs: videos of any system, a folder or a file.")
    ] = None,
    reference: Annotated[Path | None, typer.Option(help="The real videos, of the same names.")] = None,
    limit: Limit = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for a page, JSON and Parquet.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise and of the confidence intervals.")] = 0,
    workers: Workers = 0,
    lipreader: LipReader = None,
    sync: SyncScorer = None,
) -> None:
    """Compare trained models by the papers' measures, on clips that they were not trained on.

    With --videos and --reference it measures the videos of any other system.

    Example: s2f evaluate runs/l1 runs/full --data out/grid --split val --out scores
    """
    from s2f.model.evaluation import evaluate as evaluation
    from s2f.model.evaluation import results, table
    from s2f.model.evaluation.sources.animated import Animated
    from s2f.model.evaluation.sources.videos import Videos
    from s2f.pipeline.core.prepared_set import PreparedSet

    material: evaluation.Material
    if runs and data and not videos and not reference:
        material = Animated(runs, PreparedSet(data), split, limit, seed)
    elif videos and reference and not runs and not data:
        material = Videos(videos, reference, limit)
    else:
        raise InputError(
            "there are two ways to evaluate", "give either RUN... and --data, or --videos and --reference"
        )
    found = evaluation.evaluate(
        material, console, seed=seed, workers=workers, out=out, lipreader=lipreader, sync=sync
    )
    table.show(found, console)
    if json:
        results.write_json(found, json)


lipread = typer.Typer(
    no_args_is_help=True,
    help="Train a lip reader, and let it read.\n\nExample: s2f lipread run me.mp4 --run runs/reader",
)


@lipread.command("train")
def lipread_train(
    *,
    out: PreparedOrRun = None,
    run: Annotated[Path, typer.Option("--run", help="Folder for the reader.")],
    config: Config = None,
    set_: Set = None,
    start: Annotated[Path | None, typer.Option(help="Begin with the weights of this run.")] = None,
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
    run: Annotated[Path, typer.Option("--run", help="Folder of a trained reader.")],
    split: Annotated[str, typer.Option(help="train, val or test.")] = "val",
    limit: Limit = None,
    json: Annotated[Path | None, typer.Option(help="Also write rates and readings to this file.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the confidence intervals and of chance.")] = 0,
) -> None:
    """Read the lips of a video, or score a reader on a split: word error rates with and without the grammar.

    Example: s2f lipread run out/grid --run runs/reader --split test
    """
    from s2f.model.evaluation.learned.lipreading import reader, scores
    from s2f.model.evaluation.sources.footage import Video
    from s2f.model.networks.device import best_device
    from s2f.pipeline.core.prepared_set import PreparedSet

    trained = reader.load_reader(run, best_device())
    if Path(what).is_file():
        frames = Video(Path(what), trained.fps).face
        for name, grammar in ((scores.FREE, False), (scores.BOUND, True)):
            console.print(f"{name}: {trained.read(frames, grammar)}", markup=False, soft_wrap=True)
        return
    found = scores.score(trained, PreparedSet(what), split, console, limit=limit, seed=seed)
    console.print(scores.table(found))
    if json:
        scores.write_json(found, json)


sync = typer.Typer(
    no_args_is_help=True,
    help="Does the sound come with the lips, early or late?\n\n"
    "Example: s2f sync run talk.mp4 --run runs/sync",
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
    """Train a sync scorer on the shards of a prepared set, and try it on sound moved by known offsets.

    Example: s2f sync train out/grid --run runs/sync
    """
    from s2f.model.evaluation.learned.sync import training
    from s2f.model.evaluation.learned.sync.config import SyncParams
    from s2f.pipeline.app.resuming import chosen
    from s2f.pipeline.core.prepared_set import PreparedSet

    folder = training.run_folder(run)
    place, params = chosen(folder, SyncParams, "sync", out, config, set_ or [], resume=resume)
    trial = training.train(PreparedSet(place), run, params, console, resume=resume)
    told = str(trial) if trial else "not tried: the val split has less than two clips that are long enough"
    console.print(told, markup=False, highlight=False, soft_wrap=True)


@sync.command("run")
def sync_run(
    what: Annotated[list[str], typer.Argument(help="Videos, or with --split a prepared set.")],
    run: Annotated[Path, typer.Option("--run", help="Folder of 's2f sync train'.")],
    split: Annotated[str | None, typer.Option(help="train, val or test.")] = None,
    limit: Limit = None,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Tell by how much the sound of clips is early or late, and how surely.

    Example: s2f sync run out/grid --split test --run runs/sync
    """
    from s2f.model.evaluation.learned.sync import clips, measuring, scorer
    from s2f.model.networks.device import best_device

    loaded = scorer.load_scorer(run, best_device())
    count, found = clips.chosen(what, split, limit, loaded.media)
    scored = measuring.measure(loaded, found, count, console)
    console.print(measuring.table(loaded, scored))
    for line in measuring.notes(loaded, scored):
        console.print(line, markup=False, highlight=False)
    if json:
        measuring.write_json(loaded, scored, json)


study = typer.Typer(
    no_args_is_help=True,
    help="Ask people which clips are real, the paper's Turing test.\n\n"
    "Example: s2f study make --generated made --reference real --out study.html --pairs",
)


@study.command()
def make(
    generated: Annotated[
        list[str], typer.Option("--generated", help="Folder of generated videos, or NAME=FOLDER; several.")
    ],
    reference: Annotated[Path, typer.Option("--reference", help="Folder of the real ones, of equal names.")],
    out: Annotated[Path, typer.Option("--out", help="The page, .html; the key appears beside it.")],
    pairs: Annotated[bool, typer.Option("--pairs", help="Two clips at a time: which one is real?")] = False,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Real or generated?",
    seed: Annotated[int, typer.Option(help="Seed of the order and of the clips' ids.")] = 0,
    limit: Limit = None,
) -> None:
    """Write a page that shows real and generated clips and keeps a viewer's answers, ready to send.

    Example: s2f study make --generated made --reference real --out study.html --pairs --limit 24
    """
    from s2f.model.evaluation.study import clips, page
    from s2f.pipeline.app.display import progress_bar

    matches, lacking = clips.match(clips.systems(generated), reference)
    with progress_bar(console) as bar:
        task = bar.add_task("clips", total=len(matches[:limit]))
        made = page.make(
            matches[:limit],
            out,
            pairs=pairs,
            title=title,
            seed=seed,
            show=lambda done: bar.update(task, completed=done),
        )
    console.print(str(made), markup=False, highlight=False, soft_wrap=True)
    for warning in (clips.left_out(lacking), page.size_warning(made)):
        if warning:
            errors.print(f"[yellow]warning:[/] {escape(warning)}", highlight=False, soft_wrap=True)


@study.command()
def score(
    answers: Annotated[list[Path], typer.Argument(help="Files that the viewers' browsers have saved.")],
    key: Annotated[Path, typer.Option("--key", help="The .key.json beside the page.")],
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Tell how often generated clips were taken for real, with exact 95 % intervals.

    Example: s2f study score answers/*.json --key study.key.json
    """
    from s2f.model.evaluation.study import scores

    found = scores.score(answers, key)
    console.print(scores.table(found))
    console.print(scores.notes(found), end="", markup=False, highlight=False, soft_wrap=True)
    if json:
        scores.write_json(found, json)
