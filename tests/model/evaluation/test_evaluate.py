"""`s2f evaluate`: what it shows and writes, what it could not measure, and what users get wrong."""

import io
import json
import math
import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from rich.console import Console
from support.model_runs import TINIEST
from support.model_shards import change_members, make_members, make_shards
from support.prepared import Command, Prepared, refused

from s2f.model.evaluation.evaluate import evaluate
from s2f.model.evaluation.results import Evaluation
from s2f.model.evaluation.sources.animated import Animated
from s2f.model.inference.animate import generate
from s2f.model.metrics.measures import FACE, IDENTITY, MOUTH
from s2f.model.metrics.reconstruction import lower_l1, psnr
from s2f.model.metrics.scoring import MEASURES
from s2f.model.networks.weights import load_talker
from s2f.model.training.config import TrainParams
from s2f.model.training.trainer import train
from s2f.pipeline.core import mjpeg, wav
from s2f.pipeline.core.prepared_set import PreparedSet

FRAMES = 8
SILENT = Console(file=io.StringIO())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("data"), train=4, val=3, frames=FRAMES, per_shard=2)


@pytest.fixture(scope="module")
def run(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of three steps."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    few = {**TINIEST, "batch": 2, "frames": 4, "judged_frames": 1, "steps": 3, "workers": 0, "threads": 1}
    train(PreparedSet(drawn), folder, TrainParams.model_validate(few), resume=False, console=SILENT)
    return folder


def scores(evaluation: Evaluation) -> dict[tuple[str, str], dict[str, float]]:
    """The scores by clip and video."""
    return {(clip.clip_id, video): each for clip in evaluation.scored for video, each in clip.scores.items()}


def without(data: Path, folder: Path, *clips: str) -> Path:
    """A copy of the shards in which the frames of some clips are damaged."""
    shutil.copytree(data, folder)
    return change_members(folder, {f"{clip}.avi": lambda content: bytes(len(content)) for clip in clips})


def test_runs_beside_the_still_frame_and_the_real_video(
    s2f: Command, drawn: Path, run: Path, tmp_path: Path
) -> None:
    out, summary = tmp_path / "out", tmp_path / "summary.json"
    ended = s2f("evaluate", run, "--data", drawn, "--out", out, "--json", summary)
    assert ended.code == 0, ended.err
    titles = [each.title for each in MEASURES if each.brief]
    assert not any(f"{each.title} " in ended.out for each in MEASURES if not each.brief)
    for word in (*titles, "↑", "↓", "tiny", "still", "real", "3/3", "times real time"):
        assert word in ended.out
    # After three steps nothing looks like a face: that is said, with the clips' names.
    lacking = [each.name for each in MEASURES if each.needs_face and each.group in (IDENTITY, MOUTH, FACE)]
    assert f"not measured in 3 of 3 clips, {', '.join(lacking)} of tiny: no face is found" in ended.out
    assert "(val_000, val_001, val_002)" in ended.out

    written = json.loads((out / "evaluation.json").read_text())
    assert written == json.loads(summary.read_text())
    assert (written["split"], written["clips"], written["measured"]) == ("val", 3, 3)
    assert written["measures"]["l1"]["higher_is_better"] is False
    assert len(written["missing"]) == 3 * len(lacking)
    assert written["comparisons"] == []
    table = pq.ParquetFile(out / "clips.parquet").read()
    assert table.num_rows == 3 * 3
    assert set(table["frames"].to_pylist()) == {FRAMES}
    for row in written["rows"]:
        of = [name == row["name"] for name in table["video"].to_pylist()]
        assert sum(of) == 3
        for name, interval in row["scores"].items():
            values = np.array(
                [value for value, mine in zip(table[name].to_pylist(), of, strict=True) if mine]
            )
            if interval["clips"] == 0:
                assert np.isnan(values).all()
                assert interval["mean"] is None
                continue
            assert interval["mean"] == pytest.approx(values.mean())
            bounds = [values.min(), interval["low"], interval["mean"], interval["high"], values.max()]
            assert np.all(np.diff(bounds) >= -1e-9)
    assert set(table["speaker"].to_pylist()) == written["speakers"].keys() == {"val0", "val1"}
    assert (out / "evaluation.html").exists()
    tiny, still, real = written["rows"]
    assert tiny["frames_per_second"] == pytest.approx(25 * tiny["real_time"])
    assert tiny["frames_per_second"] > 0
    assert still["real_time"] is real["real_time"] is None
    assert real["scores"].keys() == {each.name for each in MEASURES if "real" in each.on}
    assert tiny["scores"].keys() == {each.name for each in MEASURES}


def test_probes_of_runs(s2f: Command, drawn: Path, run: Path, tmp_path: Path) -> None:
    ended = s2f("evaluate", run, "--data", drawn, "--limit", 2, "--probe", "shift,silence", "--out", tmp_path)
    assert ended.code == 0, ended.err
    assert "probes, 2 clips" in ended.out
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert [row["name"] for row in written["probes"]] == ["silence_moving", "shift_followed"]
    # Nothing looks like a face.
    for row in written["probes"]:
        assert (row["means"]["tiny"]["clips"], row["sound"]) == (0, {"tiny": None})
    page = (tmp_path / "evaluation.html").read_text()
    assert "<h2>Probes</h2>" in page
    assert "lips rest: 10 % at most" in page


def test_probes_that_cannot_be_done(s2f: Command, drawn: Path, run: Path, tmp_path: Path) -> None:
    refused(s2f("evaluate", run, "--data", drawn, "--probe", "noice"), "there is no probe 'noice'")
    videos = ("--videos", tmp_path, "--reference", tmp_path, "--probe", "noise")
    refused(s2f("evaluate", *videos), "--probe makes videos anew")


@pytest.mark.slow
def test_the_scores_are_those_of_the_animated_clip(drawn: Path, run: Path) -> None:
    evaluation = evaluate(Animated([run], PreparedSet(drawn), "val", 1, 3), SILENT, seed=3, workers=1)
    assert (evaluation.clips, [clip.clip_id for clip in evaluation.scored]) == (1, ["val_000"])
    members = make_members("val_000", "val", FRAMES, 0)
    real, sound = mjpeg.decode(members["avi"]), wav.decode(members["wav"])
    still = np.repeat(real[:1], FRAMES, axis=0)
    each = scores(evaluation)
    assert each["val_000", "still"]["psnr"] == psnr(still, real)
    assert each["val_000", "still"]["l1"] == lower_l1(still, real)
    cpu, chance = torch.device("cpu"), random.Random("3 val_000").getrandbits(32)
    made = np.stack(list(generate(load_talker(run, cpu), real[0], [sound], cpu, chance)))
    assert each["val_000", "tiny"]["psnr"] == pytest.approx(psnr(made, real), abs=0.01)
    assert math.isnan(evaluation.rows[0].scores["psnr"].low)


@pytest.mark.slow
def test_the_seed_fixes_the_scores_whatever_the_clips_and_processes(drawn: Path, run: Path) -> None:
    whole, part, other = (
        evaluate(Animated([run], PreparedSet(drawn), "val", limit, seed), SILENT, seed=seed, workers=workers)
        for limit, seed, workers in ((None, 0, 2), (2, 0, 1), (2, 1, 2))
    )
    first, again, changed = (scores(each) for each in (whole, part, other))
    assert len(again) == 2 * 3
    for key, row in again.items():
        assert row == pytest.approx(first[key], nan_ok=True)
    assert again["val_000", "tiny"]["psnr"] != changed["val_000", "tiny"]["psnr"]
    assert again["val_000", "still"]["psnr"] == changed["val_000", "still"]["psnr"]


@pytest.mark.slow
def test_runs_of_one_name_are_told_apart_by_their_paths(drawn: Path, run: Path, tmp_path: Path) -> None:
    twin = tmp_path / "tiny"
    shutil.copytree(run, twin)
    evaluation = evaluate(Animated([run, twin], PreparedSet(drawn), "val", 2, 0), SILENT, workers=1)
    first, second, *others = evaluation.rows
    (compared,) = evaluation.comparisons
    assert (compared.name, compared.against) == (str(twin), str(run))
    assert compared.differences["psnr"].mean == compared.differences["psnr"].high == 0
    assert [row.name for row in evaluation.rows] == [str(run), str(twin), "still", "real"]
    assert first.scores["psnr"] == second.scores["psnr"] != others[0].scores["psnr"]


@pytest.mark.slow
def test_genuine_faces_have_mouths(prepared_small: Prepared, run: Path) -> None:
    evaluation = evaluate(Animated([run], PreparedSet(prepared_small.out), "train", 1, 0), SILENT, workers=1)
    still, real = evaluation.rows[1:]
    assert 0.2 < still.scores["mouth_px"].mean < 5
    assert 20 < still.scores["psnr"].mean < 40
    assert real.scores["fdbm"].mean == pytest.approx(0.12, abs=0.03)
    assert {each.video for each in evaluation.missing} <= {"tiny"}


@pytest.mark.slow
def test_a_clip_that_cannot_be_read_is_counted_and_named(
    s2f: Command, drawn: Path, run: Path, tmp_path: Path
) -> None:
    damaged = without(drawn, tmp_path / "damaged", "val_000", "val_002")
    ended = s2f("evaluate", run, "--data", damaged, "--json", tmp_path / "summary.json")
    assert ended.code == 0, ended.err
    assert "1 clips" in ended.out
    assert "not measured in 2 of 3 clips, the frames of a sample" in ended.out
    assert "(val_000, val_002)" in ended.out
    written = json.loads((tmp_path / "summary.json").read_text())
    assert (written["clips"], written["measured"]) == (3, 1)
    lost = [each["clip_id"] for each in written["missing"] if not each["video"]]
    assert lost == ["val_000", "val_002"]


def test_what_users_get_wrong(s2f: Command, drawn: Path, run: Path, tmp_path: Path) -> None:
    unreadable = without(drawn, tmp_path / "damaged", "val_000", "val_001", "val_002")
    other = tmp_path / "other"
    shutil.copytree(run, other)
    description = json.loads((other / "generator.json").read_text())
    (other / "generator.json").write_text(json.dumps({**description, "fps": "30"}))
    (tmp_path / "file").touch()
    for arguments, words in [
        ((run, "--data", drawn, "--split", "test"), "no clips in the split 'test'"),
        ((run, "--data", tmp_path), "holds no shards"),
        ((tmp_path, "--data", drawn), "holds no trained model"),
        ((other, "--data", drawn), "was trained on 30 frames per second"),
        ((run, "--data", unreadable), "none of 3 clips can be read"),
        ((run, "--data", drawn, "--out", tmp_path / "file" / "out"), "cannot be made"),
        ((run,), "two ways to evaluate"),
        ((run, "--data", drawn, "--videos", tmp_path), "two ways to evaluate"),
    ]:
        refused(s2f("evaluate", *arguments), words)
