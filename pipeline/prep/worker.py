"""What a worker process does: take one clip through its stale stages, and say how it went."""

import json
import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from s2f.pipeline.core import files
from s2f.pipeline.core.errors import MediaError, OutputError, Rejected, S2fError
from s2f.pipeline.core.files import Copies, Place, as_text
from s2f.pipeline.core.schema import Row
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.prep import plan
from s2f.pipeline.prep.plan import Selection
from s2f.pipeline.stages import scan
from s2f.pipeline.stages.base import Clip, ConfiguredStage

# The key of a row that was made without one: it has the four parts of a key, and equals no other key.
NO_KEY = "..."

# Folder below the artifacts for breadcrumbs: files that tell what each worker is at.
RUNNING = ".running"


@dataclass(frozen=True)
class Task:
    """One clip to take through its stages: the stages with their settings, and the rows that exist.

    A video of more than `longest` seconds is no clip, but a recording to be cut.
    """

    source: Source
    sha256: str | None
    stages: list[ConfiguredStage]
    selection: Selection
    rows: dict[str, Row]
    artifacts: Place
    longest: float = math.inf


@dataclass
class Outcome:
    """New rows by stage, the stages whose old rows are no longer valid, and an error that ends the run.

    `long` is the duration, in seconds, of a video that is too long for one clip; no stage after scan is run.

    The rows of the stages in `restamped` were not made again: only the file's time stamp has changed.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    fatal: S2fError | None = None
    restamped: set[str] = field(default_factory=set)
    long: float | None = None


class _Held:
    """The copy of a recording behind a URL, which stays until a worker comes to another file.

    Pieces of a recording come one after the other: each worker fetches it once.
    """

    def __init__(self) -> None:
        self._recording: tuple[str, str] | None = None
        self._copies = Copies()

    def copies(self, source: Source) -> AbstractContextManager[Copies]:
        """The copies for a clip."""
        recording = (str(source.video), source.stamp) if source.piece else None
        if recording != self._recording:
            self._copies.close()
        self._recording = recording
        return nullcontext(self._copies) if recording else self._copies


_HELD = _Held()


def process(task: Task) -> Outcome:
    """Take one clip through its stale stages in turn, so that its video is decoded once."""
    outcome = Outcome()
    try:
        with _HELD.copies(task.source) as copies:
            _process(task, copies, outcome)
    except S2fError as error:
        outcome.fatal = error
    except OSError as error:
        outcome.rows["scan"] = _row(
            task.source, NO_KEY, "failed", "unreadable", f"{error.filename}: {error.strerror}"
        )
    finally:
        breadcrumb(task).unlink(missing_ok=True)
    return outcome


def breadcrumb(task: Task) -> Place:
    """The file that says what a worker is at, for the parent to read when the worker dies."""
    return task.artifacts / RUNNING / f"{task.source.clip_id}.json"


def lost(task: Task, reason: str, message: str) -> Outcome:
    """The outcome of a clip whose worker died: the stage that it was at has failed."""
    crumb = breadcrumb(task)
    try:
        at = json.loads(crumb.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        configured = task.stages[0]
        at = {"stage": configured.stage.name, "key": NO_KEY, "rows": {}}
    crumb.unlink(missing_ok=True)
    row = _row(task.source, at["key"], "failed", reason, message)
    names = [configured.stage.name for configured in task.stages]
    return Outcome({**at["rows"], at["stage"]: row}, names[names.index(at["stage"]) + 1 :])


def _process(task: Task, copies: Copies, outcome: Outcome) -> None:
    source = task.source
    sha256 = task.sha256 or plan.content_hash(source, copies)
    wanted = plan.keys(source, sha256, task.stages)
    clip = Clip(source, sha256, {}, wanted, task.artifacts, copies)
    for number, configured in enumerate(task.stages):
        stage = configured.stage
        row = task.rows.get(stage.name)
        brief = (row["key"], row["status"], row["reason"]) if row else None
        present = not row or stage.artifact is None or clip.artifact(stage.name, stage.artifact).exists()
        if plan.why(stage, wanted[stage.name], brief, present=present, selection=task.selection):
            if stage.name not in task.selection.stages:
                return
            _mark(task, stage.name, wanted[stage.name], outcome)
            row = _run(configured, clip, wanted[stage.name])
            outcome.rows[stage.name] = row
        assert row is not None
        if row.get("stamp", source.stamp) != source.stamp:
            row = outcome.rows[stage.name] = {**row, "stamp": source.stamp}
            outcome.restamped.add(stage.name)
        if row["status"] != "ok":
            outcome.dropped = [later.stage.name for later in task.stages[number + 1 :]]
            return
        if stage.name == scan.STAGE.name and source.piece is None and row["duration"] > task.longest:
            outcome.long = row["duration"]
            outcome.dropped = [later.stage.name for later in task.stages[number + 1 :]]
            return
        clip.rows[stage.name] = row


def _run(configured: ConfiguredStage, clip: Clip, key: str) -> Row:
    """Run one stage on one clip. Whatever goes wrong with the clip becomes its row."""
    began, stage = time.perf_counter(), configured.stage
    assert stage.run, f"{stage.name} does not work on single clips"
    try:
        row = _row(clip.source, key, "ok", "", "") | stage.run(clip, configured.params)
        if stage.artifact:
            row["artifact_sha256"] = files.sha256(clip.artifact(stage.name, stage.artifact))
    except Rejected as verdict:
        if verdict.reason in stage.reasons:
            row = {**verdict.columns, **_row(clip.source, key, "rejected", verdict.reason, verdict.message)}
        else:
            row = _row(clip.source, key, "failed", "broken", f"undeclared reason {verdict.reason}")
    except OutputError:
        raise
    except MediaError as error:
        row = _row(clip.source, key, "failed", "unreadable", error.message)
    except Exception as error:
        row = _row(clip.source, key, "failed", "broken", f"{type(error).__name__}: {error}")
    if row["message"]:
        # Name the video, not its local copy. Only here, because `clip.video` may fetch the video.
        row["message"] = as_text(row["message"].replace(str(clip.video), str(clip.source.video)))
    row["seconds"] = time.perf_counter() - began
    if not stage.reads:
        row |= scan.origin(clip.source) | {"sha256": clip.sha256}
    return row


def _row(source: Source, key: str, status: str, reason: str, message: str) -> Row:
    return {
        "clip_id": source.clip_id,
        "key": key,
        "status": status,
        "reason": reason,
        "message": as_text(message),
        "seconds": 0.0,
    }


def _mark(task: Task, stage: str, key: str, outcome: Outcome) -> None:
    # Not atomic: a truncated breadcrumb is treated as missing.
    breadcrumb(task).write_text(
        json.dumps({"stage": stage, "key": key, "rows": outcome.rows}), encoding="utf-8"
    )
