"""An audit as files: audit.html to look at, audit.json, scores.parquet with a row per clip."""

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from s2f.pipeline.audit import offsets
from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks.judging import made
from s2f.pipeline.audit.clips import Clips
from s2f.pipeline.audit.measuring import folder_of
from s2f.pipeline.audit.report import page
from s2f.pipeline.core import files
from s2f.pipeline.core.files import Place

SCORES, PAGE = "scores.parquet", "audit.html"


def write(audit: Audit) -> Place:
    """Write the files into OUT/audit, each whole or not at all; returns the page's path."""
    folder = folder_of(audit.place)
    files.make_folder(folder)
    files.write_bytes(folder / offsets.JSON, json.dumps(summary(audit), indent=1).encode())
    with files.appearing(folder / SCORES) as temporary:
        pq.write_table(scores(audit.clips), temporary, compression="zstd")
    files.write_bytes(folder / PAGE, page.render(audit).encode())
    return folder / PAGE


def summary(audit: Audit) -> dict[str, Any]:
    """All figures of the set and all findings, in the terms of JSON."""
    levels = Counter(finding.level for finding in audit.findings)
    return {
        "out": str(audit.place),
        "clips": len(audit.clips),
        "kept": audit.kept,
        "hours": audit.hours,
        "levels": dict(levels),
        "findings": [asdict(finding) for finding in audit.findings],
        offsets.OFFSETS: offsets.found(audit),
        "lags": {name: asdict(lag) for name, lag in audit.lags.items()},
        "funnel": [
            {
                "stage": step.stage,
                "entered": step.entered,
                "passed": step.passed,
                "reasons": dict(step.reasons),
            }
            for step in audit.funnel
        ],
        "splits": {name: asdict(group) for name, group in audit.splits.items()},
        "speakers": {name: asdict(group) for name, group in audit.speakers.items()},
        "frame_rates": audit.frame_rates,
        "resolutions": audit.resolutions,
        "shards": [
            {name: row[name] for name in ("shard", "split", "samples", "frames", "bytes")}
            for row in audit.shards
        ],
        "thresholds": audit.params.model_dump(),
    }


def scores(clips: Clips) -> pa.Table:
    """A row per clip: who, where, how it fared, and its score at every check, null where not known."""
    return pa.table(
        {
            "clip_id": clips.ids,
            "corpus": clips.corpus,
            "speaker": clips.speaker,
            "split": clips.split,
            "stage": clips.stage,
            "status": clips.status,
            "reason": clips.reason,
            "message": clips.message,
            **{check.name: pa.array(clips.scores[check.name], from_pandas=True) for check in made(clips)},
        }
    )
