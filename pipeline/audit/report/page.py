"""The page of an audit: figures, charts, clips and pictures, ready for the template audit.html."""

from collections import Counter
from collections.abc import Iterable

from s2f.pipeline.audit.auditing import Audit, Totals
from s2f.pipeline.audit.checks import table
from s2f.pipeline.audit.findings import LEVELS, Finding, at_least
from s2f.pipeline.audit.report import listing, pictures
from s2f.pipeline.audit.report.heat_map import heat_map
from s2f.pipeline.audit.report.histograms import histograms
from s2f.pipeline.audit.report.lag_chart import lag_chart
from s2f.pipeline.audit.report.terminal import MARKS
from s2f.pipeline.core.html import rendering
from s2f.pipeline.core.html.rendering import counted
from s2f.pipeline.stages.splits import SPLITS

# So many resolutions and frame rates are named in the heading.
MOST_FACTS = 4

# What, its value, and what it is compared with.
Tile = tuple[str, str, str]


def render(audit: Audit) -> str:
    """The page of an audit as HTML."""
    by_check = {each.check: each for each in audit.findings}
    shown = pictures.sheets(audit)
    return rendering.render(
        __name__,
        "audit.html",
        title=audit.place.name or str(audit.place),
        place=str(audit.place),
        facts=_facts(audit),
        verdicts=[verdict(audit.findings)],
        tiles=_tiles(audit),
        findings=at_least(list(audit.findings), "note"),
        passed=[each for each in audit.findings if each.level == "ok"],
        marks=MARKS,
        clip_checks={check.name for check in table.clip_checks()},
        funnel=audit.funnel,
        most=max((step.entered for step in audit.funnel), default=0) or 1,
        histograms=histograms(audit),
        heat=heat_map(audit),
        lags=lag_chart(audit) if audit.lags else None,
        no_lags=by_check["sync.lag"].observed if "sync.lag" in by_check else "",
        shards=audit.shards,
        changed_shards=by_check["shards.files"].flagged if "shards.files" in by_check else (),
        data={
            "clips": listing.listing(audit),
            "sheets": shown,
            "pictures": pictures.take(audit, shown),
        },
    )


def verdict(findings: Iterable[Finding]) -> str:
    """What is wrong, in a sentence."""
    counts = Counter(each.level for each in findings)
    graver = [level for level in reversed(LEVELS) if level != "ok" and counts[level]]
    if not graver:
        return f"None of the {counts.total()} checks found anything."
    told = " and ".join(", ".join(counted(counts[level], level) for level in graver).rsplit(", ", 1))
    return f"{told}; {counts['ok']} of {counts.total()} checks found nothing."


def _facts(audit: Audit) -> list[str]:
    sizes = [f"{size}: {counted(clips, 'clip')}" for size, clips in audit.resolutions.items()]
    rates = [f"{rate} frames/s: {counted(clips, 'clip')}" for rate, clips in audit.frame_rates.items()]
    corpora = sorted(set(audit.clips.corpus))
    return [f"corpus {', '.join(corpora)}", *sizes[:MOST_FACTS], *rates[:MOST_FACTS]]


def _tiles(audit: Audit) -> list[Tile]:
    """The figures at the top."""
    each = 60 * audit.hours / max(1, len(audit.speakers))
    tiles = [
        ("Clips kept", f"{audit.kept:,}", f"of {len(audit.clips):,}"),
        ("Hours", f"{audit.hours:.3f}", "in shards"),
        ("Speakers", f"{len(audit.speakers):,}", f"{each:.1f} min each"),
    ]
    for name in dict.fromkeys((*SPLITS, *audit.splits)):
        group = audit.splits.get(name, Totals(0, 0.0, ()))
        told = f"{group.hours:.3f} h, {counted(len(group.speakers), 'speaker')}"
        tiles.append((f"Split {name}", counted(group.clips, "clip"), told))
    return tiles
