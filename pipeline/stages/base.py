"""What a stage is, what it is given, and the key that decides whether it must run again."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa

from s2f.pipeline.core import files
from s2f.pipeline.core.files import Copies, Place
from s2f.pipeline.core.media import FrameReader
from s2f.pipeline.core.params import Params
from s2f.pipeline.core.schema import COMMON, Row
from s2f.pipeline.corpora.base import Source


@dataclass
class Clip:
    """One clip on its way: where it came from, what the stages before found, where artifacts lie.

    `keys` are the clip's cache keys by stage; `rows` are those of the stages before; `copies` are of
    this machine and live as long as the clip is at work.
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

    def artifact(self, stage: str, suffix: str) -> Place:
        """The file that `stage` makes of this clip with the settings of now."""
        return self.artifacts / stage / artifact_name(self.source.clip_id, self.keys[stage], suffix)

    def frames(self, fps: str) -> FrameReader:
        """The clip's frames at a constant rate; decoded once for all stages, where memory allows."""
        if self._reader is None:
            self._reader = FrameReader(self.video, Fraction(fps), keep_bytes=FRAME_MEMORY)
        return self._reader


# Decoded frames that a worker keeps for the next stage: 20 s of 720p.
FRAME_MEMORY = 1 << 30


def _no_models(params: Params) -> Iterable[Path]:
    return ()


Work = Callable[[Clip, Any], Row]


@dataclass(frozen=True)
class Stage:
    """One step of the way: a pure function from one clip to one row, or Rejected.

    It opens no manifest, starts no process, logs and counts nothing; `artifact` is the ending of
    the one file it may write. Raise `version` whenever the same input would give another output.
    """

    name: str
    version: int
    params: type[Params]
    columns: pa.Schema
    run: Work
    reads: tuple[str, ...] = ()
    artifact: str | None = None
    models: Callable[[Any], Iterable[Path]] = _no_models

    @property
    def schema(self) -> pa.Schema:
        """The columns of the stage's manifest."""
        return pa.schema([*COMMON, *self.columns])


@dataclass(frozen=True)
class Recipe:
    """A stage with its settings and models: all that its cache key depends on, but for the input."""

    stage: Stage
    params: Params
    settings: str
    models: str

    @classmethod
    def of(cls, stage: Stage, params: Params) -> "Recipe":
        """Hash the settings and the content of the model files, once for all clips."""
        models = [files.sha256(path) for path in stage.models(params)]
        return cls(stage, params, digest(params.model_dump_json()), digest(*models))

    def key(self, inputs: Iterable[str]) -> str:
        """The cache key for input of those keys."""
        return key(self.stage.version, self.settings, inputs, self.models)


def key(version: int, settings: str, inputs: Iterable[str], models: str = "") -> str:
    """A cache key in four parts, so that a plan can say what changed: code.settings.input.models."""
    return f"{version}.{settings}.{digest(*inputs)}.{models}"


def digest(*parts: str) -> str:
    """A short hash of some strings; none give an empty one."""
    if not parts:
        return ""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def artifact_name(clip_id: str, key: str, suffix: str) -> str:
    """An artifact is named by its key too: what other settings have made is never taken for it."""
    return f"{clip_id}.{digest(key)[:8]}{suffix}"
