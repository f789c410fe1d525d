"""An audit on one page that needs nothing else: no network, no library, no file beside it.

The words, figures and charts are written here; the page's own script shows the pictures and the table
of clips from the data that it holds. What comes from a person (names, paths, texts) is escaped on its
way in.
"""

from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path

from s2f.pipeline.audit.auditing import Audit, Group, Step
from s2f.pipeline.audit.checks.clips import CHECKS, made
from s2f.pipeline.audit.findings import LEVELS, Finding, Level, at_least
from s2f.pipeline.audit.report import listing, pictures
from s2f.pipeline.audit.report.heat_map import heat_map
from s2f.pipeline.audit.report.histograms import histogram
from s2f.pipeline.audit.report.lag_chart import lag_chart
from s2f.pipeline.audit.report.terminal import MARKS
from s2f.pipeline.core import html as pages
from s2f.pipeline.core.html import Page
from s2f.pipeline.stages.shard import SPLITS

# A finding names so many clips at once, and so many more behind a click; the table has them all.
NAMED, UNFOLDED = 6, 200


def render(found: Audit) -> str:
    """The page of an audit as HTML."""
    shown = pictures.sheets(found)
    data = {
        "clips": listing.listing(found),
        "sheets": shown,
        "pictures": pictures.take(found, shown),
    }
    return Page(_beside("audit.html")).substitute(
        style=_beside("audit.css"),
        script=_beside("audit.js"),
        title=escape(found.place.name or str(found.place)),
        place=escape(str(found.place)),
        facts=_facts(found),
        verdict=escape(verdict(found.findings)),
        tiles=_tiles(found),
        findings="".join(_finding(each) for each in at_least(list(found.findings), "note")),
        fine=_fine([each for each in found.findings if each.level == "ok"]),
        funnel=_funnel(found.funnel),
        histograms=_histograms(found),
        heat=heat_map(found),
        sync=lag_chart(found) if found.lags else _no_sync(found.findings),
        shards=_shards(found),
        written=escape(f"{pages.written()}."),
        data=pages.data(data),
    )


def verdict(findings: Iterable[Finding]) -> str:
    """What is wrong, in a sentence."""
    counts = Counter(each.level for each in findings)
    graver = [level for level in reversed(LEVELS) if level != "ok" and counts[level]]
    if not graver:
        return f"None of the {counts.total()} checks found anything."
    told = " and ".join(", ".join(_count(counts[level], level) for level in graver).rsplit(", ", 1))
    return f"{told}; {counts['ok']} of {counts.total()} checks found nothing."


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _facts(found: Audit) -> str:
    rates = [
        f"{rate} frames/s: {_count(clips, 'clip')}" for rate, clips in list(found.frame_rates.items())[:4]
    ]
    sizes = [f"{size}: {_count(clips, 'clip')}" for size, clips in list(found.resolutions.items())[:4]]
    corpora = sorted(set(found.clips.corpus))
    return "".join(f"<li>{escape(fact)}</li>" for fact in (f"corpus {', '.join(corpora)}", *sizes, *rates))


def _tiles(found: Audit) -> str:
    """The figures at the top: what, its value, and what it stands against."""
    each = 60 * found.hours / max(1, len(found.speakers))
    tiles = [
        ("Clips kept", f"{found.kept:,}", f"of {len(found.clips):,}"),
        ("Hours", f"{found.hours:.3f}", "in shards"),
        ("Speakers", f"{len(found.speakers):,}", f"{each:.1f} min each"),
    ]
    for name in dict.fromkeys((*SPLITS, *found.splits)):
        group = found.splits.get(name, Group(0, 0.0, ()))
        told = f"{group.hours:.3f} h, {_count(len(group.speakers), 'speaker')}"
        tiles.append((f"Split {name}", _count(group.clips, "clip"), told))
    return "".join(
        f"<div><dt>{escape(what)}</dt><dd>{escape(value)}<small>{escape(against)}</small></dd></div>"
        for what, value, against in tiles
    )


def _finding(finding: Finding) -> str:
    """What was seen and what was expected, what it means, what to do, and whom it speaks of."""
    check, jump = finding.check, ""
    if check in {each.name for each in CHECKS}:
        count = _count(len(finding.flagged), "clip")
        jump = f'<button data-check="{check}" data-flagged="{check}">{count} in the table</button>'
    return (
        f'<article class="finding {finding.level}" id="{check}"><div>'
        f"<h3>{_mark(finding.level)}{escape(finding.title)} <code>{check}</code></h3>"
        f'<p class="seen">{escape(finding.observed)} <span>expected {escape(finding.expected)}</span></p>'
        f"<p>{escape(finding.meaning)} <b>{escape(finding.advice)}</b></p>"
        f'<div class="named">{_named(finding.details or finding.flagged)}{jump}</div></div>'
        f'<div class="sheet" data-sheet="{check}" tabindex="0" hidden></div></article>'
    )


def _named(names: tuple[str, ...]) -> str:
    first = escape("; ".join(names[:NAMED]))
    left = len(names) - NAMED
    if left <= 0:
        return f"<p>{first}</p>" if first else ""
    more = [escape(name) for name in names[NAMED : NAMED + UNFOLDED]]
    more += [f"… and {left - UNFOLDED:,} more"] if left > UNFOLDED else []
    listed = "".join(f"<li>{name}</li>" for name in more)
    return f"<details><summary>{first} … and {left:,} more</summary><ul>{listed}</ul></details>"


def _fine(findings: list[Finding]) -> str:
    rows = [
        [f"{escape(each.title)} <code>{each.check}</code>", escape(each.expected), escape(each.observed)]
        for each in findings
    ]
    return (
        f'<details class="fine"><summary>{_mark("ok")}{_count(len(rows), "check")} found nothing</summary>'
        f'<div class="scroll" tabindex="0">{_table(("check", "expected", "observed"), rows)}</div></details>'
    )


def _funnel(steps: Iterable[Step]) -> str:
    most = max((step.entered for step in steps), default=0) or 1
    rows = []
    for step in steps:
        reasons = "".join(
            f'<button data-status="{escape(f"{step.stage}: {reason}")}">{escape(reason)} {count:,}</button>'
            for reason, count in step.reasons.items()
        )
        passed, lost = (100 * count / most for count in (step.passed, step.entered - step.passed))
        bar = f'<div class="bar"><i style="width:{passed:.2f}%"></i><b style="width:{lost:.2f}%"></b></div>'
        rows.append(
            [
                step.stage,
                f"{step.entered:,}",
                f"{step.passed:,}",
                f'{bar}<div class="reasons">{reasons}</div>',
            ]
        )
    return _table(("stage", "in", "passed", "lost"), rows)


def _histograms(found: Audit) -> str:
    """The histograms of all checks whose score is a figure."""
    findings = {each.check: each for each in found.findings}
    numeric = [check for check in made(found.clips) if check.least or check.most]
    return "".join(histogram(each, found.clips.scores[each.name], findings[each.name]) for each in numeric)


def _no_sync(findings: Iterable[Finding]) -> str:
    told = next((each.observed for each in findings if each.check == "sync.lag"), "")
    return f"<p>Nothing to tell: {escape(told)}.</p>"


def _shards(found: Audit) -> str:
    wrong = {name for each in found.findings if each.check == "shards.files" for name in each.flagged}
    rows = [
        [
            escape(row["shard"]),
            f"{row['samples']:,}",
            f"{row['frames']:,}",
            f"{row['bytes'] / 1e6:,.1f}",
            f"{_mark('error')}not as it was written" if row["shard"] in wrong else "",
        ]
        for row in found.shards
    ]
    sums = [sum(row[name] for row in found.shards) for name in ("samples", "frames", "bytes")]
    rows.append([_count(len(rows), "shard"), f"{sums[0]:,}", f"{sums[1]:,}", f"{sums[2] / 1e6:,.1f}", ""])
    return _table(("shard", "samples", "frames", "MB", ""), rows)


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table of cells that are HTML."""
    head = "".join(f"<th>{each}</th>" for each in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for first, *cells in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _mark(level: Level) -> str:
    return f'<span class="mark {level}" title="{level}">{MARKS[level]}</span>'


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
