"""From raw videos to shards, and what a set is like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from s2f.pipeline.app.commands.options import (
    Config,
    Limit,
    Out,
    Prepared,
    Raw,
    Set,
    Speakers,
    Workers,
    console,
    going_on,
)
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import place

if TYPE_CHECKING:
    from s2f.pipeline.audit.auditing import Audit
    from s2f.pipeline.core.prepared_set import PreparedSet
    from s2f.pipeline.prep.plan import Selection


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
    from s2f.pipeline.prep.plan import Selection, chosen_stages

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
    from s2f.pipeline.prep.plan import Selection, chosen_stages

    _prepare(raw, out, config, set_, Selection(chosen_stages(name), _listed(speakers), limit))


def show(
    out: Prepared,
    stage: Annotated[str, typer.Argument(help="scan, detect, align, resample, window or shard.")],
    where: Annotated[list[str] | None, typer.Option(help="Only rows like status=rejected.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
) -> None:
    """Print rows of a stage's manifest.

    Example: s2f show out/grid detect --where status=rejected
    """
    from s2f.pipeline.prep import terminal

    terminal.show_rows(place(out), stage, where or [], limit, console)


def verify(out: Prepared) -> None:
    """Read everything back and name what is truncated, changed or missing.

    Example: s2f verify out/grid
    """
    from s2f.pipeline.audit import verification
    from s2f.pipeline.core.prepared_set import PreparedSet

    verification.report(PreparedSet(out), console)


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
    from s2f.pipeline.app.config import load
    from s2f.pipeline.audit import auditing, findings
    from s2f.pipeline.audit import raw as raw_videos
    from s2f.pipeline.audit.compare import compare as compared
    from s2f.pipeline.audit.report import record, terminal
    from s2f.pipeline.core.prepared_set import PreparedSet
    from s2f.pipeline.core.progress import progress_lines
    from s2f.pipeline.faces.settings import FaceSettings
    from s2f.pipeline.stages.detect import DetectParams
    from s2f.pipeline.stages.scan import ScanParams

    if bool(out) == bool(raw) or (raw and (compare or sync)):
        raise InputError("what to audit must be one thing", "give either OUT or --raw FOLDER")
    settings = load(config, set_ or [])

    def prepared(folder: str) -> "Audit":
        data = PreparedSet(folder)
        late = _offsets(data, sync) if sync else None
        with progress_lines(console) as progress:
            return auditing.audit(
                data, settings.audit, workers=workers, deep=deep, progress=progress, offsets=late
            )

    if raw:
        detect = settings.block(DetectParams)
        with progress_lines(console) as progress:
            found = raw_videos.audit_raw(
                place(raw),
                settings.block(ScanParams).corpus,
                settings.audit,
                FaceSettings(detect.backend, detect.model),
                workers=workers,
                limit=limit,
                progress=progress,
            )
    else:
        found = prepared(out)
    terminal.show(found, console)
    if not raw:
        console.print(record.write(found), markup=False, soft_wrap=True)
    if compare:
        terminal.show_comparison(compared(prepared(compare), found), console)
    if fail_on and findings.at_least(list(found.findings), fail_on):
        raise typer.Exit(1)


def settings() -> None:
    """Print stages.yaml: every setting with its default and what it means.

    Example: s2f settings > stages.yaml
    """
    from s2f.pipeline.app import config

    typer.echo(config.render(), nl=False)


models = typer.Typer(
    no_args_is_help=True, help="The model files of the face backends.\n\nExample: s2f models fetch"
)


@models.command()
def fetch() -> None:
    """Download MediaPipe's face model into the user's cache, and check it.

    Example: s2f models fetch
    """
    from s2f.pipeline.faces import mediapipe_model

    console.print(mediapipe_model.fetch(), markup=False, soft_wrap=True)


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
    from s2f.pipeline.app.config import load
    from s2f.pipeline.prep import terminal
    from s2f.pipeline.prep.runner import Preparation

    preparation = Preparation(place(raw), place(out), load(config, set_ or []), selection)
    if plan:
        console.print(terminal.forecast_table(preparation.forecast()))
        return
    with going_on():
        terminal.prepare(preparation, console)


def _offsets(data: "PreparedSet", run: Path) -> dict[str, int]:
    """By how many frames the sound of clips is late; only those of which the sync scorer in `run` is sure."""
    from s2f.model.evaluation.learned.sync import measuring, scorer
    from s2f.model.networks.device import best_device

    return measuring.sure_offsets(scorer.load_scorer(run, best_device()), data, console)
