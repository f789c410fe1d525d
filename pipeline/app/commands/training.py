"""From shards to a face that speaks."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from s2f.pipeline.app.commands.options import (
    Config,
    Limit,
    LipReader,
    Prepared,
    PreparedOrRun,
    Resume,
    Set,
    SyncScorer,
    Workers,
    console,
    errors,
    going_on,
)
from s2f.pipeline.core.errors import InputError


def train(
    *,
    out: PreparedOrRun = None,
    run: Annotated[Path, typer.Option("--run", help="Folder for checkpoints, curves and samples.")],
    config: Config = None,
    set_: Set = None,
    resume: Resume = False,
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
    place, params = chosen(folder, TrainParams, "train", out, config, set_ or [], resume=resume)
    trainer.train(PreparedSet(place, params.cache), run, params, resume=resume, console=console)


def animate(
    image: Annotated[Path, typer.Option(help="A photo with a face, or an aligned crop with --aligned.")],
    run: Annotated[Path, typer.Option("--run", help="Folder of a trained model.")],
    out: Annotated[Path, typer.Option("--out", help="The video, .mp4; with --stream a file, FIFO or -.")],
    audio: Annotated[Path | None, typer.Option(help="Speech in any format that ffmpeg reads.")] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Speech is mono PCM s16le from standard input, live.")
    ] = False,
    rate: Annotated[
        int | None, typer.Option(min=1000, max=384_000, help="Hz of the PCM; else the model's, mostly 16000.")
    ] = None,
    format_: Annotated[
        Literal["mp4", "rgb24"], typer.Option("--format", help="What --stream writes.")
    ] = "mp4",
    aligned: Annotated[bool, typer.Option("--aligned", help="The image is already an aligned crop.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the noise: other seeds blink and move differently.")] = 0,
) -> None:
    """Make a photo speak.

    With --stream it speaks while the sound comes in: fragmented mp4, or bare rgb24 frames of 96 x 128.

    Example: s2f animate --image me.jpg --audio speech.wav --run runs/small --out me.mp4
    """
    if stream == (audio is not None):
        raise InputError("the speech must come from one place", "give either --audio or --stream")
    # Before torch is loaded: threads that wait by spinning take the processors from what they wait for.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if audio is None:
        from s2f.model.inference import live

        try:
            done = live.animate_live(
                run, image, out, form=format_, sample_rate=rate, aligned=aligned, seed=seed
            )
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        errors.print(f"{done.frames} frames")
        return
    from s2f.model.inference import animate as animation

    made = animation.animate(run, image, audio, out, aligned=aligned, seed=seed)
    console.print(f"{out}: {made}")


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a trained model.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the two networks and model.json.")],
    to: Annotated[Literal["onnx", "torch-export"], typer.Option("--to", help="The form.")] = "onnx",
) -> None:
    """Write a trained model for other programs, and check that it makes the same frames there.

    Example: s2f export runs/small --to onnx --out small.onnx
    """
    from s2f.model.inference import export as exporting

    for path in exporting.export(run, to, out):
        console.print(path, markup=False, soft_wrap=True)


def ablate(
    out: Prepared,
    folder: Annotated[Path, typer.Option("--out", help="Folder for the runs, their scores and the tables.")],
    recipes: Annotated[Path | None, typer.Option(help="Rows in YAML; else those of the paper.")] = None,
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
    from s2f.model.evaluation.ablation import recipes as rows
    from s2f.model.evaluation.ablation import tables
    from s2f.pipeline.app.config import load
    from s2f.pipeline.core.prepared_set import PreparedSet

    base = load(config, set_ or []).train
    with going_on():
        found = ablation.ablate(
            PreparedSet(out, base.cache),
            folder,
            rows.load(recipes),
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


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for all that the tour makes.")] = Path("demo"),
) -> None:
    """The five-minute tour: make a small corpus, prepare it, audit it, train on it, animate a new sentence.

    Example: s2f demo demo
    """
    from s2f.pipeline.app import tour

    with going_on():
        tour.run(folder, console)
