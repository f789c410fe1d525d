"""The clips of a prepared set as one table: what is known of each, and its score at every check."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from s2f.pipeline.audit.measures import duplicates, speakers, texts
from s2f.pipeline.core.manifest import Manifest
from s2f.pipeline.core.windows import lag_in_words

Scores = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Scores that are measures as they are, by check.
MEASURES = {
    "video.black": "black",
    "video.sharpness": "sharpness",
    "video.brightness": "brightness",
    "face.yaw": "yaw",
    "face.pitch": "pitch",
    "face.roll": "roll",
    "face.jitter": "jitter",
    "face.occlusion": "occlusion",
    "face.mouth": "mouth_range",
    "sound.loudness": "lufs",
    "sound.clipping": "headroom",
    "sound.silence": "silent",
    "sound.noise": "snr",
}

# A corpus in which a larger share of the clips has one length has clips of one length.
USUAL = 0.9


@dataclass
class Clips:
    """Clips in the order of their ids. Scores are by check, nan where not known; notes tell more of one.

    `split` is empty for a clip that is in no shard. `stage`, `status`, `reason`, `message` are those of
    the last stage that a clip came to.
    """

    ids: list[str]
    corpus: list[str]
    speaker: list[str]
    split: list[str]
    text: list[str | None]
    sha256: list[str]
    stage: list[str]
    status: list[str]
    reason: list[str]
    message: list[str]
    hours: Scores
    fps: Scores
    resolution: list[str]
    source_fps: list[str]
    curves: dict[int, npt.NDArray[np.float32]]
    identities: speakers.Identities
    twins: list[duplicates.Twins]
    scores: dict[str, Scores]
    notes: dict[str, dict[int, str]]
    unmeasured: dict[str, str]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def kept(self) -> Flags:
        """Which clips are in a shard."""
        return np.array([bool(split) for split in self.split], bool)

    @property
    def frame_ms(self) -> float:
        """How long a frame of most clips is, in ms; 40 where no rate is known."""
        rates = self.fps[~np.isnan(self.fps)]
        return 1000 / float(np.median(rates)) if len(rates) else 40.0

    def grouped(self, names: Sequence[str], chosen: Flags) -> dict[str, list[int]]:
        """The numbers of the chosen clips by their names, of which each clip has one."""
        found: dict[str, list[int]] = {}
        for number in np.flatnonzero(chosen).tolist():
            found.setdefault(names[number], []).append(number)
        return dict(sorted(found.items()))

    def of_speakers(self, chosen: Flags) -> dict[str, list[int]]:
        """The numbers of the chosen clips by speaker."""
        return self.grouped(self.speaker, chosen)


class _Columns:
    """Columns of the manifests over all clips, in their order."""

    def __init__(self, ids: list[str], tables: Mapping[str, Manifest]) -> None:
        self.ids, self._tables = ids, tables

    def any(self, stage: str, name: str) -> list[Any]:
        values = self._tables[stage].column(name)
        return [values.get(clip_id) for clip_id in self.ids]

    def texts(self, stage: str, name: str) -> list[str]:
        return [value or "" for value in self.any(stage, name)]

    def numbers(self, stage: str, name: str) -> Scores:
        return np.array([np.nan if value is None else value for value in self.any(stage, name)], np.float64)


def collect(
    tables: Mapping[str, Manifest],
    samples: Manifest,
    measures: Manifest,
    same_face: float,
    offsets: Mapping[str, int] | None,
) -> Clips:
    """The table of a set, from the manifests of its clip stages and of its shards, and its measures.

    `offsets` tells of some clips by how many frames their sound is late; None where nobody has looked.
    """
    ids = list(tables["scan"])
    columns = _Columns(ids, {**tables, "measures": measures})
    # The shards may be older than the rest: what was dropped since is not counted.
    splits = {each: split for each, split in samples.column("split").items() if _passed(tables, each)}
    fps = np.array([float(Fraction(rate)) if rate else np.nan for rate in columns.any("detect", "fps")])
    # Of a video that was not read the container's word counts.
    seconds = columns.numbers("detect", "frames") / fps
    seconds = np.where(np.isnan(seconds), columns.numbers("scan", "duration"), seconds)
    last = [_last(tables, clip_id) for clip_id in ids]
    told = {name: tables[name].column("message") for name in tables}
    complaints = measures.column("message")
    rates = columns.numbers("scan", "source_fps")
    speaker, sha256 = columns.texts("scan", "speaker"), columns.texts("scan", "sha256")
    embeddings = _vectors(columns, "embedding")
    sizes = zip(columns.any("scan", "width"), columns.any("scan", "height"), strict=True)
    clips = Clips(
        ids=ids,
        corpus=columns.texts("scan", "corpus"),
        speaker=speaker,
        split=[splits.get(clip_id) or "" for clip_id in ids],
        text=columns.any("scan", "text"),
        sha256=sha256,
        stage=[stage for stage, _, _ in last],
        status=[status for _, status, _ in last],
        reason=[reason for _, _, reason in last],
        message=[told[stage].get(each) or "" for each, (stage, _, _) in zip(ids, last, strict=True)],
        hours=np.nan_to_num(seconds) / 3600,
        fps=fps,
        resolution=[f"{width}x{height}" if width else "" for width, height in sizes],
        source_fps=[f"{rate:.2f}" if rate > 0 else "" for rate in rates.tolist()],
        curves=_vectors(columns, "lag_curve"),
        identities=speakers.compare(speaker, embeddings, same_face),
        twins=duplicates.find(sha256, _vectors(columns, "signature"), embeddings, same_face),
        scores={check: columns.numbers("measures", name) for check, name in MEASURES.items()},
        notes={},
        unmeasured={
            each: f"{measures.brief(each)[2]}: {complaints[each]}"
            for each in measures
            if measures.brief(each)[1] != "ok"
        },
    )
    for angle in ("face.yaw", "face.pitch", "face.roll"):
        clips.scores[angle] = np.abs(clips.scores[angle])
    clips.scores |= _of_video(columns, clips) | _of_face(columns) | _of_sound(columns)
    clips.scores["set.duplicates"] = duplicates.scores(clips.twins, len(clips))
    faces = clips.identities
    clips.scores["face.identity"] = faces.distances
    clips.notes["face.identity"] = {number: f"it looks like {name}" for number, name in faces.like.items()}
    if offsets is not None:
        lags = [offsets.get(clip_id, np.nan) for clip_id in ids]
        clips.scores["sync.clip"] = np.abs(np.array(lags, np.float64))
        late = {number: round(lag) for number, lag in enumerate(lags) if not np.isnan(lag)}
        clips.notes["sync.clip"] = {n: lag_in_words(lag, lag * clips.frame_ms) for n, lag in late.items()}
    scores, notes = texts.judge(texts.Spoken.of(columns.any))
    clips.scores |= scores
    clips.notes |= notes
    return clips


def _vectors(columns: _Columns, name: str) -> dict[int, npt.NDArray[np.float32]]:
    found = enumerate(columns.any("measures", name))
    return {number: np.array(value, np.float32) for number, value in found if value is not None}


def _of_video(columns: _Columns, clips: Clips) -> dict[str, Scores]:
    rates, lengths = columns.numbers("scan", "source_fps"), columns.numbers("scan", "duration")
    decoded, damaged = columns.numbers("detect", "decoded"), columns.numbers("detect", "damaged")
    complaints = [None if each is None else len(each) for each in columns.any("detect", "decode_errors")]
    errors = np.array([np.nan if count is None else min(count, 1) for count in complaints], np.float64)
    bad = damaged + columns.numbers("detect", "missing")
    frames = [str(int(count)) if count > 0 else "" for count in columns.numbers("detect", "frames").tolist()]
    return {
        "video.rate": 1000 * columns.numbers("detect", "step_spread"),
        "video.frames": np.abs(decoded - lengths * rates),
        "video.frozen": columns.numbers("detect", "frozen"),
        "video.length": np.where(clips.hours > 0, 3600 * clips.hours, np.nan),
        "video.damage": np.maximum(bad, errors),
        "video.resolution": _unusual(clips.resolution, clips.corpus),
        "video.usual_length": _unusual(frames, clips.corpus, USUAL),
    }


def _of_face(columns: _Columns) -> dict[str, Scores]:
    frames = columns.numbers("detect", "frames")
    several = [float(bool(told)) for told in columns.any("detect", "several_faces")]
    return {
        "face.width": columns.numbers("detect", "face_px"),
        "face.detected": 1 - columns.numbers("detect", "interpolated") / frames,
        "face.several": np.where(np.isnan(frames), np.nan, several),
    }


def _of_sound(columns: _Columns) -> dict[str, Scores]:
    rate, source = columns.numbers("resample", "sample_rate"), columns.numbers("scan", "source_rate")
    channels = columns.numbers("scan", "channels")
    usual = Counter(channels[~np.isnan(channels)].tolist()).most_common(1)
    return {
        "sound.rate": np.where(np.isnan(rate), np.nan, source / rate),
        "sound.channels": np.where(np.isnan(channels), np.nan, channels != (usual[0][0] if usual else 0)),
        "sound.length": 1000 * np.abs(columns.numbers("resample", "excess_samples")) / rate,
    }


def _unusual(values: list[str], corpus: list[str], least: float = 0.0) -> Scores:
    """1 for a value that is not the most common one of its corpus, if that is more common than `least`."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for value, each in zip(values, corpus, strict=True):
        if value:
            groups[each][value] += 1
    usual = {}
    for each, counts in groups.items():
        ((value, count),) = counts.most_common(1)
        usual[each] = value if count > least * counts.total() else None
    return np.array(
        [
            float(value != usual[each]) if value and usual[each] else np.nan
            for value, each in zip(values, corpus, strict=True)
        ]
    )


def _passed(tables: Mapping[str, Manifest], clip_id: str) -> bool:
    return all(clip_id in table and table.brief(clip_id)[1] == "ok" for table in tables.values())


def _last(tables: Mapping[str, Manifest], clip_id: str) -> tuple[str, str, str]:
    """The last stage that a clip came to, with status and reason."""
    name = [name for name in tables if clip_id in tables[name]][-1]
    _, status, reason = tables[name].brief(clip_id)
    return name, status, reason
