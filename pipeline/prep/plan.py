"""What must run for a clip, and why: the one rule of the cache, used by the plan and by the workers."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from s2f.pipeline.core import files
from s2f.pipeline.core.errors import ConfigError
from s2f.pipeline.core.files import Copies, as_text
from s2f.pipeline.core.params import nearest
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.prep.settings import PrepSettings
from s2f.pipeline.stages import STAGES, clip_stages
from s2f.pipeline.stages.base import ConfiguredStage, Stage

Reason = Literal[
    "new",
    "input changed",
    "settings changed",
    "code version changed",
    "upstream changed",
    "failed before",
    "forced",
    "output missing",
]

# How the id of a piece goes on after that of its file.
PIECE = re.compile(r"-\d{8,}-\d{8,}$")

# Key, status and reason code of a row, as far as the cache rule needs it.
Brief = tuple[str, str, str]


@dataclass(frozen=True)
class Selection:
    """What a user asked for beyond "all that is stale".

    `retry` are the reasons of failed rows to be tried again: none, some, or all for an empty tuple.
    """

    stages: tuple[str, ...] = tuple(STAGES)
    speakers: tuple[str, ...] = ()
    limit: int | None = None
    force: tuple[str, ...] = ()
    retry: tuple[str, ...] | None = None

    def retries(self, reason: str) -> bool:
        """Whether a row that failed for this reason is to be tried again."""
        return self.retry is not None and (not self.retry or reason in self.retry)


def chosen_stages(only: str | None = None, until: str | None = None) -> tuple[str, ...]:
    """All stages, the one named, or those up to one. Raises ConfigError where there is none of that name."""
    for name in (only, until):
        if name is not None and name not in STAGES:
            raise ConfigError(f"there is no stage {name}", f"the stages are {', '.join(STAGES)}")
    if only is not None:
        return (only,)
    names = tuple(STAGES)
    return names[: names.index(until) + 1] if until else names


def configured(settings: PrepSettings) -> list[ConfiguredStage]:
    """The stages that work on single clips, with their settings."""
    return [ConfiguredStage.of(stage, settings.of(stage)) for stage in clip_stages()]


def check_names(
    stages: Iterable[ConfiguredStage], sources: Collection[Source], others: Collection[str] = ()
) -> None:
    """Raises ConfigError where a setting by clip ids and speakers names none of these clips or their pieces.

    `others` are further speakers.
    """
    speakers = sorted({*others, *(source.speaker for source in sources)})
    known = {*speakers, *(source.clip_id for source in sources)}
    for configured in stages:
        for setting in configured.stage.by_clip:
            for name in getattr(configured.params, setting).keys() - known:
                if PIECE.sub("", name) in known:
                    continue
                raise ConfigError(
                    f"{configured.stage.name}.{setting} names {name}, which is neither a speaker nor a clip",
                    nearest(name, speakers),
                )


def content_hash(source: Source, copies: Copies) -> str:
    """The SHA-256 of a clip's video, then of its text if it has one. Raises OSError."""
    return ":".join(files.sha256(copies.local(path)) for path in (source.video, source.alignment) if path)


def keys(source: Source, content: str, stages: list[ConfiguredStage]) -> dict[str, str]:
    """The cache keys of a clip at every stage; they depend on input and settings, not on results."""
    found: dict[str, str] = {}
    for configured in stages:
        inputs = [f"{name}={found[name]}" for name in configured.stage.reads]
        aligned = [as_text(source.aligned)] if source.aligned else []
        origin = [source.corpus, source.speaker, source.utterance, source.name, *aligned, content]
        # What is not a piece keeps the keys that it had before there were pieces.
        piece = [str(source.piece)] if source.piece else []
        found[configured.stage.name] = configured.key(inputs or [*origin, *piece], source)
    return found


def why(
    stage: Stage, wanted: str, row: Brief | None, *, present: bool, selection: Selection
) -> Reason | None:
    """Why a stage must run for a clip, or None where its row is fresh."""
    if row is None:
        return "new"
    if stage.name in selection.force:
        return "forced"
    if row[0] == wanted:
        if row[1] == "failed" and selection.retries(row[2]):
            return "failed before"
        return None if present or row[1] != "ok" else "output missing"
    (version, settings, inputs, models), old = wanted.split("."), row[0].split(".")
    changes: list[tuple[bool, Reason]] = [
        ([version, models] != [old[0], old[3]], "code version changed"),
        (settings != old[1], "settings changed"),
        (bool(stage.reads) and inputs != old[2], "upstream changed"),
    ]
    return next((reason for changed, reason in changes if changed), "input changed")


def stale(
    wanted: Mapping[str, str],
    rows: Mapping[str, Brief],
    present: Mapping[str, bool],
    stages: list[ConfiguredStage],
    selection: Selection,
) -> Iterator[tuple[ConfiguredStage, Reason]]:
    """The stages that must run for a clip, in order; none after a fresh row that is not ok."""
    for configured in stages:
        name = configured.stage.name
        row = rows.get(name)
        reason = why(
            configured.stage, wanted[name], row, present=present.get(name, True), selection=selection
        )
        if reason:
            yield configured, reason
        elif row and row[1] != "ok":
            return
