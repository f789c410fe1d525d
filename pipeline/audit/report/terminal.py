"""An audit in the terminal: what is wrong first, then what the set holds."""

from dataclasses import fields

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.compare import Change, Comparison
from s2f.pipeline.audit.findings import Finding, Level, at_least

STYLES: dict[Level, str] = {"ok": "green", "note": "cyan", "warning": "yellow", "error": "bold red"}
MARKS: dict[Level, str] = {"ok": "✓", "note": "·", "warning": "!", "error": "✗"}
NAMED = 6
MOST_CHANGES = 20


def show(audit: Audit, console: Console) -> None:
    """Print the findings, the gravest first, and the tables of the set."""
    for finding in at_least(list(audit.findings), "note"):
        console.print(_lines(finding))
    sound = sum(finding.level == "ok" for finding in audit.findings)
    console.print(f"[green]✓[/] {sound} of {len(audit.findings)} checks found nothing")
    if audit.shards:
        counted = f"{audit.kept} of {len(audit.clips)} clips kept, {audit.hours:.3f} h"
    else:
        counted = f"{len(audit.clips)} clips, {audit.clips.hours.sum():.3f} h of video"
    speakers = len(audit.speakers or set(audit.clips.speaker))
    console.print(f"{counted}, {speakers} {'speaker' if speakers == 1 else 'speakers'}")
    if any(step.entered for step in audit.funnel[2:]):
        console.print(_funnel(audit))
    if audit.shards:
        console.print(_groups(audit), _shards(audit))


def show_comparison(comparison: Comparison, console: Console) -> None:
    """Print what changed between two sets, a table for each kind of change."""
    for part in fields(comparison):
        changes: tuple[Change, ...] = getattr(comparison, part.name)
        table = _table(f"{part.name}: {len(changes)} changed", "", "before", "now")
        for change in changes[:MOST_CHANGES]:
            table.add_row(*(escape(text) for text in (change.what, change.before, change.now)))
        if len(changes) > MOST_CHANGES:
            table.add_row(f"… {len(changes) - MOST_CHANGES} more", "", "")
        if changes:
            console.print(table)
    if not any(getattr(comparison, part.name) for part in fields(comparison)):
        console.print("nothing has changed")


def _lines(finding: Finding) -> Group:
    style, mark = STYLES[finding.level], MARKS[finding.level]
    head = Text.assemble((f"{mark} {finding.title}", style), f"  {finding.check}")
    body = f"  expected {finding.expected}; {finding.observed}. {finding.meaning} {finding.advice}"
    lines = [head, Text(body)]
    named = finding.details or finding.flagged
    if named:
        more = f" … and {len(named) - NAMED} more" if len(named) > NAMED else ""
        lines.append(Text(f"  {'; '.join(named[:NAMED])}{more}", style="dim"))
    return Group(*lines)


def _funnel(audit: Audit) -> Table:
    table = _table("funnel", "stage", ">in", ">passed", "lost")
    for step in audit.funnel:
        lost = ", ".join(f"{reason} {count}" for reason, count in step.reasons.items())
        table.add_row(step.stage, str(step.entered), str(step.passed), escape(lost))
    return table


def _groups(audit: Audit) -> Table:
    table = _table("splits", "split", ">clips", ">hours", "speakers")
    for name, group in audit.splits.items():
        listed = ", ".join(group.speakers[:12]) + (" …" if len(group.speakers) > 12 else "")
        table.add_row(escape(name), str(group.clips), f"{group.hours:.3f}", escape(listed))
    return table


def _shards(audit: Audit) -> Table:
    table = _table("shards", "shard", ">samples", ">frames", ">MB")
    for row in audit.shards[:NAMED]:
        table.add_row(row["shard"], str(row["samples"]), str(row["frames"]), f"{row['bytes'] / 1e6:.1f}")
    if len(audit.shards) > NAMED:
        rest = audit.shards[NAMED:]
        total = (sum(row[name] for row in rest) for name in ("samples", "frames"))
        size = sum(row["bytes"] for row in rest) / 1e6
        table.add_row(f"… {len(rest)} more", *(str(count) for count in total), f"{size:.1f}")
    return table


def _table(title: str, *columns: str) -> Table:
    """An empty table; a column whose name begins with > is set flush right."""
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left")
    return table
