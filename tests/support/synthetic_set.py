"""A prepared set of any size: its figures are drawn, its artifacts are links to those of a real clip."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from s2f.pipeline.app import config
from s2f.pipeline.audit import measuring
from s2f.pipeline.core.manifest import Manifest, write_table
from s2f.pipeline.core.schema import SHARDS, Row
from s2f.pipeline.corpora import grid
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.prep import plan
from s2f.pipeline.stages import clip_stages
from s2f.pipeline.stages.base import artifact_name
from s2f.pipeline.stages.shard import STAGE as SHARD
from s2f.pipeline.stages.splits import SPLITS
from support.prepared import Prepared

FRAMES, RATE = 75, 16_000
PER_SHARD = 64

# Mean and spread of what is drawn for every clip: most lie within the audit's bounds, some do not.
MEASURES = {
    "sharpness": (190, 45),
    "brightness": (130, 20),
    "occlusion": (10, 4),
    "yaw": (3, 7),
    "pitch": (-2, 8),
    "roll": (0, 4),
    "jitter": (1.3, 0.4),
    "mouth_range": (11, 2.5),
    "lufs": (-19, 4),
    "snr": (31, 5),
    "silent": (0.05, 0.05),
}


def make_set(out: Path, real: Prepared, clips: int, speakers: int = 33, seed: int = 0) -> Path:
    """So many clips of GRID names, evenly of some speakers, with the artifacts of a clip that is real."""
    random = np.random.default_rng(seed)
    stages = plan.configured(config.load(None, []))
    rows: dict[str, list[Row]] = {configured.stage.name: [] for configured in stages}
    links = {each.stage.name: each.stage.artifact for each in stages if each.stage.artifact}
    originals = {name: real.artifact(name, "s1_bbaf2n") for name in links}
    for name in links:
        (out / "artifacts" / name).mkdir(parents=True)
    for source in _sources(clips, speakers, random):
        keys = plan.keys(source, f"{random.bytes(32).hex()}:", stages)
        for name, row in _rows(source, random).items():
            rows[name].append(
                {"clip_id": source.clip_id, "key": keys[name], "status": "ok", "reason": ""} | row
            )
            if name in links and row.get("status") != "rejected":
                path = out / "artifacts" / name / artifact_name(source.clip_id, keys[name], links[name])
                os.link(originals[name], path)
    for configured in stages:
        write_table(
            out / "manifests" / f"{configured.stage.name}.parquet",
            rows[configured.stage.name],
            configured.stage.schema,
        )
    _write_shards(out, rows["window"])
    _write_measures(out, random)
    return out


def _sources(clips: int, speakers: int, random: np.random.Generator) -> Iterator[Source]:
    for number in range(clips):
        speaker = f"s{number % speakers + 1}"
        # The clips of a speaker count through the letters and digits, so that no name comes twice.
        letter, digit = divmod(number // speakers, 10)
        tail = list(grid.GRAMMAR[3])[letter % 25] + list(grid.GRAMMAR[4])[digit]
        head = [list(grid.GRAMMAR[place])[letter // 25 // 4**place % 4] for place in range(3)]
        name = f"{''.join(head)}{tail}{random.choice(list('anps'))}"
        yield Source(
            "grid", speaker, name, Path("raw"), f"{speaker}/{name}.mpg", f"alignments/{speaker}/{name}.align"
        )


def _rows(source: Source, random: np.random.Generator) -> dict[str, Row]:
    """A row per stage, as far as the clip comes; one of a hundred has lost its face."""
    words = grid.sentence(source.utterance).split()
    edges = np.linspace(0.4, 2.6, 7)
    labels = [
        {"label": word, "start": a, "end": b} for word, a, b in zip(words, edges, edges[1:], strict=False)
    ]
    scan = vars(source) | {
        "source": source.name,
        "alignment": source.aligned,
        "sha256": f"{random.bytes(32).hex()}:",
        "text": " ".join(words),
        "labels": labels,
        "width": 360,
        "height": 288,
        "source_fps": 25.0,
        "duration": 3.0,
        "source_rate": 44_100,
        "channels": 2,
        "message": "",
    }
    detect = {
        "frames": FRAMES,
        "first": 0,
        "fps": "25",
        "decoded": FRAMES,
        "damaged": int(random.random() < 0.002),
        "missing": 0,
        "decode_errors": [],
        "step_spread": 0.0,
        "frozen": int(random.poisson(0.3)),
        "faces": 1,
        "confidence": 1.5,
        "interpolated": int(random.poisson(0.5)),
        "face_px": float(random.normal(125, 12)),
    }
    if random.random() < 0.01:
        lost = "the face is not seen for 12 frames in a row, of 75"
        return {
            "scan": scan,
            "detect": detect | {"status": "rejected", "reason": "face_lost", "message": lost},
        }
    return {
        "scan": scan,
        "detect": detect,
        "align": {"width": 96, "height": 128, "scale": 1.0, "residual_px": 1.2, "bytes": 700_000},
        "resample": {"sample_rate": RATE, "samples": 48_000, "excess_samples": -352},
        "window": {"window": 2560, "starts": list(range(FRAMES)), "loudness": [-25.0] * FRAMES},
    }


def _write_shards(out: Path, kept: list[Row]) -> None:
    """Tars that are empty but for their size, and their manifests; of five speakers one is val, one test."""
    members: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for row in kept:
        speaker = int(row["clip_id"].partition("_")[0][1:])
        members[{0: "val", 1: "test"}.get(speaker % 5, "train")].append(row)
    samples: list[Row] = []
    tars: list[Row] = []
    (out / "shards").mkdir()
    for split, rows in members.items():
        for begin in range(0, len(rows), PER_SHARD):
            name, chosen = f"{split}-{begin // PER_SHARD:06d}.tar", rows[begin : begin + PER_SHARD]
            size = 800_000 * len(chosen)
            with (out / "shards" / name).open("wb") as file:
                file.truncate(size)
            clips = [{"clip_id": row["clip_id"], "key": row["key"], "frames": FRAMES} for row in chosen]
            tars.append(
                {
                    "shard": name,
                    "split": split,
                    "key": "",
                    "samples": len(chosen),
                    "frames": FRAMES * len(chosen),
                    "bytes": size,
                    "sha256": "",
                    "clips": clips,
                }
            )
            samples += [row | {"split": split, "shard": name} for row in chosen]
    write_table(out / "shards/manifest.parquet", tars, SHARDS)
    write_table(
        out / "manifests/shard.parquet",
        ({name: row.get(name) for name in SHARD.schema.names} for row in samples),
        SHARD.schema,
    )


def _write_measures(out: Path, random: np.random.Generator) -> None:
    tables = {each.name: Manifest(out / "manifests", each.name, each.schema) for each in clip_stages()}
    faces: dict[str, npt.NDArray[np.float64]] = {}
    found = []
    lags = np.arange(-15, 16)
    for material in measuring.materials(out, tables):
        speaker = material.clip_id.partition("_")[0]
        middle = faces.setdefault(speaker, random.normal(0, 0.08, 128))
        row: dict[str, Any] = {
            "clip_id": material.clip_id,
            "key": material.key,
            "status": "ok",
            "reason": "",
            "message": "",
        }
        row |= {name: float(random.normal(*each)) for name, each in MEASURES.items()}
        row |= {"black": 0.0, "headroom": float(random.normal(1.95, 0.15))}
        row["silent"] = max(0.0, row["silent"])
        row["embedding"] = (middle + random.normal(0, 0.009, 128)).tolist()
        # As many landmarks as a sentence of GRID has, of as many kinds.
        marks = np.stack([random.integers(0, 1 << 22, 220), random.integers(0, 180, 220)], axis=1)
        row["landmarks"] = marks.ravel().tolist()
        row["lag_curve"] = (0.35 * np.exp(-((lags - 1) ** 2) / 18) + random.normal(0, 0.12, 31)).tolist()
        found.append(row)
    write_table(measuring.folder_of(out) / "measures.parquet", found, measuring.SCHEMA)
