"""A preparation on the terminal: its progress, the funnel, the plan, and rows of its manifests."""

from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from s2f.pipeline.core.errors import ConfigError, InputError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.progress import progress_lines
from s2f.pipeline.prep.funnel import Funnel
from s2f.pipeline.prep.parts import IncompleteError
from s2f.pipeline.prep.plan import chosen_stages
from s2f.pipeline.prep.runner import Forecast, Preparation
from s2f.pipeline.stages import load_stage


def prepare(preparation: Preparation, console: Console, *, merge: bool = False) -> list[Funnel]:
    """Run a preparation under a progress bar and print its funnel, also when the run is stopped."""
    console.print(f"found: {preparation.found}", markup=False, highlight=False)
    try:
        with progress_lines(console) as show:
            return preparation.run(show, merge=merge)
    finally:
        if preparation.begun:
            if preparation.passed_over:
                console.print(preparation.passed_over, markup=False, highlight=False, soft_wrap=True)
            console.print(funnel_table(preparation.funnel()))
        for note in preparation.notes:
            console.print(f"note: {note}", markup=False, highlight=False)


def show_lacking(error: IncompleteError, command: str, console: Console) -> None:
    """Print which parts are not done, and the commands that run them; `command` is that of the whole."""
    for each in error.lacking:
        reasons = ", ".join(f"{reason} {count}" for reason, count in each.reasons.most_common())
        found = f"part {each.part} {each.state}: {each.reasons.total()} to do ({reasons})"
        again = f"  {command} --part {each.part}"
        console.print(f"{found}\n{again}", markup=False, highlight=False, soft_wrap=True)


def show_plan(preparation: Preparation, console: Console) -> None:
    """Print what a run would do, and on which clips."""
    console.print(f"found: {preparation.found}", markup=False, highlight=False)
    console.print(forecast_table(preparation.forecast()))


def funnel_table(funnel: list[Funnel]) -> Table:
    """The funnel: clips in, kept, rejected and failed per stage, how many were run now, and the reasons."""
    table = Table("stage", title="preparation", title_justify="left")
    for name in ("in", "kept", "rejected", "failed", "run now"):
        table.add_column(name, justify="right")
    table.add_column("reasons")
    for line in funnel:
        reasons = ", ".join(f"{reason} {count}" for reason, count in line.reasons.most_common())
        counts = (line.entered, line.ok, line.rejected, line.failed, line.run)
        table.add_row(line.stage, *(str(count) for count in counts), reasons)
    return table


def forecast_table(forecast: list[Forecast]) -> Table:
    """A plan: clips that would run and why, clips that are done, and an estimate of time and disk."""
    table = Table("stage", title="plan: nothing has been changed", title_justify="left")
    for name in ("would run", "cached", "time", "disk"):
        table.add_column(name, justify="right")
    table.add_column("why")
    for line in forecast:
        why = ", ".join(f"{reason} {count}" for reason, count in line.reasons.most_common())
        taken = "unknown" if line.seconds is None else str(timedelta(seconds=round(line.seconds)))
        size = "-" if line.bytes is None else f"{line.bytes / 1e6:.1f} MB"
        table.add_row(line.stage, str(line.reasons.total()), str(line.cached), taken, size, why)
    return table


def show_rows(out: Place, stage: str, where: list[str], limit: int, console: Console) -> None:
    """Print rows of a manifest, one column under the other. Raises InputError, ConfigError."""
    chosen_stages(stage)
    schema = load_stage(stage).schema
    path = out / "manifests" / f"{stage}.parquet"
    if not path.exists():
        raise InputError(f"{path} does not exist", "give a folder that 's2f prep' has made")
    wanted = [_condition(each, schema.names) for each in where]
    rows = Manifest(out / "manifests", stage, schema).rows()
    chosen = [row for row in rows if all(str(row[name]) == value for name, value in wanted)]
    for row in chosen[:limit]:
        shown = Table(row["clip_id"], "", title_justify="left")
        for name, value in row.items():
            if name != "clip_id" and value not in (None, ""):
                shown.add_row(name, Text(_short(value)))
        console.print(shown)
    console.print(f"{len(chosen)} rows" + (f", {limit} shown" if len(chosen) > limit else ""))


def _condition(text: str, names: list[str]) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in names:
        raise ConfigError(
            f"--where {text} is no condition", f"write column=value; the columns are {', '.join(names)}"
        )
    return name, value


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}…"
