"""What a person sees of a preparation: a progress bar with clips/s and time left, then the funnel."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from s2f.pipeline.app.config import Settings
from s2f.pipeline.audit import auditing, raw
from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.settings import AuditParams
from s2f.pipeline.core.errors import ConfigError, InputError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.faces.settings import FaceSettings
from s2f.pipeline.prep.plan import chosen_stages
from s2f.pipeline.prep.runner import Forecast, Funnel, Preparation
from s2f.pipeline.prep.sharding import Progress as Shown
from s2f.pipeline.stages import CLIP_STAGES, shard


class Speed(ProgressColumn):
    """Items per second, in the words of the task."""

    def render(self, task: Task) -> Text:
        """The speed of the last seconds, or the mean at the end."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {task.description}/s" if speed else "", style="cyan")


def progress_bar(console: Console) -> Progress:
    """The bar that every long work of the pipeline shows."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
    )


def prepare(preparation: Preparation, console: Console) -> list[Funnel]:
    """Run a preparation under a progress bar and print its funnel, also where the run is stopped."""
    try:
        with _lines(console) as show:
            return preparation.run(show)
    finally:
        if preparation.begun:
            console.print(table(preparation.funnel()))


def audit(
    data: PreparedSet,
    params: AuditParams,
    workers: int,
    *,
    deep: bool,
    console: Console,
    offsets: Mapping[str, int] | None = None,
) -> Audit:
    """Audit a prepared set under a progress bar, which shows where clips have to be measured."""
    with _lines(console) as show:
        return auditing.audit(data, params, workers=workers, deep=deep, progress=show, offsets=offsets)


def audit_raw(root: Place, settings: Settings, workers: int, *, limit: int | None, console: Console) -> Audit:
    """Audit raw videos under a progress bar."""
    corpus = settings.scan.corpus
    faces = FaceSettings(settings.detect.backend, settings.detect.model)
    with _lines(console) as show:
        return raw.audit_raw(root, corpus, settings.audit, faces, workers=workers, limit=limit, progress=show)


@contextmanager
def _lines(console: Console) -> Iterator[Shown]:
    """A progress bar with a line for each kind of work that has something to do."""
    lines: dict[str, TaskID] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in lines and total:
            lines[what] = bar.add_task(what, total=total)
        if total:
            bar.update(lines[what], completed=done)

    with progress_bar(console) as bar:
        yield show


def table(funnel: list[Funnel]) -> Table:
    """The funnel: clips in, kept, rejected and failed per stage, how many were run now, and the reasons."""
    found = Table("stage", title="preparation", title_justify="left")
    for name in ("in", "kept", "rejected", "failed", "run now"):
        found.add_column(name, justify="right")
    found.add_column("reasons")
    for line in funnel:
        reasons = ", ".join(f"{reason} {count}" for reason, count in line.reasons.most_common())
        counts = (line.entered, line.ok, line.rejected, line.failed, line.run)
        found.add_row(line.stage, *(str(count) for count in counts), reasons)
    return found


def forecast_table(forecast: list[Forecast]) -> Table:
    """A plan: clips that would run and why, clips that are done, and an estimate of time and disk."""
    found = Table("stage", title="plan: nothing has been changed", title_justify="left")
    for name in ("would run", "cached", "time", "disk"):
        found.add_column(name, justify="right")
    found.add_column("why")
    for line in forecast:
        why = ", ".join(f"{reason} {count}" for reason, count in line.reasons.most_common())
        taken = "unknown" if line.seconds is None else str(timedelta(seconds=round(line.seconds)))
        size = "-" if line.bytes is None else f"{line.bytes / 1e6:.1f} MB"
        found.add_row(line.stage, str(line.reasons.total()), str(line.cached), taken, size, why)
    return found


def show_rows(out: Place, stage: str, where: list[str], limit: int, console: Console) -> None:
    """Print rows of a manifest, one column under the other. Raises InputError, ConfigError."""
    schemas = {each.name: each.schema for each in CLIP_STAGES} | {shard.NAME: shard.SCHEMA}
    chosen_stages(stage)
    path = out / "manifests" / f"{stage}.parquet"
    if not path.exists():
        raise InputError(f"{path} does not exist", "give a folder that 's2f prep' has made")
    wanted = [_condition(each, schemas[stage].names) for each in where]
    rows = Manifest(out / "manifests", stage, schemas[stage]).rows()
    chosen = [row for row in rows if all(str(row[name]) == value for name, value in wanted)]
    for row in chosen[:limit]:
        table = Table(row["clip_id"], "", title_justify="left")
        for name, value in row.items():
            if name != "clip_id" and value not in (None, ""):
                table.add_row(name, Text(_short(value)))
        console.print(table)
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
