"""The command line: each command is a signature, one call, and what it prints."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape

from s2f.pipeline.errors import InputError, S2fError
from s2f.pipeline.files import Place, place

if TYPE_CHECKING:
    from s2f.pipeline.audit.auditing import Audit
    from s2f.pipeline.plan import Selection

app = typer.Typer(
    name="s2f",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
    help="From raw talking-face videos to a model that makes one photo speak.",
)
console = Console()
errors = Console(stderr=True)

Out = Annotated[str, typer.Option("--out", help="Folder or URL for what is made.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings; else ./stages.yaml, else the defaults.")
]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting, e.g. --set detect.every=12.")
]
Speakers = Annotated[str, typer.Option(help="Only these speakers, separated by commas.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first so many clips.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that measure; 0 = one per CPU.")]
LipReader = Annotated[
    Path | None, typer.Option(help="Also word error rates, by this run of 's2f lipread train'.")
]
SyncScorer = Annotated[
    Path | None, typer.Option(help="Also how far sound and lips are apart, by this run of 's2f sync train'.")
]
Raw = Annotated[str, typer.Argument(help="Folder or URL of raw videos.")]
Prepared = Annotated[str, typer.Argument(help="Folder or URL that 's2f prep' has made.")]


@app.command()
def prep(
    raw: Raw,
    out: Out,
    config: Config = None,
    set_: Set = None,
    engine: Annotated[str | None, typer.Option(help="ray: on the Ray cluster there is.")] = None,
    corpus: Annotated[str | None, typer.Option(help="grid, tcd_timit or folder, instead of a guess.")] = None,
    speakers: Speakers = "",
    limit: Limit = None,
    only: Annotated[str | None, typer.Option(help="Only this stage.")] = None,
    until: Annotated[str | None, typer.Option(help="The stages up to this one.")] = None,
    force: Annotated[list[str] | None, typer.Option(help="Run this stage though nothing changed.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed clips again.")] = False,
    reason: Annotated[list[str] | None, typer.Option(help="With --retry-failed: only this reason.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Tell what would run and why.")] = False,
) -> None:
    """Raw videos → shards: scan, detect, align, resample, window, shard.

    What is done and has not changed is not done again.

    Example: s2f prep data/grid --out out/grid --set detect.every=12 --plan
    """
    from s2f.pipeline.plan import Selection, chosen_stages

    for name in force or []:
        chosen_stages(name)
    chosen = Selection(
        chosen_stages(only, until),
        _listed(speakers),
        limit,
        tuple(force or ()),
        tuple(reason or ()) if retry_failed else None,
    )
    overrides = [*(set_ or []), *([f"scan.corpus={corpus}"] if corpus else [])]
    overrides += [f"run.engine={engine}"] if engine else []
    _prepare(raw, out, config, overrides, chosen, plan=plan)


@app.command()
def stage(
    name: Annotated[str, typer.Argument(help="scan, detect, align, resample, window or shard.")],
    raw: Raw,
    out: Out,
    config: Config = None,
    set_: Set = None,
    speakers: Speakers = "",
    limit: Limit = None,
) -> None:
    """Run one stage of the preparation alone, on what the stages before it have made.

    Example: s2f stage align data/grid --out out/grid
    """
    from s2f.pipeline.plan import Selection, chosen_stages

    _prepare(raw, out, config, set_, Selection(chosen_stages(name), _listed(speakers), limit))


@app.command()
def show(
    out: Prepared,
    stage: Annotated[str, typer.Argument(help="scan, detect, align, resample, window or shard.")],
    where: Annotated[list[str] | None, typer.Option(help="Only rows like status=rejected.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
) -> None:
    """Print rows of a stage's manifest.

    Example: s2f show out/grid detect --where status=rejected
    """
    from s2f.pipeline import display

    display.show_rows(place(out), stage, where or [], limit, console)


@app.command()
def verify(out: Prepared) -> None:
    """Read everything back and name what is truncated, changed or missing.

    Example: s2f verify out/grid
    """
    from s2f.pipeline.audit import verification

    verification.report(place(out), console)


@app.command()
def audit(
    out: Annotated[str, typer.Argument(help="Folder or URL that 's2f prep' has made; none with --raw.")] = "",
    raw: Annotated[str, typer.Option(help="Instead: a folder of raw videos, looked at before prep.")] = "",
    compare: Annotated[str, typer.Option(help="An older prepared set: tell what changed since.")] = "",
    config: Config = None,
    set_: Set = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read every shard to its end.")] = False,
    fail_on: Annotated[
        Literal["error", "warning"] | None, typer.Option(help="Exit status 1 on such a finding.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="With --raw: only the first so many clips.")
    ] = None,
    workers: Workers = 0,
    sync: Annotated[
        Path | None, typer.Option(help="Also the sync of every clip, by this run of 's2f sync train'")
    ] = None,
) -> None:
    """Tell what a set is like: faces, sound, sync, words, splits, shards.

    Writes OUT/audit: audit.html, a page to look at; audit.json; scores.parquet with a row per clip.

    Example: s2f audit out/grid --deep --fail-on error
    """
    from s2f.pipeline import display
    from s2f.pipeline.audit import findings, record, terminal
    from s2f.pipeline.audit.compare import compare as compared
    from s2f.pipeline.config import load

    if bool(out) == bool(raw) or (raw and (compare or sync)):
        raise InputError("what to audit must be one thing", "give either OUT or --raw FOLDER")
    settings = load(config, set_ or [])

    def prepared(folder: Place) -> "Audit":
        late = _offsets(folder, sync) if sync else None
        how: dict[str, Any] = {"deep": deep, "console": console, "offsets": late}
        return display.audit(folder, settings.audit, workers, **how)

    if raw:
        found = display.audit_raw(place(raw), settings, workers, limit=limit, console=console)
    else:
        found = prepared(place(out))
    terminal.show(found, console)
    if not raw:
        console.print(record.write(found), markup=False, soft_wrap=True)
    if compare:
        terminal.show_comparison(compared(prepared(place(compare)), found), console)
    if fail_on and findings.at_least(list(found.findings), fail_on):
        raise typer.Exit(1)


def _offsets(out: Place, run: Path) -> dict[str, int]:
    """By how many frames the sound of clips is late; only those of which the sync scorer in `run` is sure."""
    from s2f.model.animate import best_device
    from s2f.model.sync import measuring, scorer

    return measuring.sure_offsets(scorer.load_scorer(run, best_device()), out, console)


@app.command()
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
    from s2f.model import trainer
    from s2f.pipeline.config import load

    trainer.train(place(out), run, load(config, set_ or []).train, resume=resume, console=console)


@app.command()
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
        from s2f.model import live

        try:
            done = live.animate_live(
                run, image, out, form=format_, sample_rate=rate, aligned=aligned, seed=seed
            )
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        errors.print(f"{done.frames} frames")
        return
    from s2f.model import animate as animation

    made = animation.animate(run, image, audio, out, aligned=aligned, seed=seed)
    console.print(f"{out}: {made}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a trained model.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the two networks and model.json.")],
    to: Annotated[Literal["onnx", "torch-export"], typer.Option("--to", help="The form.")] = "onnx",
) -> None:
    """Write a trained model for other programs, and check that it makes the same frames there.

    Example: s2f export runs/small --to onnx --out small.onnx
    """
    from s2f.model import export as exporting

    for path in exporting.export(run, to, out):
        console.print(path, markup=False, soft_wrap=True)


@app.command()
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
    from s2f.model import evaluate as evaluation
    from s2f.model.metrics import results, table

    how: dict[str, Any] = {"limit": limit, "seed": seed, "workers": workers, "out": out}
    how |= {"lipreader": lipreader, "sync": sync}
    if runs and data and not videos and not reference:
        found = evaluation.evaluate(runs, place(data), split, console, **how)
    elif videos and reference and not runs and not data:
        found = evaluation.evaluate_videos(videos, reference, console, **how)
    else:
        raise InputError(
            "there are two ways to evaluate", "give either RUN... and --data, or --videos and --reference"
        )
    table.show(found, console)
    if json:
        results.write_json(found, json)


@app.command()
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
    from s2f.model.ablation import ablate as ablation
    from s2f.model.ablation import recipes as rows
    from s2f.model.ablation import tables
    from s2f.pipeline.config import load

    base = load(config, set_ or []).train
    with _going_on():
        found = ablation.ablate(
            place(out),
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


lipread = typer.Typer(
    no_args_is_help=True,
    help="Train a lip reader, and let it read.\n\nExample: s2f lipread run me.mp4 --run runs/reader",
)
app.add_typer(lipread, name="lipread")


@lipread.command("train")
def lipread_train(
    out: Prepared,
    run: Annotated[Path, typer.Option("--run", help="Folder for the reader.")],
    config: Config = None,
    set_: Set = None,
    start: Annotated[Path | None, typer.Option(help="Begin with the weights of this run.")] = None,
) -> None:
    """Train a lip reader on the shards of a prepared set whose sentences are known.

    Example: s2f lipread train out/grid --run runs/reader --set lipread.epochs=30
    """
    from s2f.model.lipreading import training
    from s2f.pipeline.config import load

    training.train(place(out), run, load(config, set_ or []).lipread, start=start, console=console)


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
    from s2f.model.animate import best_device
    from s2f.model.footage import Video
    from s2f.model.lipreading import reader, scores

    trained = reader.load_reader(run, best_device())
    if Path(what).is_file():
        frames = Video(Path(what), trained.fps).face
        for name, grammar in ((scores.FREE, False), (scores.BOUND, True)):
            console.print(f"{name}: {trained.read(frames, grammar)}", markup=False, soft_wrap=True)
        return
    found = scores.score(trained, place(what), split, console, limit=limit, seed=seed)
    console.print(scores.table(found))
    if json:
        scores.write_json(found, json)


models = typer.Typer(
    no_args_is_help=True, help="The model files of the face backends.\n\nExample: s2f models fetch"
)
app.add_typer(models, name="models")


@models.command()
def fetch() -> None:
    """Download MediaPipe's face model into the user's cache, and check it.

    Example: s2f models fetch
    """
    from s2f.pipeline.faces import models as files

    console.print(files.fetch(), markup=False, soft_wrap=True)


study = typer.Typer(
    no_args_is_help=True,
    help="Ask people which clips are real, the paper's Turing test.\n\n"
    "Example: s2f study make --generated made --reference real --out study.html --pairs",
)
app.add_typer(study, name="study")


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
    from s2f.model.study import clips, page
    from s2f.pipeline.display import progress_bar

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
    from s2f.model.study import scores

    found = scores.score(answers, key)
    console.print(scores.table(found))
    console.print(scores.notes(found), end="", markup=False, highlight=False, soft_wrap=True)
    if json:
        scores.write_json(found, json)


sync = typer.Typer(
    no_args_is_help=True,
    help="Does the sound come with the lips, early or late?\n\n"
    "Example: s2f sync run talk.mp4 --run runs/sync",
)
app.add_typer(sync, name="sync")


@sync.command("train")
def sync_train(
    out: Prepared,
    run: Annotated[Path, typer.Option("--run", help="Folder for the sync scorer.")],
    config: Config = None,
    set_: Set = None,
) -> None:
    """Train a sync scorer on the shards of a prepared set, and try it on sound moved by known offsets.

    Example: s2f sync train out/grid --run runs/sync
    """
    from s2f.model.sync import training
    from s2f.pipeline.config import load

    trial = training.train(place(out), run, load(config, set_ or []).sync, console)
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
    from s2f.model.animate import best_device
    from s2f.model.sync import clips, measuring, scorer

    loaded = scorer.load_scorer(run, best_device())
    count, found = clips.chosen(what, split, limit, loaded.media)
    scored = measuring.measure(loaded, found, count, console)
    console.print(measuring.table(loaded, scored))
    console.print(measuring.notes(loaded), end="", markup=False, highlight=False, soft_wrap=True)
    if json:
        measuring.write_json(scored, json)


@app.command()
def settings() -> None:
    """Print stages.yaml: every setting with its default and what it means.

    Example: s2f settings > stages.yaml
    """
    from s2f.pipeline import config

    typer.echo(config.render(), nl=False)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for all that the tour makes.")] = Path("demo"),
) -> None:
    """The five-minute tour: make a small corpus, prepare it, audit it, train on it, animate a new sentence.

    Example: s2f demo demo
    """
    from s2f.pipeline.demo import tour

    with _going_on():
        tour.run(folder, console)


def _listed(names: str) -> tuple[str, ...]:
    """Names that are separated by commas."""
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _prepare(
    raw: str,
    out: str,
    config: Path | None,
    set_: list[str] | None,
    selection: "Selection",
    *,
    plan: bool = False,
) -> None:
    from s2f.pipeline import display
    from s2f.pipeline.config import load
    from s2f.pipeline.runner import Preparation

    preparation = Preparation(place(raw), place(out), load(config, set_ or []), selection)
    if plan:
        console.print(display.forecast_table(preparation.forecast()))
        return
    with _going_on():
        display.prepare(preparation, console)


@contextmanager
def _going_on() -> Iterator[None]:
    """Ctrl-C ends what another call goes on with."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print("stopped; the same command goes on from here")
        raise typer.Exit(130) from None


def main(arguments: list[str] | None = None) -> Any:
    """Run a command; an error for a person is one line and a hint, and exit status 1."""
    try:
        return app(arguments)
    except S2fError as error:
        errors.print(f"[bold red]error:[/] {escape(error.message)}", soft_wrap=True)
        if error.hint:
            errors.print(f"[bold]hint:[/] {escape(error.hint)}", soft_wrap=True)
        sys.exit(1)
