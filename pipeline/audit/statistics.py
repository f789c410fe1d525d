"""The figures of a prepared set, computed from its manifests; shards are looked at on disk."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from s2f.pipeline import corpora, manifest
from s2f.pipeline.files import Place
from s2f.pipeline.manifest import Manifest
from s2f.pipeline.schema import Row
from s2f.pipeline.sharding import read_index
from s2f.pipeline.stages import CLIP_STAGES, shard


@dataclass(frozen=True)
class Spread:
    """The least, the quartiles and the greatest of a figure over the kept clips."""

    unit: str
    least: float
    lower: float
    median: float
    upper: float
    greatest: float


@dataclass(frozen=True)
class Group:
    """Clips, hours and speakers of a split, or of a speaker."""

    clips: int
    hours: float
    speakers: list[str]


@dataclass(frozen=True)
class Loss:
    """A reason for which clips were rejected or failed, and one of them as an example."""

    stage: str
    status: str
    reason: str
    clips: int
    example: str
    message: str


@dataclass(frozen=True)
class Tar:
    """A shard as its manifest has it, and what is wrong with the file, if anything."""

    shard: str
    split: str
    samples: int
    frames: int
    bytes: int
    problem: str


@dataclass(frozen=True)
class Statistics:
    """All that the audit tells. Hours count the kept clips; leaks name what stands in two splits.

    `incomplete` has the speakers of whom more or fewer clips were found than their corpus holds: both counts.
    """

    found: int
    kept: int
    hours: float
    speakers: dict[str, Group]
    splits: dict[str, Group]
    frame_rates: dict[str, int]
    resolutions: dict[str, int]
    spreads: dict[str, Spread]
    losses: list[Loss]
    incomplete: dict[str, tuple[int, int]]
    speaker_leaks: dict[str, list[str]]
    sentence_leaks: int
    shards: list[Tar]


def collect(out: Place) -> Statistics:
    """Compute the figures of a folder that prep has made. Raises InputError where it is none."""
    folder = manifest.prepared(out)
    tables = manifest.open_all(folder, CLIP_STAGES)
    scan = {row["clip_id"]: row for row in tables["scan"].rows()}
    # The shards may be older than the rest: what was dropped since is not counted.
    members = [
        row for row in Manifest(folder, shard.NAME, shard.SCHEMA).rows() if _passed(tables, row["clip_id"])
    ]
    kept = [row["clip_id"] for row in members]
    speaker = {clip_id: row["speaker"] for clip_id, row in scan.items()}
    frames, rates = tables["detect"].column("frames"), tables["detect"].column("fps")
    hours = {clip_id: float(frames[clip_id] / Fraction(rates[clip_id])) / 3600 for clip_id in kept}
    split = {row["clip_id"]: row["split"] for row in members}
    return Statistics(
        found=len(scan),
        kept=len(kept),
        hours=sum(hours.values()),
        speakers=_groups(kept, speaker, speaker, hours),
        splits=_groups(kept, split, speaker, hours),
        frame_rates=_counts(f"{row['source_fps']:.2f}" for row in scan.values() if row["source_fps"]),
        resolutions=_counts(f"{row['width']}x{row['height']}" for row in scan.values() if row["width"]),
        spreads=_spreads(tables, kept),
        losses=_losses(tables),
        incomplete=_incomplete(scan.values()),
        speaker_leaks=_in_two(kept, speaker, split),
        sentence_leaks=len(_in_two(kept, {name: row["text"] or name for name, row in scan.items()}, split)),
        shards=_shards(out),
    )


def _passed(tables: dict[str, Manifest], clip_id: str) -> bool:
    return all(clip_id in table and table.brief(clip_id)[1] == "ok" for table in tables.values())


def _groups(
    kept: list[str], key: dict[str, str], speaker: dict[str, str], hours: dict[str, float]
) -> dict[str, Group]:
    members: dict[str, list[str]] = defaultdict(list)
    for clip_id in kept:
        members[key[clip_id]].append(clip_id)
    return {
        name: Group(
            len(clips),
            sum(hours[clip_id] for clip_id in clips),
            sorted({speaker[clip_id] for clip_id in clips}),
        )
        for name, clips in sorted(members.items())
    }


def _spreads(tables: dict[str, Manifest], kept: list[str]) -> dict[str, Spread]:
    wanted = [
        ("face width in the source", "px", "detect", "face_px"),
        ("detector confidence", "", "detect", "confidence"),
        ("interpolated frames", "", "detect", "interpolated"),
        ("damaged frames", "", "detect", "damaged"),
        ("distance of stable points from target", "px", "align", "residual_px"),
        ("sound longer than video", "samples", "resample", "excess_samples"),
        ("loudness", "dB", "window", "mean_loudness"),
    ]
    found = {}
    for title, unit, stage, column in wanted:
        values = tables[stage].column(column)
        chosen = [values[clip_id] for clip_id in kept]
        if chosen:
            found[title] = Spread(
                unit, *(float(value) for value in np.percentile(chosen, [0, 25, 50, 75, 100]))
            )
    return found


def _losses(tables: dict[str, Manifest]) -> list[Loss]:
    by_reason: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for name, table in tables.items():
        for row in table.rows():
            if row["status"] != "ok":
                by_reason[name, row["status"], row["reason"]].append(row)
    return [
        Loss(*which, len(rows), rows[0]["clip_id"], rows[0]["message"])
        for which, rows in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]


def _incomplete(rows: Iterable[Row]) -> dict[str, tuple[int, int]]:
    found = Counter((row["corpus"], row["speaker"]) for row in rows)
    known = {each: corpora.adapter(each[0]).known_clips(each[1]) for each in found}
    return {
        each[1]: (count, known[each])
        for each, count in sorted(found.items())
        if known[each] not in (None, count)
    }


def _in_two(kept: list[str], name: dict[str, str], split: dict[str, str]) -> dict[str, list[str]]:
    """Names whose clips stand in more than one split, with those splits."""
    where: dict[str, set[str]] = defaultdict(set)
    for clip_id in kept:
        where[name[clip_id]].add(split[clip_id])
    return {each: sorted(splits) for each, splits in sorted(where.items()) if len(splits) > 1}


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _shards(out: Place) -> list[Tar]:
    return [
        Tar(row["shard"], row["split"], row["samples"], row["frames"], row["bytes"], _problem(out, row))
        for row in read_index(out)
    ]


def _problem(out: Place, row: Row) -> str:
    path = out / "shards" / row["shard"]
    if not path.exists():
        return "missing"
    size = path.stat().st_size
    return "" if size == row["bytes"] else f"{size} bytes on disk"
