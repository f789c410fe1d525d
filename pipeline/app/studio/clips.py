"""The clips of a prepared set as the page shows them: all as a list, and one with all that is known."""

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from s2f.pipeline.app.studio.films import CroppedClip, RawClip
from s2f.pipeline.app.studio.folder import Folder
from s2f.pipeline.audit import measuring
from s2f.pipeline.audit.clips import Clips, Records
from s2f.pipeline.audit.report import pictures
from s2f.pipeline.audit.report.listing import coded, statuses
from s2f.pipeline.audit.unreadable import UNREADABLE
from s2f.pipeline.core import wav
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.files import Place
from s2f.pipeline.core.html import rendering
from s2f.pipeline.core.html.charts import Chart, Series
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.prepared_set import ARTIFACTS, MANIFESTS, PreparedSet
from s2f.pipeline.core.schema import COMMON, Row
from s2f.pipeline.faces import mouth
from s2f.pipeline.stages import align, clip_stages, detect, resample
from s2f.pipeline.stages.base import artifact_name
from s2f.pipeline.stages.shard import STAGE as SHARD

# Columns that the page shows otherwise, or that are too long for it.
HIDDEN = {*COMMON.names, "starts", "loudness", "labels", "stamp", "sha256"}
# A waveform is drawn by so many of its peaks.
PEAKS = 300
LONGEST_VALUE = 300


class Sets:
    """The prepared sets of a folder; each is read again when its manifests have changed."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._read: dict[Path, tuple[str, ClipsOfSet]] = {}

    def get(self, name: str) -> "ClipsOfSet":
        """A set by its name. Raises InputError."""
        path = self._folder.set(name)
        state = " ".join(
            f"{each.name}:{each.stat().st_mtime_ns}" for each in sorted((path / MANIFESTS).iterdir())
        )
        if path not in self._read or self._read[path][0] != state:
            self._read[path] = state, ClipsOfSet(PreparedSet(path), self._folder)
        return self._read[path][1]


class ClipsOfSet:
    """The clips of a prepared set."""

    def __init__(self, data: PreparedSet, folder: Folder) -> None:
        self._folder = folder
        self.tables = data.manifests({stage.name: stage.schema for stage in clip_stages()})
        samples = data.manifests({SHARD.name: SHARD.schema})[SHARD.name]
        measures = Manifest(measuring.folder_of(data.place), measuring.NAME, measuring.SCHEMA)
        self._clips = Clips(Records(data.place, self.tables, samples, measures), same_face=0.0)
        self._place = data.place

    def listing(self) -> dict[str, Any]:
        """All clips in the terms of JSON: columns of few bytes."""
        clips = self._clips
        return {
            "ids": clips.ids,
            "speaker": coded(clips.speaker),
            "split": coded(clips.split),
            "status": coded(statuses(clips)),
            "sources": clips.texts("scan", "source"),
            "texts": [text or "" for text in clips.text],
            "messages": {number: message for number, message in enumerate(clips.message) if message},
        }

    def view(self, clip_id: str) -> dict[str, Any]:
        """All that is known of a clip, in the terms of JSON. Raises InputError."""
        rows = self._rows(clip_id)
        charts: list[Chart] = []
        shown: dict[str, Any] = {}
        with suppress(*UNREADABLE):
            charts.append(_mouth(rows, self._track(clip_id)["points"]))
        loudness = (rows.get("window") or {}).get("loudness")
        if loudness:
            charts.append(_loudness(rows, loudness))
        with suppress(*UNREADABLE):
            shown |= pictures.crops(
                self._artifact("align", clip_id, align.ARTIFACT).read_bytes(), rows["detect"]["frames"]
            )
        film = self.film(clip_id)
        return {
            "id": clip_id,
            "about": rendering.render(
                __name__,
                "clip.html",
                clip_id=clip_id,
                scan=rows["scan"],
                split=self._clips.split[self._clips.ids.index(clip_id)],
                stages=[_stage(name, row) for name, row in rows.items()],
                crops=shown.get("crops"),
                is_raw=isinstance(film, RawClip),
                is_shown=film is not None,
                root=str(self._folder.root),
            ),
            "figures": rendering.render(__name__, "figures.html", charts=charts, prefix="clip"),
            "charts": charts,
            "track": self._drawn(rows, clip_id) if isinstance(film, RawClip) else None,
            "sound": self._windows(rows, clip_id),
            # The frame of the film that is the clip's first one.
            "first": (rows.get("detect") or {}).get("first") or 0 if isinstance(film, RawClip) else 0,
        }

    def film(self, clip_id: str) -> RawClip | CroppedClip | None:
        """What is played of a clip: its raw video where that lies in the folder, else its crops, if any."""
        rows = self._rows(clip_id)
        scan, found = rows["scan"], rows.get("detect") or {}
        fps = Fraction(found.get("fps") or 25)
        video = self._folder.raw_video(scan["source"], scan["stamp"] or "")
        if video:
            start = scan["video_start"] or 0.0
            return RawClip(video, fps, start, scan["begin"], scan["end"], bool(scan["audio_codec"]))
        with suppress(KeyError):
            crops = self._artifact("align", clip_id, align.ARTIFACT)
            sound = None
            with suppress(KeyError):
                sound = self._artifact("resample", clip_id, resample.ARTIFACT)
            if crops.exists():
                return CroppedClip(crops, sound if sound and sound.exists() else None, fps)
        return None

    def _rows(self, clip_id: str) -> dict[str, Row]:
        """The rows of a clip by stage, as far as it came."""
        rows = {name: table.row(clip_id) for name, table in self.tables.items() if clip_id in table}
        if "scan" not in rows:
            raise InputError(f"the set has no clip {clip_id}", "choose one of the list")
        return rows

    def _artifact(self, stage: str, clip_id: str, suffix: str) -> Place:
        """The file that a stage has made of a clip. Raises KeyError where it did not come to that."""
        key, status, _ = self.tables[stage].brief(clip_id)
        if status != "ok":
            raise KeyError(clip_id)
        return self._place / ARTIFACTS / stage / artifact_name(clip_id, key, suffix)

    def _track(self, clip_id: str) -> dict[str, Any]:
        stored = io.BytesIO(self._artifact("detect", clip_id, detect.ARTIFACT).read_bytes())
        with np.load(stored, allow_pickle=False) as track:
            return {"boxes": track["boxes"], "points": track["points"]}

    def _drawn(self, rows: dict[str, Row], clip_id: str) -> dict[str, Any] | None:
        """Boxes and points in whole px of the upright picture, from the frame `first` on."""
        with suppress(*UNREADABLE):
            track = self._track(clip_id)
            return {
                "width": rows["scan"]["width"],
                "height": rows["scan"]["height"],
                "boxes": track["boxes"].round().astype(int).tolist(),
                "points": track["points"].round(1).reshape(len(track["points"]), -1).tolist(),
            }
        return None

    def _windows(self, rows: dict[str, Row], clip_id: str) -> dict[str, Any]:
        """The waveform, and which samples of it belong to each frame."""
        found, window = rows.get("detect") or {}, rows.get("window") or {}
        told = {
            "fps": float(Fraction(found.get("fps") or 25)),
            "starts": window.get("starts") or [],
            "window": window.get("window") or 0,
            "loudness": [round(each, 1) for each in window.get("loudness") or []],
            "rate": (rows.get("resample") or {}).get("sample_rate") or 0,
            "samples": (rows.get("resample") or {}).get("samples") or 0,
            "peaks": [],
        }
        with suppress(*UNREADABLE):
            sound = wav.decode(self._artifact("resample", clip_id, resample.ARTIFACT).read_bytes())
            told["peaks"] = pictures.peaks(sound, PEAKS)
        return told


@dataclass(frozen=True)
class StageView:
    """How a clip fared at a stage, and what else its row says."""

    name: str
    status: str
    reason: str
    message: str
    columns: dict[str, str] = field(default_factory=dict)


def _stage(name: str, row: Row) -> StageView:
    columns = {
        column: _short(value)
        for column, value in row.items()
        if column not in HIDDEN and value not in (None, "", [])
    }
    return StageView(name, row["status"], row["reason"] or "", row["message"] or "", columns)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _mouth(rows: dict[str, Row], points: Any) -> Chart:
    values = mouth.relative_opening(points).tolist()
    return _over_time("Mouth", "opening of the inner lips, in distances of the eyes", rows, values, zero=True)


def _loudness(rows: dict[str, Row], values: Sequence[float]) -> Chart:
    return _over_time("Loudness of the windows", "dB of full scale", rows, values, zero=False)


def _over_time(title: str, unit: str, rows: dict[str, Row], values: Sequence[float], *, zero: bool) -> Chart:
    """A value per frame, over seconds of the clip."""
    fps = float(Fraction(rows["detect"]["fps"]))
    curve = [(round(number / fps, 3), round(float(value), 4)) for number, value in enumerate(values)]
    return Chart(title, unit, "", [Series(title.lower(), "first", curve)], zero=zero, over="s", settles=False)
