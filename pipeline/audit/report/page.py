"""The page of an audit: figures, charts, clips and pictures, ready for the template audit.html."""

from collections import Counter
from collections.abc import Iterable

from s2f.pipeline.audit.auditing import Audit, Group
from s2f.pipeline.audit.checks.clips import CHECKS
from s2f.pipeline.audit.findings import LEVELS, Finding, at_least
from s2f.pipeline.audit.report import listing, pictures
from s2f.pipeline.audit.report.heat_map import heat_map
from s2f.pipeline.audit.report.histograms import histograms
from s2f.pipeline.audit.report.lag_chart import lag_chart
from s2f.pipeline.audit.report.terminal import MARKS
from s2f.pipeline.core.html import rendering
from s2f.pipeline.core.html.rendering import counted
from s2f.pipeline.stages.shard import SPLITS

# So many resolutions and frame rates are named in the heading.
MOST_FACTS = 4

# What, its value, and what it is compared with.
Tile = tuple[str, str, str]


def render(found: Audit) -> str:
    """The page of an audit as HTML."""
    by_check = {each.check: each for each in found.findings}
    shown = pictures.sheets(found)
    return rendering.render(
        __name__,
        "audit.html",
        title=found.place.name or str(found.place),
        place=str(found.place),
        facts=_facts(found),
        verdicts=[verdict(found.findings)],
        tiles=_tiles(found),
        findings=at_least(list(found.findings), "note"),
        passed=[each for each in found.findings if each.level == "ok"],
        marks=MARKS,
        clip_checks={check.name for check in CHECKS},
        funnel=found.funnel,
        most=max((step.entered for step in found.funnel), default=0) or 1,
        histograms=histograms(found),
        heat=heat_map(found),
        lags=lag_chart(found) if found.lags else None,
        no_lags=by_check["sync.lag"].observed if "sync.lag" in by_check else "",
        shards=found.shards,
        changed_shards=by_check["shards.files"].flagged if "shards.files" in by_check else (),
        data={
            "clips": listing.listing(found),
            "sheets": shown,
            "pictures": pictures.take(found, shown),
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


def _facts(found: Audit) -> list[str]:
    sizes = [f"{size}: {counted(clips, 'clip')}" for size, clips in found.resolutions.items()]
    rates = [f"{rate} frames/s: {counted(clips, 'clip')}" for rate, clips in found.frame_rates.items()]
    corpora = sorted(set(found.clips.corpus))
    return [f"corpus {', '.join(corpora)}", *sizes[:MOST_FACTS], *rates[:MOST_FACTS]]


def _tiles(found: Audit) -> list[Tile]:
    """The figures at the top."""
    each = 60 * found.hours / max(1, len(found.speakers))
    tiles = [
        ("Clips kept", f"{found.kept:,}", f"of {len(found.clips):,}"),
        ("Hours", f"{found.hours:.3f}", "in shards"),
        ("Speakers", f"{len(found.speakers):,}", f"{each:.1f} min each"),
    ]
    for name in dict.fromkeys((*SPLITS, *found.splits)):
        group = found.splits.get(name, Group(0, 0.0, ()))
        told = f"{group.hours:.3f} h, {counted(len(group.speakers), 'speaker')}"
        tiles.append((f"Split {name}", counted(group.clips, "clip"), told))
    return tiles
