"""s2f prep, s2f stage: raw videos to shards."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s2f.pipeline.app.commands.options import (
    STAGE_HELP,
    Config,
    Limit,
    Out,
    Raw,
    Set,
    Speakers,
    choices,
    console,
    going_on,
)
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
    corpus: Annotated[str | None, typer.Option(help=f"{choices(CORPORA)}, instead of a guess.")] = None,
    speakers: Speakers = "",
    limit: Limit = None,
    only: Annotated[str | None, typer.Option(help="Only this stage.")] = None,
    until: Annotated[str | None, typer.Option(help="The stages up to this one.")] = None,
    force: Annotated[list[str] | None, typer.Option(help="Run this stage though nothing changed.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed clips again.")] = False,
    reason: Annotated[list[str] | None, typer.Option(help="With --retry-failed: only this reason.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Tell what would run and why.")] = False,
) -> None:
    """Prepare raw videos: all stages, from files to shards.

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
    name: Annotated[str, typer.Argument(help=STAGE_HELP)],
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
