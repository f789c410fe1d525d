"""`s2f lipread` on genuine clips: what a training leaves, what a reader reads, what users get wrong."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import typer
import yaml
from rich.console import Console
from support.model_runs import equal, make_generator, stop_at, write_run
from support.model_shards import change_members, make_shards
from support.prepared import Command, Ended, Prepared, refused

from s2f.model.evaluation.learned.lipreading import scores, training
from s2f.model.evaluation.learned.lipreading.config import LipreadParams
from s2f.model.evaluation.learned.lipreading.grammar import SLOTS, is_sentence
from s2f.model.evaluation.learned.lipreading.mouths import Utterance, read_utterances
from s2f.model.evaluation.learned.lipreading.network import LipNet
from s2f.model.evaluation.learned.lipreading.reader import Reader, load_reader
from s2f.model.evaluation.sources.footage import Video
from s2f.model.networks.weights import PRETRAINED
from s2f.model.training import checkpoint
from s2f.pipeline.app.program import app
from s2f.pipeline.core import mjpeg
from s2f.pipeline.core.errors import TrainingError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.corpora.grid import sentence
from s2f.pipeline.faces.settings import DEFAULT_FACES

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SILENT = Console(quiet=True)
TEXTS = {clip: sentence(clip.partition("_")[2]) for clip in ("s1_bbaf2n", "s2_pwij3p", "s3_sbia1a")}
# As small as it gets.
TINY = {"width": 4, "hidden": 8, "epochs": 2, "validate_every": 1, "threads": 1}
TINY_SET = [word for name, value in TINY.items() for word in ("--set", f"lipread.{name}={value}")]


@pytest.fixture(scope="module")
def grid(prepared_small: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Three genuine clips, all to train on."""
    prepared = prepared_small.copy(tmp_path_factory.mktemp("lips"))
    prepared.prepare("shard.train=[s1, s2, s3]")
    return prepared


@pytest.fixture(scope="module")
def split(prepared_small: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The same clips, one of them to validate on."""
    prepared = prepared_small.copy(tmp_path_factory.mktemp("lips"))
    prepared.prepare("shard.train=[s1, s2]", "shard.val=[s3]")
    return prepared


@pytest.fixture(scope="module")
def learnt(slow: None, grid: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a reader that knows its clips by heart."""
    run = tmp_path_factory.mktemp("readers") / "learnt"
    few = {"width": 4, "hidden": 128, "epochs": 70, "batch": 1, "lr": 5e-3, "dropout": 0.0}
    params = LipreadParams.model_validate({**few, "augment": False, "validate_every": 70, "threads": 1})
    training.train(PreparedSet(grid.out), run, params, console=SILENT)
    return run


@pytest.fixture(scope="module")
def tiny(split: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a reader that has learnt next to nothing."""
    run = tmp_path_factory.mktemp("readers") / "tiny"
    training.train(PreparedSet(split.out), run, LipreadParams.model_validate(TINY), console=SILENT)
    return run


def frames_of(prepared: Prepared, clip_id: str) -> mjpeg.Frames:
    return mjpeg.decode(prepared.artifact("align", clip_id).read_bytes())


def test_a_few_clips_are_learnt_by_heart(grid: Prepared, learnt: Path) -> None:
    reader = load_reader(learnt, CPU)
    result = scores.score(reader, PreparedSet(grid.out), "train", SILENT)
    assert result.texts == TEXTS
    free, bound, chance = result.rows
    assert [row.name for row in result.rows] == ["without grammar", "with grammar", "chance"]
    assert bound.wer.mean <= 1 / 18
    assert free.wer.mean < 0.5
    assert result.read["with grammar"].keys() == TEXTS.keys()
    # Three guesses in four are wrong, but for letters and digits, where more are.
    assert chance.wer.mean == pytest.approx((4 * 3 / 4 + 24 / 25 + 9 / 10) / 6, abs=0.03)
    assert chance.slots["digit"] == pytest.approx(0.1, abs=0.06)
    # The frames themselves, rather than the mouths of the shards.
    for clip_id, text in result.read["with grammar"].items():
        assert reader.read(frames_of(grid, clip_id), grammar=True) == text
        assert reader.read(frames_of(grid, clip_id), grammar=False) == result.read["without grammar"][clip_id]


def test_without_movement_there_is_nothing_to_read(grid: Prepared, learnt: Path) -> None:
    reader = load_reader(learnt, CPU)
    still = np.repeat(frames_of(grid, "s1_bbaf2n")[:1], 75, axis=0)
    assert is_sentence(reader.read(still, grammar=True))
    assert reader.read(still, grammar=True) not in TEXTS.values()


def test_a_raw_video_is_read_as_its_aligned_clip(
    s2f: Command, data: Path, grid: Prepared, learnt: Path
) -> None:
    raw, aligned = data / "grid/s1/bbaf2n.mpg", grid.artifact("align", "s1_bbaf2n")
    frames = Video(raw, Fraction(25), DEFAULT_FACES).face
    stored = frames_of(grid, "s1_bbaf2n")
    assert frames.shape == stored.shape
    # The artifact differs by JPEG's losses alone.
    assert np.abs(frames.astype(int) - stored).mean() < 1
    for video in (raw, aligned):
        ended = s2f("lipread", "run", video, "--run", learnt)
        assert ended.code == 0, ended.err
        assert f"with grammar: {TEXTS['s1_bbaf2n']}" in ended.out
        assert "without grammar: " in ended.out


def test_an_evaluation_tells_what_is_read_from_real_and_generated_lips(
    s2f: Command, grid: Prepared, learnt: Path, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "gan", make_generator())
    out = tmp_path / "scores"
    ended = s2f("evaluate", run, "--data", grid.out, "--split", "train", "--lipreader", learnt, "--out", out)
    assert ended.code == 0, ended.err
    assert "WER % by grammar" in ended.out
    summary = json.loads((out / "evaluation.json").read_text())
    assert summary["lipreader"] == str(learnt)
    rates = {row["name"]: row["scores"] for row in summary["rows"]}
    known = scores.score(load_reader(learnt, CPU), PreparedSet(grid.out), "train", SILENT).rows
    assert rates["real"]["wer"]["mean"] == pytest.approx(100 * known[0].wer.mean)
    assert rates["real"]["wer_grammar"]["mean"] == pytest.approx(100 * known[1].wer.mean)
    # Nothing is known of a mouth that does not move, nor of what an untrained network makes.
    for name in ("gan", "still"):
        assert rates[name]["wer_grammar"]["mean"] > 50
        assert rates[name]["wer"]["clips"] == 3
    rows = pq.read_table(out / "clips.parquet").to_pylist()
    readings = {(row["clip_id"], row["video"]): (row["text"], row["reading"]) for row in rows}
    assert len(readings) == 9
    for clip_id, text in TEXTS.items():
        assert readings[clip_id, "still"][0] == text
        assert is_sentence(readings[clip_id, "gan"][1])
    right = sum(text == reading for (_, video), (text, reading) in readings.items() if video == "real")
    assert right >= 2
    page = (out / "evaluation.html").read_text()
    assert f"<td>{TEXTS['s1_bbaf2n']}</td>" in page
    assert "read from gan" in page


def test_a_judge_of_other_clips_is_refused(s2f: Command, grid: Prepared, tiny: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "gan", make_generator())
    evaluate = ("evaluate", run, "--data", grid.out, "--split", "train", "--lipreader")
    refused(s2f(*evaluate, tmp_path), "holds no trained lip reader")
    slow = shutil.copytree(tiny, tmp_path / "slow")
    described = json.loads((slow / "reader.json").read_text())
    (slow / "reader.json").write_text(json.dumps(described | {"fps": "30"}))
    refused(s2f(*evaluate, slow), "was trained on clips of another frame rate")


def test_a_split_is_scored_and_written(s2f: Command, grid: Prepared, learnt: Path, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    ended = s2f("lipread", "run", grid.out, "--run", learnt, "--split", "train", "--json", file)
    assert ended.code == 0, ended.err
    for word in ("train split, 3 clips", "WER", "without grammar", "with grammar", "chance", *SLOTS):
        assert word in " ".join(ended.out.split())
    written = json.loads(file.read_text())
    assert {clip["clip_id"]: clip["text"] for clip in written["clips"]} == TEXTS
    rows = {row["name"]: row for row in written["rows"]}
    bound = rows["with grammar"]
    right = [
        word == read
        for clip in written["clips"]
        for word, read in zip(clip["text"].split(), clip["with grammar"].split(), strict=True)
    ]
    assert bound["wer"]["mean"] == pytest.approx(1 - np.mean(right))
    assert bound["slots"] == pytest.approx(
        dict(zip(SLOTS, np.reshape(right, (3, 6)).mean(axis=0), strict=True))
    )
    assert bound["wer"]["low"] <= bound["wer"]["mean"] <= bound["wer"]["high"]
    limited = s2f("lipread", "run", grid.out, "--run", learnt, "--split", "train", "--limit", 1)
    assert "train split, 1 clips" in limited.out


def test_what_a_training_says_and_leaves(s2f: Command, split: Prepared, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ended = s2f("lipread", "train", split.out, "--run", run, *TINY_SET)
    assert ended.code == 0, ended.err
    assert "training on cpu: 2 clips, 1 to validate on" in ended.out
    for word in ("epoch 1 of 2: loss ", "epoch 2 of 2", "WER ", "with the grammar ", "frames/s", " s left"):
        assert word in ended.out
    assert sorted(path.name for path in run.iterdir()) == [
        ".lock",
        ".lock.holder",
        "curves.jsonl",
        "lipread.yaml",
        "metrics.jsonl",
        "reader.json",
        "reader.safetensors",
        "run.json",
        "state.pt",
    ]
    settings = yaml.safe_load((run / "lipread.yaml").read_text())
    assert LipreadParams.model_validate(settings) == LipreadParams.model_validate(TINY)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 1), (2, 2)]
    assert all(0 < line["wer_grammar"] <= 1 for line in lines)
    reader = load_reader(run, CPU)
    assert (reader.network.arguments["width"], reader.fps) == (4, 25)
    # The weights that are kept are those that did best on the val split.
    result = scores.score(reader, PreparedSet(split.out), "val", SILENT)
    assert result.rows[1].wer.mean == pytest.approx(min(line["wer_grammar"] for line in lines))


def test_the_same_seed_gives_the_same_weights(split: Prepared, tiny: Path, tmp_path: Path) -> None:
    for name, seed in (("again", 0), ("other", 1)):
        params = LipreadParams.model_validate({**TINY, "seed": seed})
        training.train(PreparedSet(split.out), tmp_path / name, params, console=SILENT)
    again, other = ((tmp_path / name / "reader.safetensors").read_bytes() for name in ("again", "other"))
    assert again == (tiny / "reader.safetensors").read_bytes() != other


@pytest.mark.parametrize("step", [1, 3])
def test_a_stopped_training_that_goes_on_equals_one_in_one_go(
    split: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    params = LipreadParams.model_validate({**TINY, "epochs": 3, "batch": 1, "validate_every": 2})
    data, whole, parts = PreparedSet(split.out), tmp_path / "whole", tmp_path / "parts"
    training.train(data, whole, params, console=SILENT)
    with monkeypatch.context() as stopped:
        stop_at(stopped, training.LipTrainee, step)
        training.train(data, parts, params, console=SILENT)
    assert checkpoint.load_state(parts)["step"] == step
    training.train(data, parts, params, resume=True, console=SILENT)
    one, two = (checkpoint.load_state(run) for run in (whole, parts))
    assert one["step"] == two["step"] == 6
    assert all(torch.equal(one["network"][name], two["network"][name]) for name in one["network"])
    assert equal(whole / "reader.safetensors", parts / "reader.safetensors")
    assert (whole / "metrics.jsonl").read_text() == (parts / "metrics.jsonl").read_text()


def test_a_training_goes_on_from_another_readers_weights(
    grid: Prepared, learnt: Path, tmp_path: Path
) -> None:
    # At this rate nothing changes but what the batch norms have seen.
    params = LipreadParams.model_validate({**TINY, "lr": 1e-9})
    training.train(PreparedSet(grid.out), tmp_path / "tuned", params, start=learnt, console=SILENT)
    before, after = (load_reader(run, CPU).network for run in (learnt, tmp_path / "tuned"))
    assert after.arguments == before.arguments
    for name, weight in before.named_parameters():
        assert torch.allclose(weight, dict(after.named_parameters())[name], atol=1e-6)


def test_a_training_from_the_packages_weights_can_be_resumed_from_its_begin(
    split: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: object) -> None:
        raise KeyboardInterrupt

    data, run, params = PreparedSet(split.out), tmp_path / "run", LipreadParams.model_validate(TINY)
    with monkeypatch.context() as before_the_first_checkpoint:
        before_the_first_checkpoint.setattr(training, "run_loop", stopped)
        with pytest.raises(KeyboardInterrupt):
            training.train(data, run, params, start=PRETRAINED, console=SILENT)
    training.train(data, run, params, resume=True, console=SILENT)
    own, trained = (load_reader(each, CPU).network.arguments for each in (PRETRAINED, run))
    assert trained == own


def lip_trainee(network: LipNet, params: LipreadParams, split: Prepared, run: Path) -> training.LipTrainee:
    reader, folder = Reader(network, Fraction(25)), training.run_folder(run)
    return training.LipTrainee(reader, params, [], [], folder, PreparedSet(split.out), SILENT)


def test_clips_of_other_lengths_share_a_batch(split: Prepared, tmp_path: Path) -> None:
    params = LipreadParams.model_validate({**TINY, "batch": 2})
    network = training.new_network(params)
    trainee = lip_trainee(network, params, split, tmp_path)
    utterances = read_utterances(PreparedSet(split.out).split_or_empty("train"), SILENT)
    short = Utterance("short", utterances[0].mouths[:40], utterances[0].text)
    assert 0 < trainee.train_step([short, utterances[1]])["reader/loss"] < 100
    # Less frames than characters: there is no path at all, and no loss.
    hopeless = Utterance("hopeless", utterances[0].mouths[:9], utterances[0].text)
    assert trainee.train_step([hopeless, hopeless])["reader/loss"] == 0


def test_a_loss_that_explodes_ends_the_training(split: Prepared, tmp_path: Path) -> None:
    params = LipreadParams.model_validate(TINY)
    network = training.new_network(params)
    trainee = lip_trainee(network, params, split, tmp_path)
    with torch.no_grad():
        network.classifier[1].weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="step 1 is not finite"):
        trainee.train_step(read_utterances(PreparedSet(split.out).split_or_empty("train"), SILENT))


@pytest.mark.slow
def test_a_killed_training_leaves_whole_files(split: Prepared, tmp_path: Path) -> None:
    program, run = Path(sys.executable).with_name("s2f"), tmp_path / "run"
    arguments = [*TINY_SET, "--set", "lipread.epochs=10000"]
    process = subprocess.Popen(
        [program, "lipread", "train", split.out, "--run", run, *arguments], stdout=subprocess.DEVNULL
    )
    while not (run / "metrics.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    load_reader(run, CPU)
    for line in (run / "metrics.jsonl").read_text().splitlines():
        assert json.loads(line)["loss"] > 0


def test_ctrl_c_ends_a_training_with_what_there_is(
    s2f: Command, split: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    stop_at(monkeypatch, training.LipTrainee, 3)
    arguments = [*TINY_SET, "--set", "lipread.epochs=10000", "--set", "lipread.validate_every=10000"]
    ended = s2f("lipread", "train", split.out, "--run", run, *arguments)
    assert ended.code == 0
    assert "training on" in ended.out
    assert "stopped at step" in ended.out
    assert "Traceback" not in ended.out + ended.err
    load_reader(run, CPU)


def test_the_help_of_both_commands_ends_with_an_example(s2f: Command) -> None:
    group = typer.main.get_command(app).commands["lipread"]  # type: ignore[attr-defined]
    assert sorted(group.commands) == ["run", "train"]
    for name in group.commands:
        example = s2f("lipread", name, "--help").out
        assert f"Example: s2f lipread {name} " in example


def test_runs_that_hold_no_reader(s2f: Command, split: Prepared, tiny: Path, tmp_path: Path) -> None:
    def run(folder: Path) -> Ended:
        return s2f("lipread", "run", split.out, "--run", folder)

    refused(run(tmp_path / "none"), "holds no trained lip reader", "reader.json")
    refused(s2f("lipread", "train", split.out, "--run", tiny), "already holds a lip reader")
    broken = tmp_path / "broken"
    shutil.copytree(tiny, broken)
    weights = (broken / "reader.safetensors").read_bytes()
    (broken / "reader.safetensors").write_bytes(weights[: len(weights) // 2])
    refused(run(broken), "is damaged")
    (broken / "reader.safetensors").unlink()
    refused(run(broken), "there is no reader.safetensors")
    (broken / "reader.safetensors").write_bytes(weights)
    description = json.loads((broken / "reader.json").read_text())
    (broken / "reader.json").write_text(json.dumps(description | {"format": 99}))
    refused(run(broken), "has format 99")
    (broken / "reader.json").write_text(json.dumps(description | {"arguments": {"width": 8}}))
    refused(run(broken), "is damaged")
    (broken / "reader.json").write_text("[]")
    refused(run(broken), "is damaged")
    refused(s2f("lipread", "train", split.out, "--run", tmp_path / "new", "--start", broken), "is damaged")
    assert not (tmp_path / "new").exists()


def test_sets_that_do_not_serve(
    s2f: Command, split: Prepared, grid: Prepared, tiny: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    refused(
        s2f("lipread", "run", split.out, "--run", tiny, "--split", "test"), "no clips in the split 'test'"
    )
    refused(s2f("lipread", "run", tmp_path / "none", "--run", tiny), "holds no shards")
    refused(s2f("lipread", "train", tmp_path / "none", "--run", new), "holds no shards")
    # Nobody knows what these say.
    drawn = make_shards(tmp_path / "drawn", train=2, val=0, frames=8)
    refused(
        s2f("lipread", "train", drawn, "--run", new), "it is not known what is said in any of the 2 clips"
    )
    ended = s2f("lipread", "train", split.out, "--run", new, "--set", "lipread.widht=8")
    refused(ended, "unknown setting lipread.widht")
    assert not new.exists()
    # A reader of another frame rate.
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    description = json.loads((other / "reader.json").read_text())
    (other / "reader.json").write_text(json.dumps(description | {"fps": "30"}))
    refused(s2f("lipread", "run", split.out, "--run", other), "30 frames per second", "25")


def retold(prepared: Prepared, folder: Path, texts: dict[str, str]) -> Path:
    """A copy of a set in which some clips have another text."""

    def telling(text: str) -> Callable[[bytes], bytes]:
        return lambda content: json.dumps(json.loads(content) | {"text": text}).encode()

    out = prepared.copy(folder).out
    return change_members(out, {f"{clip_id}.json": telling(text) for clip_id, text in texts.items()})


def test_other_texts_than_grids_are_scored_without_the_grammar(
    grid: Prepared, tiny: Path, tmp_path: Path
) -> None:
    out = retold(grid, tmp_path, dict.fromkeys(TEXTS, "She had your dark suit"))
    result = scores.score(load_reader(tiny, CPU), PreparedSet(out), "train", SILENT)
    assert [row.name for row in result.rows] == ["without grammar"]
    assert set(result.texts.values()) == {"she had your dark suit"}
    assert result.rows[0].slots == {}
    assert scores.table(result).row_count == 1


def test_a_sentence_that_is_none_of_grids_counts_but_has_no_slots(
    grid: Prepared, learnt: Path, tmp_path: Path
) -> None:
    out = retold(grid, tmp_path, {"s3_sbia1a": "set blue um in a one again"})
    bound = scores.score(load_reader(learnt, CPU), PreparedSet(out), "train", SILENT).rows[1]
    assert bound.wer.mean == pytest.approx(1 / 7 / 3)
    assert bound.slots == dict.fromkeys(SLOTS, 1.0)


def test_videos_without_a_face(s2f: Command, data: Path, tiny: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    ended = s2f("lipread", "run", broken, "--run", tiny)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    grey = tmp_path / "grey.avi"
    grey.write_bytes(mjpeg.encode(np.full((30, 200, 300, 3), 90, np.uint8), Fraction(25), 90))
    refused(s2f("lipread", "run", grey, "--run", tiny), "no face is found in")
