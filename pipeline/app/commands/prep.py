"""`s2f prep`: raw videos to shards."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s2f.pipeline.app.commands.options import (
    Config,
    Limit,
    Out,
    Raw,
    Set,
    Speakers,
    choices,
    console,
    resumable,
)
from s2f.pipeline.core.errors import ConfigError
from s2f.pipeline.core.executors import ENGINES
from s2f.pipeline.core.files import place
from s2f.pipeline.corpora import CORPORA

if TYPE_CHECKING:
    from s2f.pipeline.prep.plan import Selection


def prep(
    raw: Raw,
    out: Out,
    config: Config = None,
    set_: Set = None,
    engine: Annotated[
        str | None, typer.Option(help=f"Where the work is done: {' or '.join(ENGINES)}.")
    ] = None,
    corpus: Annotated[
        str | None, typer.Option(help=f"{choices(CORPORA)}; without it a guess from the names of the files.")
    ] = None,
    speakers: Speakers = "",
    limit: Limit = None,
    only: Annotated[str | None, typer.Option(help="Run only this stage.")] = None,
    until: Annotated[str | None, typer.Option(help="Run the stages up to this one.")] = None,
    force: Annotated[
        list[str] | None, typer.Option(help="Run this stage though nothing has changed.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed clips again.")] = False,
    reason: Annotated[
        list[str] | None, typer.Option(help="With --retry-failed: only clips that failed for this reason.")
    ] = None,
    offsets_from: Annotated[
        str | None,
        typer.Option(help="A set with an audit, or an audit.json: take out the offsets that it found."),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            help="Only this share of the clips, such as 3/16; other parts may run at the same time."
        ),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Join the parts and make the shards, once all parts are done.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would run and why; run nothing.")] = False,
) -> None:
    """Prepare raw videos: all stages, from files to shards.

    Only what is new or has changed is run.

    Example: s2f prep data/grid --out out/grid --set detect.every=12 --plan
    """
    from s2f.pipeline.prep.plan import Selection, chosen_stages

    for name in force or []:
        chosen_stages(name)
    selection = Selection(
        chosen_stages(only, until),
        listed(speakers),
        limit,
        tuple(force or ()),
        tuple(reason or ()) if retry_failed else None,
    )
    overrides = [*(set_ or []), *([f"scan.corpus={corpus}"] if corpus else [])]
    overrides += [f"run.engine={engine}"] if engine else []
    if merge and (part or plan or selection != Selection()):
        raise ConfigError(
            "--merge joins whole parts, and goes with settings alone",
            "leave out --part, --plan and what restricts or repeats the work",
        )
    prepare(
        raw, out, config, overrides, selection, offsets_from=offsets_from, plan=plan, part=part, merge=merge
    )


def listed(names: str) -> tuple[str, ...]:
    """Names that are separated by commas."""
    return tuple(name.strip() for name in names.split(",") if name.strip())


def prepare(
    raw: str,
    out: str,
    config: Path | None,
    overrides: list[str],
    selection: "Selection",
    *,
    offsets_from: str | None = None,
    plan: bool = False,
    part: str | None = None,
    merge: bool = False,
) -> None:
    """Run a preparation, or only show its plan."""
    from s2f.pipeline.app.config import load
    from s2f.pipeline.prep import terminal
    from s2f.pipeline.prep.parts import IncompleteError, Part
    from s2f.pipeline.prep.runner import Preparation
    from s2f.pipeline.stages.resample import ResampleParams

    settings = load(config, overrides)
    if offsets_from:
        # All of the audit comes with it.
        from s2f.pipeline.audit.offsets import read

        offsets = dict(settings.block(ResampleParams).offsets) | read(place(offsets_from))
        settings = load(config, [*overrides, f"resample.offsets={json.dumps(offsets)}"])
    share = Part.parse(part) if part else None
    preparation = Preparation(place(raw), place(out), settings, selection, share)
    if plan:
        terminal.show_plan(preparation, console)
        return
    with resumable():
        try:
            terminal.prepare(preparation, console, merge=merge)
        except IncompleteError as error:
            given = [*(["--config", str(config)] if config else [])]
            given += [word for each in overrides for word in ("--set", each)]
            given += ["--offsets-from", offsets_from] if offsets_from else []
            terminal.show_lacking(error, shlex.join(["s2f", "prep", raw, "--out", out, *given]), console)
            raise
