"""The sync scorer: the protocol on known answers, and a scorer trained for a minute on genuine clips."""

import itertools
import json
import math
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from support.model_runs import equal, stop_at
from support.model_shards import change_members, make_shards
from support.prepared import Command, Prepared, call, copy_clips, refused

from s2f.model.data.recordings import Recording, listed, recordings
from s2f.model.evaluation.learned.metrics import learned_metrics
from s2f.model.evaluation.learned.sync import measuring, scorer, training
from s2f.model.evaluation.learned.sync.clips import late, read_video
from s2f.model.evaluation.learned.sync.config import SyncParams
from s2f.model.evaluation.learned.sync.network import SyncNetwork
from s2f.model.evaluation.learned.sync.protocol import LEAST_FRAMES, MOST, Codes, mean_distances, offset_score
from s2f.model.evaluation.learned.sync.scorer import Known, Scorer, load_scorer, save
from s2f.model.metrics.scoring import ClipVideos, score_clip
from s2f.model.networks.log_mel import SoundPicture, mel_bank
from s2f.model.training import checkpoint
from s2f.pipeline.core import media, wav
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.prepared_set import PreparedSet
from s2f.pipeline.core.shards import Media
from s2f.pipeline.faces.settings import DEFAULT_FACES

CPU = torch.device("cpu")
RATE, FPS = 16_000, Fraction(25)
MEDIA = Media(FPS, RATE)


def chosen(**settings: int) -> list[str]:
    """Settings of the training on the command line."""
    return [word for name, value in settings.items() for word in ("--set", f"sync.{name}={value}")]


def codes(count: int, seed: int = 0) -> Codes:
    """Unit vectors that have nothing to do with each other."""
    drawn = np.random.default_rng(seed).standard_normal((count, 32)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


# The protocol.


@pytest.mark.parametrize("late", [-15, -4, -1, 0, 1, 4, 15])
def test_what_is_heard_so_many_frames_later_gives_that_offset(late: int) -> None:
    material = codes(100)
    seen, heard = material[20:80], material[20 - late : 80 - late]
    score = offset_score(mean_distances(seen, heard), FPS)
    assert score.offset == late
    assert score.distances[MOST + late] == pytest.approx(0, abs=1e-3)
    # Random directions lie about √2 apart.
    assert score.confidence == pytest.approx(math.sqrt(2), abs=0.1)


def test_distances_are_means_over_all_pairs_that_there_are() -> None:
    seen, heard = codes(25), codes(25, seed=1)
    distances = mean_distances(seen, heard)
    assert distances.shape == (31,)
    for offset in range(-15, 16):
        pairs = [
            float(np.linalg.norm(seen[i] - heard[i + offset])) for i in range(25) if 0 <= i + offset < 25
        ]
        assert len(pairs) == 25 - abs(offset)
        assert distances[offset + 15] == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)


def test_the_confidence_is_the_median_minus_the_least() -> None:
    distances = np.linspace(1.0, 1.3, 31)
    distances[19] = 0.4
    score = offset_score(distances, FPS)
    assert score.offset == 4
    assert score.confidence == pytest.approx(float(np.median(distances)) - 0.4)
    assert offset_score(np.ones(31), FPS).confidence == 0


@pytest.mark.parametrize(
    ("offset", "fps", "words"),
    [
        (4, FPS, "the sound is 4 frames (160 ms) late"),
        (-1, FPS, "the sound is 1 frame (40 ms) early"),
        (3, Fraction(30000, 1001), "the sound is 3 frames (100 ms) late"),
        (0, FPS, "sound and mouth move together"),
    ],
)
def test_the_sign_is_said_in_words(offset: int, fps: Fraction, words: str) -> None:
    distances = np.ones(31)
    distances[offset + 15] = 0
    score = offset_score(distances, fps)
    assert score.in_words() == words
    assert score.milliseconds == pytest.approx(1000 * offset / float(fps))


def test_a_clip_whose_sound_is_made_late_has_it_later() -> None:
    sound = np.zeros(16_000, np.float32)
    sound[5000] = 1
    clip = Recording("one", np.zeros((25, 128, 96, 3), np.uint8), sound, MEDIA)
    assert late(clip, 4).sound.argmax() == 5000 + 4 * 640
    assert late(clip, -4).sound.argmax() == 5000 - 4 * 640
    assert {len(late(clip, frames).sound) for frames in (-20, -1, 0, 1, 20)} == {16_000}
    assert np.array_equal(late(clip, 0).sound, sound)


# The network and its training.


def test_a_tone_lights_up_its_own_band() -> None:
    bank = mel_bank(40, 512, RATE)
    assert (bank >= 0).all()
    assert (bank.sum(dim=1) > 0).all()
    time = torch.arange(3200) / RATE
    brightest = [
        int(SoundPicture(RATE)(torch.sin(2 * math.pi * pitch * time)[None])[0, 0].mean(dim=1).argmax())
        for pitch in (200, 500, 1000, 3000, 6000)
    ]
    peaks = [int(bank[:, round(pitch / RATE * 512)].argmax()) for pitch in (200, 500, 1000, 3000, 6000)]
    assert brightest == peaks
    assert brightest == sorted(set(brightest))


def test_silence_and_full_scale_are_small_numbers() -> None:
    picture = SoundPicture(RATE)
    assert picture(torch.zeros(1, 3200)).max() == pytest.approx(-1)
    noise = torch.rand(1, 3200, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert 0 < picture(noise).mean() < 2


def test_the_loss_is_that_of_guessing_until_something_is_known() -> None:
    same = torch.ones(2, 30, 8) / math.sqrt(8)
    guess = training.contest(same, same, torch.tensor(10.0))
    assert guess == pytest.approx(math.log(30), rel=1e-4)
    known = torch.eye(30).repeat(2, 1, 1)
    assert training.contest(known, known, torch.tensor(30.0)) < 1e-6
    # What fits one moment too late is wrong.
    assert training.contest(known, known.roll(1, dims=1), torch.tensor(30.0)) > 20


def test_the_codes_have_unit_length_and_belong_to_their_moment(one_thread: None) -> None:
    torch.manual_seed(0)
    network = SyncNetwork(4, 16, 3200, RATE).eval()
    frames = torch.rand(1, 12, 3, 64, 96) * 2 - 1
    with torch.inference_mode():
        seen = network.seen(frames)
        heard = network.heard(torch.randn(1, 12, 3200) / 4)
        changed = frames.clone()
        changed[:, 7] = 0
        moved = (network.seen(changed) - seen).abs().amax(dim=2)[0]
    assert seen.shape == (1, 8, 16)
    assert heard.shape == (1, 12, 16)
    for codes in (seen, heard):
        assert torch.allclose(codes.norm(dim=2), torch.ones(codes.shape[:2]), atol=1e-5)
    # Snippet i holds the frames i to i + 4.
    assert [bool(value > 0) for value in moved] == [False, False, False, True, True, True, True, True]


def test_the_same_seed_trains_the_same_scorer(tmp_path: Path, one_thread: None) -> None:
    data = make_shards(tmp_path / "data", train=4, val=0, frames=12)
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        tiny = chosen(steps=2, width=2, batch=2, frames=24, seed=seed)
        assert call("sync", "train", data, "--run", tmp_path / name, *tiny) == 1  # clips are too short
        settings = SyncParams(steps=2, width=2, batch=2, frames=12, seed=seed)
        quiet = measuring.Console(quiet=True)
        assert training.train(PreparedSet(data), tmp_path / name, settings, quiet) is None
    one, two, other = (load_file(tmp_path / name / scorer.KIND.weights) for name in ("one", "two", "other"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
    assert load_scorer(tmp_path / "one", CPU).known is None


def test_a_stopped_training_that_goes_on_equals_one_in_one_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    data = PreparedSet(make_shards(tmp_path / "data", train=4, val=0, frames=12))
    params, quiet = SyncParams(steps=5, width=2, batch=2, frames=12), measuring.Console(quiet=True)
    training.train(data, tmp_path / "whole", params, quiet)
    with monkeypatch.context() as stopped:
        stop_at(stopped, training.SyncTrainee, 3)
        training.train(data, tmp_path / "parts", params, quiet)
    assert checkpoint.load_state(tmp_path / "parts")["step"] == 3
    assert call("sync", "train", "--run", tmp_path / "parts", "--resume") == 0
    assert checkpoint.load_state(tmp_path / "parts")["step"] == 5
    assert equal(tmp_path / "whole" / scorer.KIND.weights, tmp_path / "parts" / scorer.KIND.weights)


def test_a_run_that_has_ended_is_not_tried_out_again(
    s2f: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    data, run = make_shards(tmp_path / "data", train=4, val=2, frames=40), tmp_path / "run"
    few = chosen(steps=2, width=2, batch=2, frames=12)
    assert call("sync", "train", data, "--run", run, *few) == 0
    known = load_scorer(run, CPU).known
    assert known
    monkeypatch.setattr(measuring, "try_out", None)
    again = s2f("sync", "train", "--run", run, "--resume")
    assert again.code == 0, again.err
    assert "has ended at step 2 already" in again.out
    assert f"median confidence: {known.own:.2f}" in again.out
    assert load_scorer(run, CPU).known == known


def test_ctrl_c_keeps_what_was_trained(
    s2f: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    data = make_shards(tmp_path / "data", train=4, val=0, frames=12)
    run = tmp_path / "run"
    stop_at(monkeypatch, training.SyncTrainee, 2)
    settings = chosen(steps=100_000, width=2, batch=2, frames=12, threads=1)
    ended = s2f("sync", "train", data, "--run", run, *settings)
    assert ended.code == 0
    assert any(line.startswith("step 1 of") for line in ended.out.splitlines())
    assert "stopped at step" in ended.out
    assert load_scorer(run, CPU).media == MEDIA
    assert yaml.safe_load((run / "sync.yaml").read_text())["steps"] == 100_000
    refused(s2f("sync", "train", data, "--run", run), "already holds a sync scorer")


# A scorer of genuine clips.


@pytest.fixture(scope="module")
def out(prepared_grid: Prepared, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen clips of s1, prepared; 9 to train on, 5 with other sentences in val."""
    folder = tmp_path_factory.mktemp("sync")
    names = [f"s1/{path.stem}" for path in sorted((data / "grid/s1").glob("*.mpg"))[:14]]
    prepared = prepared_grid.begun(copy_clips(data, folder / "raw", *names), folder / "out")
    prepared.prepare("shard.split_by=utterance", "shard.shares={train: 0.8, val: 0.2, test: 0}")
    return prepared.out


@pytest.fixture(scope="module")
def run(out: Path, tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:
    """A scorer trained for 60 small steps."""
    folder = tmp_path_factory.mktemp("runs") / "sync"
    assert call("sync", "train", out, "--run", folder, *chosen(steps=60, width=8, batch=5)) == 0
    return folder


@pytest.fixture(scope="module")
def trained(run: Path) -> Scorer:
    return load_scorer(run, CPU)


@pytest.fixture(scope="module")
def unseen(out: Path) -> list[Recording]:
    """The clips of val."""
    clips = [clip for _, clip in recordings(listed(PreparedSet(out), "val")) if isinstance(clip, Recording)]
    assert len(clips) == 5
    return clips


def test_known_offsets_are_found_on_unseen_clips(out: Path, trained: Scorer) -> None:
    trial = measuring.try_out(trained, PreparedSet(out), measuring.Console(quiet=True))
    assert trial is not None
    assert (trial.clips, trial.scored) == (5, 45)
    assert trial.pooled >= 8
    assert trial.near >= 36
    assert trial.known == trained.known
    assert trial.known.own > trial.known.foreign
    assert f"right within ±1: {trial.near} of 45" in trial.in_words()


def test_the_scorer_that_was_kept_is_the_one_that_was_trained(
    trained: Scorer, unseen: list[Recording], tmp_path: Path
) -> None:
    clip = unseen[0]
    save(tmp_path, trained)
    again = load_scorer(tmp_path, CPU)
    scores = [each.score(clip).distances for each in (trained, again)]
    assert np.array_equal(*scores)
    assert again.known == trained.known


def test_a_long_clip_in_pieces_has_the_score_of_one_piece(
    trained: Scorer, unseen: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = unseen[0]
    whole = trained.score(clip)
    monkeypatch.setattr(scorer, "PIECE", 16)
    pieces = trained.score(clip)
    assert np.allclose(whole.distances, pieces.distances, atol=1e-5)


def test_a_still_face_gives_no_confidence(trained: Scorer, unseen: list[Recording]) -> None:
    clip = unseen[0]
    talking = trained.score(clip)
    still = trained.score(replace(clip, frames=np.repeat(clip.frames[:1], len(clip.frames), axis=0)))
    assert still.confidence < 0.5 * talking.confidence
    assert trained.in_words(still).endswith(" (not sure)")
    assert not trained.sure(still)


def test_the_words_tell_whether_an_offset_is_to_be_relied_on(trained: Scorer) -> None:
    distances = np.ones(31)
    distances[19] = 0.2
    sure = offset_score(distances, FPS)
    words = "the sound is 4 frames (160 ms) late"
    for known, told in (
        (Known(own=0.4, foreign=0.1), words),
        (Known(own=1.8, foreign=0.1), f"{words} (not sure)"),
        (None, words),
    ):
        assert Scorer(trained.network, FPS, CPU, known).in_words(sure) == told


def test_an_evaluation_tells_by_how_much_a_video_is_late(run: Path, unseen: list[Recording]) -> None:
    metrics = learned_metrics(None, run, MEDIA)
    assert [metric.name for metric in metrics] == ["av_offset", "av_apart", "av_confidence", "av_distance"]
    offsets, confidences = [], []
    for clip in unseen[:3]:
        # The lips come five frames late, so that the sound is early.
        behind = np.concatenate([np.repeat(clip.frames[:1], 5, axis=0), clip.frames[:-5]])
        dead = np.repeat(clip.frames[:1], len(clip.frames), axis=0)
        made = {"same": clip.frames, "late": behind, "dead": dead}
        videos = ClipVideos(clip.clip_id, clip.frames, made, FPS, sound=clip.sound)
        scores = score_clip(videos, DEFAULT_FACES, table=metrics).scores
        offsets.append([scores[name]["av_offset"] for name in ("real", "same", "late")])
        confidences.append([scores[name]["av_confidence"] for name in ("real", "dead")])
        assert 0 < scores["same"]["av_distance"] == scores["real"]["av_distance"] < 2
        assert scores["late"]["av_apart"] == abs(scores["late"]["av_offset"])
        assert not {"av_offset", "av_confidence"} & scores["still"].keys()
    real, same, late_ones = np.median(offsets, axis=0)
    assert abs(real) <= 1
    assert same == real
    assert late_ones == pytest.approx(real - 5, abs=1)
    assert np.median(confidences, axis=0)[0] > 2 * np.median(confidences, axis=0)[1]


def test_an_audit_finds_a_clip_whose_sound_is_late(
    s2f: Command, out: Path, run: Path, unseen: list[Recording], tmp_path: Path
) -> None:
    scorer_ = load_scorer(run, CPU)
    clip = max(unseen, key=lambda each: scorer_.score(each).confidence)
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    moved = wav.encode(late(clip, 8).sound, RATE)
    change_members(copy, {f"{clip.clip_id}.wav": lambda _: moved})
    ended = s2f("audit", copy, "--sync", run, "--fail-on", "error")
    assert ended.code == 1, ended.err
    checks = {each["check"]: each for each in json.loads((copy / "audit/audit.json").read_text())["findings"]}
    assert checks["sync.clip"]["level"] == "error"
    assert checks["sync.clip"]["flagged"] == [clip.clip_id]
    assert "(320 ms) late" in checks["sync.clip"]["details"][0] or "late" in checks["sync.clip"]["details"][0]
    # Without a scorer nothing is known of it.
    assert s2f("audit", copy, "--fail-on", "error").code == 0
    refused(s2f("audit", "--raw", copy, "--sync", run), "must be one thing")


def test_an_evaluation_says_why_it_cannot_tell(run: Path, unseen: list[Recording]) -> None:
    metrics, frames = learned_metrics(None, run, MEDIA), unseen[0].frames
    short = ClipVideos("short", frames[:20], {"same": frames[:20]}, FPS, sound=unseen[0].sound)
    for clip in (short, ClipVideos("mute", frames, {"same": frames}, FPS)):
        scored = score_clip(clip, DEFAULT_FACES, table=metrics)
        assert math.isnan(scored.scores["same"]["av_confidence"])
        reasons = {each.measure: each.reason for each in scored.missing if each.video == "same"}
        assert reasons["av_offset"] == "there is no sound, or less than 24 frames"
    with pytest.raises(InputError, match="another frame rate or sample rate"):
        learned_metrics(None, run, Media(FPS, 8000))


def test_what_cannot_be_scored_is_said(trained: Scorer, unseen: list[Recording]) -> None:
    clip = unseen[0]
    with pytest.raises(InputError, match="23 frames are too few"):
        trained.score(replace(clip, frames=clip.frames[: LEAST_FRAMES - 1]))
    trained.score(replace(clip, frames=clip.frames[:LEAST_FRAMES]))
    with pytest.raises(InputError, match="trained on 25 and 16000"):
        trained.score(replace(clip, media=Media(FPS, 8000)))
    with pytest.raises(InputError, match="no aligned faces"):
        trained.score(replace(clip, frames=clip.frames[:, :64]))


def test_a_split_is_scored_and_written(s2f: Command, out: Path, run: Path) -> None:
    ended = s2f("sync", "run", out, "--run", run, "--split", "val", "--json", "sync.json")
    assert ended.code == 0
    assert "all together" in ended.out
    assert "The offset is where" in ended.out
    assert "the median confidence was" in ended.out
    written = json.loads(Path("sync.json").read_text())
    assert len(written["clips"]) == 5
    assert abs(written["together"]["offset"]) <= 1
    for clip in written["clips"]:
        assert len(clip["distances"]) == 31
        assert clip["offset"] == int(np.argmin(clip["distances"])) - 15
    refused(s2f("sync", "run", out, "--run", run, "--split", "nothing"), "no clips in the split 'nothing'")
    refused(s2f("sync", "run", out, out, "--run", run, "--split", "val"), "one prepared set")


def test_videos_are_scored_also_aligned_ones_and_late_ones(
    s2f: Command, data: Path, run: Path, unseen: list[Recording], tmp_path: Path
) -> None:
    name = unseen[0].clip_id.removeprefix("s1_")
    raw = data / f"grid/s1/{name}.mpg"
    recording = read_video(raw, MEDIA, DEFAULT_FACES)
    # By another path the same face as that of the shards.
    assert recording.frames.shape == unseen[0].frames.shape
    assert np.abs(recording.frames.astype(int) - unseen[0].frames).mean() < 2
    assert np.abs(recording.sound - unseen[0].sound).max() < 1e-3
    moved = tmp_path / "late.mp4"
    (tmp_path / "late.wav").write_bytes(wav.encode(late(unseen[0], 6).sound, RATE))
    media.write_video(moved, unseen[0].frames, FPS, tmp_path / "late.wav")
    broken, silent = tmp_path / "broken.mp4", tmp_path / "silent.mp4"
    broken.write_bytes(b"no video")
    media.write_video(silent, unseen[0].frames, FPS)
    paths = (raw, moved, broken, silent, data / "wild/no_face.mp4")
    ended = s2f("sync", "run", *paths, "--run", run, "--json", "sync.json")
    assert ended.code == 0
    scored, shifted, *lost = json.loads(Path("sync.json").read_text())["clips"]
    assert shifted["offset"] - scored["offset"] == pytest.approx(6, abs=1)
    for clip, reason in zip(lost, ("cannot be read", "no sound", "no face"), strict=True):
        assert reason in clip["reason"]
        assert "offset" not in clip
    assert abs(json.loads(Path("sync.json").read_text())["together"]["milliseconds"]) <= 600
    refused(s2f("sync", "run", broken, "--run", run), "no clip can be scored", "broken.mp4 cannot be read")


def test_a_run_that_holds_no_scorer_or_a_damaged_one(s2f: Command, run: Path, tmp_path: Path) -> None:
    def score() -> tuple[str, ...]:
        return ("sync", "run", "talk.mp4", "--run", str(tmp_path / "copy"))

    refused(s2f(*score()), "holds no sync scorer: there is no sync.json")
    shutil.copytree(run, tmp_path / "copy")
    weights, description = (
        tmp_path / "copy" / scorer.KIND.weights,
        tmp_path / "copy" / scorer.KIND.description,
    )
    whole, told = weights.read_bytes(), description.read_text()
    weights.write_bytes(whole[:1000])
    refused(s2f(*score()), "is damaged")
    weights.unlink()
    refused(s2f(*score()), "there is no sync.safetensors")
    weights.write_bytes(whole)
    for text in ("{", "[]", "{}", told.replace('"width": 8', '"width": 9'), told.replace('"25"', '"fast"')):
        description.write_text(text)
        refused(s2f(*score()), "is damaged")
    description.write_text(told.replace('"format": 1', '"format": 2'))
    refused(s2f(*score()), "has format 2")


def test_a_set_without_clips_to_train_on(s2f: Command, tmp_path: Path) -> None:
    empty = make_shards(tmp_path / "empty", train=0, val=1, frames=12)
    refused(s2f("sync", "train", empty, "--run", "run"), "no clips in the split 'train'")
    refused(s2f("sync", "train", tmp_path / "none", "--run", "run"), "holds no shards")
    assert not Path("run").exists()


def test_clips_that_come_in_turn_are_those_of_the_manifest(out: Path) -> None:
    names = [name for name, _ in recordings(listed(PreparedSet(out), "train", 4))]
    assert len(set(names)) == 4
    assert names == [name for name, _ in itertools.islice(recordings(listed(PreparedSet(out), "train")), 4)]
