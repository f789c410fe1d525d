"""`s2f audit`: what a set is like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from s2f.pipeline.app.commands.options import Config, Set, Workers, console, say
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import place

if TYPE_CHECKING:
    from s2f.pipeline.audit.auditing import Audit
    from s2f.pipeline.core.prepared_set import PreparedSet


def audit(
    out: Annotated[str, typer.Argument(help="Folder or URL that 's2f prep' has made; none with --raw.")] = "",
    raw: Annotated[str, typer.Option(help="Instead: a folder of raw videos, before prep.")] = "",
    compare: Annotated[str, typer.Option(help="An older prepared set: show what has changed since.")] = "",
    config: Config = None,
    set_: Set = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read every shard to its end.")] = False,
    fail_on: Annotated[
        Literal["error", "warning"] | None, typer.Option(help="Exit status 1 on a finding of this level.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="With --raw: only the first so many clips.")
    ] = None,
    workers: Workers = 0,
    sync: Annotated[
        Path | None,
        typer.Option(help="Also the sync of every clip, by this run of 's2f sync train' or 'pretrained'."),
    ] = None,
) -> None:
    """Check a set: faces, sound, sync, words, splits, shards.

    Writes OUT/audit: audit.html, a page; audit.json; scores.parquet with a row per clip.

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
        offsets = _offsets(data, sync) if sync else None
        with progress_lines(console) as progress:
            return auditing.audit(
                data, settings.audit, workers=workers, deep=deep, progress=progress, offsets=offsets
            )

    if raw:
        detect, scan = settings.block(DetectParams), settings.block(ScanParams)
        with progress_lines(console) as progress:
            result = raw_videos.audit_raw(
                place(raw),
                scan.corpus,
                settings.audit,
                FaceSettings(detect.backend, detect.model),
                workers=workers,
                limit=limit,
                progress=progress,
                speaker=scan.speaker,
            )
    else:
        result = prepared(out)
    terminal.show(result, console)
    if not raw:
        say(f"{record.write(result)}: this as a page, with pictures of the clips")
    if compare:
        terminal.show_comparison(compared(prepared(compare), result), console)
    if fail_on and findings.at_least(list(result.findings), fail_on):
        raise typer.Exit(1)


def _offsets(data: "PreparedSet", run: Path) -> dict[str, int]:
    """By how many frames the sound of each clip is late, where the sync scorer in `run` is sure of it."""
    from s2f.model.evaluation.learned.sync import measuring, scorer
    from s2f.model.networks.device import best_device

    return measuring.sure_offsets(scorer.load_scorer(run, best_device()), data, console)
