"""Checks of the shards."""

from s2f.pipeline.audit import verification
from s2f.pipeline.audit.checks.base import Evidence, Outcome, SetCheck
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.schema import Row


def _files(data: Evidence) -> Outcome:
    folder, rows = data.records.place / "shards", data.records.shards
    problems = {row["shard"]: _problems(folder / row["shard"], row, deep=data.deep) for row in rows}
    damaged = {name: lines for name, lines in problems.items() if lines}
    looked_at = "hash, members and content" if data.deep else "size; --deep reads everything"
    return Outcome(
        expected=f"as in the shard manifest ({looked_at})",
        observed=f"{len(damaged)} of {len(rows)} are not",
        flagged=tuple(damaged),
        details=tuple(f"{name}: {line}" for name, lines in damaged.items() for line in lines[:5]),
    )


def _problems(path: Place, row: Row, *, deep: bool) -> list[str]:
    if not path.exists():
        return ["is missing"]
    size = path.stat().st_size
    if size != row["bytes"]:
        return [f"has {size:,} bytes, not {row['bytes']:,}"]
    return [damage.problem for damage in verification.of_shard(path, row)] if deep else []


def _stale(data: Evidence) -> Outcome:
    stored = {clip["clip_id"] for row in data.records.shards for clip in row["clips"]}
    passed = {clip_id for clip_id, split in zip(data.clips.ids, data.clips.split, strict=True) if split}
    differing = sorted(stored ^ passed)
    return Outcome(
        expected="the clips that passed",
        observed=f"{len(differing)} of {len(stored | passed)} clips differ",
        flagged=tuple(differing),
    )


CHECKS = (
    SetCheck(
        name="shards.files",
        title="Shard files",
        level="error",
        meaning="These tars are not as they were written.",
        advice="Delete them: the next 's2f prep' makes them again.",
        basis="missing or of the wrong size; with `--deep` also changed bytes, missing members, and"
        " samples that cannot be decoded",
        look=_files,
    ),
    SetCheck(
        name="shards.stale",
        title="Shards up to date",
        level="warning",
        meaning="The shards hold other clips than the manifests say.",
        advice="Run 's2f prep' to its end.",
        basis="shards and manifests list different clips",
        look=_stale,
    ),
)
