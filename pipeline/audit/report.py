"""The figures of an audit as tables for the terminal and as JSON."""

import dataclasses
import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from s2f.pipeline import files
from s2f.pipeline.audit.statistics import Group, Statistics


def show(found: Statistics, console: Console) -> None:
    """Print the figures, what is wrong first."""
    for line in alerts(found):
        console.print(f"[bold yellow]![/] {escape(line)}")
    console.print(
        f"{found.kept} of {found.found} clips kept, {found.hours:.3f} h, {len(found.speakers)} speakers"
    )
    console.print(_groups("splits", found.splits), _groups("speakers", found.speakers))
    console.print(_materials(found), _spreads(found))
    if found.losses:
        console.print(_losses(found))
    if found.shards:
        console.print(_shards(found))


def alerts(found: Statistics) -> list[str]:
    """What a person should know before training on this set."""
    lines = []
    if found.speaker_leaks:
        leaks = (f"{name} ({', '.join(splits)})" for name, splits in found.speaker_leaks.items())
        lines.append(f"speakers that stand in more than one split: {', '.join(leaks)}")
    if found.sentence_leaks:
        lines.append(f"{found.sentence_leaks} sentences are spoken in more than one split")
    lines += [
        f"the {split} split is empty" for split in ("train", "val", "test") if split not in found.splits
    ]
    if found.incomplete:
        counts = [f"{name} ({clips} of {known:,})" for name, (clips, known) in found.incomplete.items()]
        listed = ", ".join(counts[:8]) + (" …" if len(counts) > 8 else "")
        lines.append(f"not as many clips as the corpus holds: {listed}")
    lines += [f"shard {tar.shard}: {tar.problem}" for tar in found.shards if tar.problem]
    return lines


def write_json(found: Statistics, path: Path) -> None:
    """Write the figures as JSON, atomically."""
    data = {"alerts": alerts(found)} | dataclasses.asdict(found)
    files.write_bytes(path, json.dumps(data, indent=1).encode())


def _groups(title: str, groups: dict[str, Group]) -> Table:
    table = _table(title, "", ">clips", ">hours", "speakers")
    for name, group in groups.items():
        listed = ", ".join(group.speakers[:12]) + (" …" if len(group.speakers) > 12 else "")
        table.add_row(escape(name), str(group.clips), f"{group.hours:.3f}", escape(listed))
    return table


def _materials(found: Statistics) -> Table:
    table = _table("material", "", "value", ">clips")
    for title, counts in (("frames per second", found.frame_rates), ("resolution", found.resolutions)):
        for value, count in counts.items():
            table.add_row(title, value, str(count))
    return table


def _spreads(found: Statistics) -> Table:
    table = _table("kept clips", "", "unit", ">least", ">25 %", ">median", ">75 %", ">greatest")
    for title, spread in found.spreads.items():
        values = (spread.least, spread.lower, spread.median, spread.upper, spread.greatest)
        table.add_row(title, spread.unit, *(f"{value:.4g}" for value in values))
    return table


def _losses(found: Statistics) -> Table:
    table = _table("lost clips", "stage", "status", "reason", ">clips", "example", "message")
    for loss in found.losses:
        table.add_row(
            loss.stage, loss.status, loss.reason, str(loss.clips), loss.example, escape(loss.message)
        )
    return table


def _shards(found: Statistics) -> Table:
    table = _table("shards", "", "split", ">samples", ">frames", ">MB", "problem")
    for tar in found.shards:
        row = (tar.shard, tar.split, str(tar.samples), str(tar.frames), f"{tar.bytes / 1e6:.1f}", tar.problem)
        table.add_row(*row)
    return table


def _table(title: str, *columns: str) -> Table:
    """An empty table; a column whose name begins with > is set flush right."""
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left")
    return table
