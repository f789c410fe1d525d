"""What becomes of a clip whose worker died or took too long, and what a worker imports."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.prepared import Prepared

from s2f.pipeline import faces
from s2f.pipeline.core.errors import InputError, Rejected
from s2f.pipeline.core.schema import Row
from s2f.pipeline.corpora.base import Source
from s2f.pipeline.prep import plan, worker
from s2f.pipeline.prep.runner import PRELOAD
from s2f.pipeline.prep.settings import PrepSettings
from s2f.pipeline.stages import scan
from s2f.pipeline.stages.base import Clip, ConfiguredStage


def test_a_worker_imports_neither_torch_nor_the_model() -> None:
    script = f"""
import importlib, sys
for name in {(*PRELOAD, *faces.preload(faces.DEFAULT))!r}:
    importlib.import_module(name)
print([name for name in sys.modules if name == "torch" or name.startswith("s2f.model")])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def task(tmp_path: Path) -> worker.Task:
    source = Source("folder", "ann", "one", tmp_path, "one.mp4")
    return worker.Task(source, None, plan.configured(PrepSettings()), plan.Selection(), {}, tmp_path)


@pytest.mark.parametrize("crumb", [None, "", '{"stage": "ali'])
def test_a_clip_lost_before_it_said_where_it_was_is_run_again(tmp_path: Path, crumb: str | None) -> None:
    """Its row has a key that no settings give, and that a plan can read."""
    lost = task(tmp_path)
    if crumb is not None:
        worker.breadcrumb(lost).parent.mkdir()
        worker.breadcrumb(lost).write_text(crumb)
    outcome = worker.lost(lost, "worker_died", "gone")
    row = outcome.rows["scan"]
    assert (row["status"], row["reason"], row["message"]) == ("failed", "worker_died", "gone")
    assert outcome.dropped == ["detect", "align", "resample", "window"]
    assert not worker.breadcrumb(lost).exists()
    keys = plan.keys(lost.source, "content", lost.stages)
    brief = (row["key"], row["status"], row["reason"])
    assert plan.why(scan.STAGE, keys["scan"], brief, present=True, selection=plan.Selection())


def test_a_clip_that_takes_too_long_fails_by_name_and_the_run_goes_on(small: Prepared) -> None:
    with pytest.raises(InputError, match="no clip is left"):
        small.prepare("detect.every=1", "run.time_limit=0.05")
    ended = {small.ending(clip_id)[1:] for clip_id in small.rows("scan")}
    assert ended == {("failed", "timed_out")}


@pytest.mark.parametrize(
    ("reason", "ending"),
    [("no_audio", ("rejected", "no_audio", "")), ("mute", ("failed", "broken", "undeclared reason mute"))],
)
def test_a_reason_that_its_stage_does_not_declare_is_an_error_of_the_code(
    tmp_path: Path, reason: str, ending: tuple[str, str, str]
) -> None:
    def reject(clip: Clip, params: scan.ScanParams) -> Row:
        raise Rejected(reason, "")

    (tmp_path / "one.mp4").touch()
    rejecting = ConfiguredStage.of(replace(scan.STAGE, run=reject), scan.ScanParams())
    todo = replace(task(tmp_path), stages=[rejecting])
    worker.breadcrumb(todo).parent.mkdir()
    row = worker.process(todo).rows["scan"]
    assert (row["status"], row["reason"], row["message"]) == ending
