"""`s2f evaluate`: how good trained models are."""

from pathlib import Path
from typing import Annotated

import typer

from s2f.pipeline.app.commands.options import (
    PRETRAINED,
    Faces,
    Json,
    Limit,
    LipReader,
    Split,
    SyncScorer,
    Workers,
    console,
    say,
)
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.faces import DEFAULT


def evaluate(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Folders of trained models; 'pretrained' if there is none.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Folder or URL that 's2f prep' has made.")
    ] = None,
    split: Split = "val",
    videos: Annotated[
        list[Path] | None, typer.Option(help="Instead of runs: videos of any system, a folder or a file.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="With --videos: the real ones, by the same names.")
    ] = None,
    limit: Limit = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for a page, JSON and Parquet.")] = None,
    json: Json = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise and of the confidence intervals.")] = 0,
    workers: Workers = 0,
    faces: Faces = None,
    lipreader: LipReader = None,
    sync: SyncScorer = None,
    probe: Annotated[
        str,
        typer.Option(
            help="Also try runs on other sounds: silence,swap,shift,noise, or some of these.", metavar="NAMES"
        ),
    ] = "",
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="Also FID, FVD or LPIPS by a network in ONNX, LSE-D and LSE-C by the published SyncNet:"
            " fid=FILE, fvd=FILE, lpips=FILE, syncnet=FILE; several."
        ),
    ] = None,
    every_measure: Annotated[
        bool, typer.Option("--every-measure", help="Show all measures here too.")
    ] = False,
) -> None:
    """Compare trained models by the papers' metrics, on clips that they were not trained on.

    With --videos and --reference it measures the videos of any other system.

    Example: s2f evaluate runs/l1 runs/full --data out/grid --split val --out scores
    """
    from s2f.model.evaluation import evaluate as evaluation
    from s2f.model.evaluation import page, results, table
    from s2f.model.evaluation.learned.weights import given
    from s2f.model.evaluation.probes import sounds
    from s2f.model.evaluation.sources.animated import Animated
    from s2f.model.evaluation.sources.base import VideoSource
    from s2f.model.evaluation.sources.videos import Videos
    from s2f.pipeline.core.prepared_set import PreparedSet
    from s2f.pipeline.faces.settings import FaceSettings

    names, networks = sounds.chosen(probe), given(weights or ())
    if names and videos:
        raise InputError("--probe makes videos anew", "give runs and --data, or leave out --probe")
    source: VideoSource
    if data and not videos and not reference:
        chosen = FaceSettings(faces) if faces else None
        source = Animated(runs or [PRETRAINED], PreparedSet(data), split, limit, seed, chosen)
    elif videos and reference and not runs and not data:
        source = Videos(videos, reference, limit, FaceSettings(faces or DEFAULT))
    else:
        raise InputError(
            "there are two ways to evaluate", "give either RUN... and --data, or --videos and --reference"
        )
    result = evaluation.evaluate(
        source,
        console,
        seed=seed,
        workers=workers,
        out=out,
        lipreader=lipreader,
        sync=sync,
        probes=names,
        weights=networks,
    )
    table.show(result, console, every_measure)
    if out:
        say(f"{out / page.PAGE}: this as a page, with clips to watch")
    if json:
        results.write_json(result, json)
