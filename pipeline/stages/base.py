"""What a stage is, what it gets, and the cache key that decides whether it must run again."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from s2f.pipeline.core import files
from s2f.pipeline.core.files import Copies, Place
from s2f.pipeline.core.media import FrameReader
from s2f.pipeline.core.params import Params
from s2f.pipeline.core.schema import COMMON, Row
from s2f.pipeline.corpora.base import Source


@dataclass
class Clip:
    """One clip in preparation: its source, the rows of the stages before, and the place of its artifacts.

    `keys` are the clip's cache keys by stage. `copies` are files brought to this machine, which are
    deleted when the clip is done.
    """

    source: Source
    sha256: str
    rows: dict[str, Row]
    keys: dict[str, str]
    artifacts: Place
    copies: Copies
    _reader: FrameReader | None = field(default=None, repr=False)

    @property
    def video(self) -> Path:
        """The video on this machine."""
        return self.copies.local(self.source.video)

    @property
    def begin(self) -> float | None:
        """Where the clip begins, in seconds after the container's begin; None at the first frame."""
        return self.source.piece.begin if self.source.piece else None

    @property
    def end(self) -> float | None:
        """Where it ends; None at the last frame."""
        return self.source.piece.end if self.source.piece else None

    def artifact(self, stage: str, suffix: str) -> Place:
        """The file that `stage` makes of this clip with the present settings."""
        return self.artifacts / stage / artifact_name(self.source.clip_id, self.keys[stage], suffix)

    def frames(self, fps: str) -> FrameReader:
        """The clip's frames at a constant rate; decoded once for all stages, where memory allows."""
        if self._reader is None:
            self._reader = FrameReader(
                self.video, Fraction(fps), keep_bytes=FRAME_MEMORY, begin=self.begin, end=self.end
            )
        return self._reader


# Decoded frames that a worker keeps for the next stage: 20 s of 720p.
FRAME_MEMORY = 1 << 30


def _no_models(params: Params) -> Iterable[Path]:
    return ()


Work = Callable[[Clip, Any], Row]


@dataclass(frozen=True)
class Stage:
    """One step of the preparation: a pure function from one clip to one row, or Rejected.

    It opens no manifest, starts no process, logs and counts nothing. Raise `version` whenever the same
    input would give another output.

    description  one sentence, for stages.yaml and the docs
    columns      those of its manifest besides the common ones
    run          None for a stage that gathers clips: prep.sharding runs it
    unit         what it works on: recordings are files that hold several clips
    reads        the earlier stages whose rows and files it uses
    artifact     the ending of the one file that it may write
    reasons      why it may reject a clip: each reason code with a sentence
    models       the model files that its result depends on
    by_clip      its settings that map clip ids or speakers to values: a clip's key holds its own value alone
    """

    name: str
    version: int
    description: str
    params: type[Params]
    columns: pa.Schema
    run: Work | None
    unit: Literal["recording", "clip", "set"] = "clip"
    reads: tuple[str, ...] = ()
    artifact: str | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    models: Callable[[Any], Iterable[Path]] = _no_models
    by_clip: frozenset[str] = frozenset()

    @property
    def schema(self) -> pa.Schema:
        """All columns of the stage's manifest."""
        return pa.schema([*COMMON, *self.columns])


@dataclass(frozen=True)
class ConfiguredStage:
    """A stage with its settings and models: all that its cache key depends on, besides the input."""

    stage: Stage
    params: Params
    settings: str
    models: str

    @classmethod
    def of(cls, stage: Stage, params: Params) -> "ConfiguredStage":
        """Hash the settings and the content of the model files, once for all clips."""
        models = [files.sha256(path) for path in stage.models(params)]
        settings = digest(params.model_dump_json(exclude=set(stage.by_clip)))
        return cls(stage, params, settings, digest(*models))

    def key(self, inputs: Iterable[str], source: Source) -> str:
        """The cache key of a clip for inputs of these keys."""
        values = {name: own(getattr(self.params, name), source) for name in sorted(self.stage.by_clip)}
        told = [f"{name}={value}" for name, value in values.items() if value]
        settings = digest(self.settings, *told) if told else self.settings
        return key(self.stage.version, settings, inputs, self.models)


def own(values: Mapping[str, float], source: Source) -> float:
    """What a setting by clip ids and speakers says of a clip: its own value, its speaker's, or 0."""
    return values.get(source.clip_id, values.get(source.speaker, 0.0))


def key(version: int, settings: str, inputs: Iterable[str], models: str = "") -> str:
    """A cache key in four parts, so that a plan can say what changed: code.settings.input.models."""
    return f"{version}.{settings}.{digest(*inputs)}.{models}"


def digest(*parts: str) -> str:
    """A short hash of some strings; none give an empty one."""
    if not parts:
        return ""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def artifact_name(clip_id: str, key: str, suffix: str) -> str:
    """The name of an artifact. It contains a hash of the key: files of other settings are never reused."""
    return f"{clip_id}.{digest(key)[:8]}{suffix}"
