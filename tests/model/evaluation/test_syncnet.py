"""LSE-D and LSE-C by the published SyncNet: its file, what it sees and hears, and its arithmetic."""

import functools
import hashlib
import json
import math
import os
import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.model_runs import make_generator, write_run
from support.model_shards import draw_faces, make_shards, make_sound
from support.prepared import Command, refused
from torch import Tensor, nn

from s2f.model.evaluation.learned import syncnet
from s2f.model.evaluation.learned.mfcc import mfcc
from s2f.model.evaluation.learned.sync.protocol import offset_score
from s2f.model.evaluation.learned.weights import given, measures
from s2f.model.metrics.scoring import ClipVideos, score_clip
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.windows import cut_windows, loudness, window_starts
from s2f.pipeline.faces.settings import DEFAULT_FACES

State = dict[str, Tensor]

# The convolutions and full layers of the public SyncNetModel.py, by their names in its state dict.
PUBLISHED = {
    "netcnnaud.0": (64, 1, 3, 3),
    "netcnnaud.4": (192, 64, 3, 3),
    "netcnnaud.8": (384, 192, 3, 3),
    "netcnnaud.11": (256, 384, 3, 3),
    "netcnnaud.14": (256, 256, 3, 3),
    "netcnnaud.18": (512, 256, 5, 4),
    "netfcaud.0": (512, 512),
    "netfcaud.3": (1024, 512),
    "netcnnlip.0": (96, 3, 5, 7, 7),
    "netcnnlip.4": (256, 96, 1, 5, 5),
    "netcnnlip.8": (256, 256, 1, 3, 3),
    "netcnnlip.11": (256, 256, 1, 3, 3),
    "netcnnlip.14": (256, 256, 1, 3, 3),
    "netcnnlip.18": (512, 256, 1, 6, 6),
    "netfclip.0": (512, 512),
    "netfclip.3": (1024, 512),
}


@functools.cache
def drawn_weights() -> State:
    """A state dict as it is published, of the same numbers with any version of torch."""
    chance = np.random.default_rng(7)
    state = {}
    for name, shape in PUBLISHED.items():
        # Pictures come in 0 to 255, and leave the first layer as small as all others.
        scale = math.sqrt(2 / math.prod(shape[1:])) / (100 if name == "netcnnlip.0" else 1)
        state[f"{name}.weight"] = scale * chance.standard_normal(shape, np.float32)
        state[f"{name}.bias"] = chance.standard_normal(shape[0], np.float32) / 10
        if name.endswith("fcaud.3") or name.endswith("fclip.3"):
            continue
        part, number = name.split(".")
        norm = f"{part}.{int(number) + 1}"
        state[f"{norm}.weight"] = chance.uniform(0.5, 1.5, shape[0]).astype(np.float32)
        state[f"{norm}.bias"] = chance.standard_normal(shape[0], np.float32) / 10
        state[f"{norm}.running_mean"] = chance.standard_normal(shape[0], np.float32) / 10
        state[f"{norm}.running_var"] = chance.uniform(0.5, 1.5, shape[0]).astype(np.float32)
    return {name: torch.from_numpy(values) for name, values in state.items()}


def write(path: Path) -> Path:
    """A file of these weights."""
    torch.save(drawn_weights(), path)
    return path


# The file.


def test_the_network_has_the_published_layers() -> None:
    state = syncnet.SyncNet().state_dict()
    counts = {name for name in state if name.endswith("num_batches_tracked")}
    assert {name: value.shape for name, value in state.items() if name not in counts} == {
        name: value.shape for name, value in drawn_weights().items()
    }


WRITERS: dict[str, Callable[[State, Path], None]] = {
    "new.model": torch.save,
    # As torch wrote when the weights were published.
    "old.model": functools.partial(torch.save, _use_new_zipfile_serialization=False),
    "new.safetensors": save_file,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_weights_of_a_file_are_those_of_the_network(tmp_path: Path, name: str) -> None:
    WRITERS[name](drawn_weights(), tmp_path / name)
    network = syncnet.load(tmp_path / name)
    loaded = network.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in drawn_weights().items())
    assert not network.training


def test_a_file_may_count_what_its_norms_have_seen_and_must_hold_nothing_else(tmp_path: Path) -> None:
    state = syncnet.SyncNet().state_dict()
    torch.save(state, tmp_path / "a.model")
    assert torch.equal(syncnet.load(tmp_path / "a.model").netfclip[3].bias, state["netfclip.3.bias"])
    torch.save(state | {"logits.weight": torch.zeros(2)}, tmp_path / "b.model")
    with pytest.raises(InputError, match=r"it has logits\.weight too"):
        syncnet.load(tmp_path / "b.model")


class Program:
    """What makes a folder where it is unpickled as pickles may be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("form", ["pickle", "torch", "torch of old", "safetensors"])
def test_a_program_in_a_pickle_is_refused_and_never_runs(tmp_path: Path, form: str) -> None:
    program = Program(tmp_path / "ran")
    path = tmp_path / ("a.safetensors" if form == "safetensors" else "a.model")
    if form.startswith("torch"):
        state = {"netcnnaud.0.weight": torch.zeros(64, 1, 3, 3), "netcnnaud.0.bias": program}
        torch.save(state, path, _use_new_zipfile_serialization=form == "torch")
    else:
        path.write_bytes(pickle.dumps(program))
    with pytest.raises(InputError, match="is no file of tensors and their names alone") as caught:
        given([f"syncnet={path}"])
    assert str(path) in caught.value.message
    assert "may be a program" in caught.value.hint
    assert not program.folder.exists()
    if form.startswith("torch"):
        # It is one that would have run.
        torch.load(path, weights_only=False)
        assert program.folder.exists()


def test_files_of_other_things_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.model"
    first = "netcnnaud.0.weight"
    kept = torch.ones(64, 1, 3, 3)
    torch.save({first: kept}, path)
    half = path.read_bytes()[: path.stat().st_size // 2]
    files: list[tuple[bytes | object, str]] = [
        (b"", "is no file of tensors"),
        (b"\x08\x0a\x12\x04onnx\x3a\x05graph", "is no file of tensors"),
        (half, "is no file of tensors"),
        (nn.Linear(2, 2), "is no file of tensors"),
        ([kept], "is no file of tensors"),
        ({}, f"it has no {first}"),
        ({"state_dict": {first: kept}}, f"it has no {first}"),
        ({first: "text"}, f"it has no {first}"),
        ({first: kept[:32]}, r"is \(32, 1, 3, 3\), not \(64, 1, 3, 3\)"),
        ({first: kept / 0}, "values that are not finite"),
        ({first: kept}, r"it has no netcnnaud\.0\.bias"),
    ]
    for content, words in files:
        path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
        with pytest.raises(InputError, match=words) as caught:
            given([f"syncnet={path}"])
        assert str(path) in caught.value.message
        assert "syncnet_v2.model" in caught.value.hint


# What it hears and sees.


def test_the_coefficients_are_those_of_python_speech_features() -> None:
    """The numbers are mfcc(samples, 16000) of that package (0.6), of a tone that rises, in whole numbers."""
    time = np.arange(4000) / 16_000
    found = mfcc((0.5 * np.sin(2 * np.pi * (200 + 1600 * time) * time)).astype(np.float32))
    known = {
        0: [19.36, 23.55, 14.28, 7.28, -0.34, -8.78, -15.48, -20.94, -23.22, -22.88, -19.44, -14.87, -9.65],
        10: [20.97, 17.1, -4.72, -23.82, -33.56, -29.27, -12.01, 7.6, 20.76, 21.02, 11.54, -2.23, -11.93],
        # The last one is filled with silence.
        23: [21.81, 8.45, -23.74, -34.03, -12.97, 18.09, 28.24, 7.51, -19.24, -24.71, -5.54, 13.97, 14.72],
    }
    assert found.shape == (13, 24)
    assert found.dtype == np.float32
    assert {at: found[:, at] for at in known} == {at: pytest.approx(known[at], abs=0.006) for at in known}
    silence = mfcc(np.zeros(640, np.float32))
    assert silence[:, 0] == pytest.approx([math.log(np.finfo(float).eps)] + [0] * 12, abs=1e-4)


@pytest.mark.parametrize("times", [1, 2])
def test_the_square_that_it_sees_is_around_the_face(times: int) -> None:
    down, right = np.mgrid[: 128 * times, : 96 * times].astype(np.float32)
    place = [(right + 0.5) / times - 0.5, (down + 0.5) / times - 0.5, np.full_like(right, 200)]
    seen = syncnet.framed(np.clip(np.stack(place, axis=2), 0, 255).round().astype(np.uint8))
    along = (np.arange(224) + 0.5) * 140 / 224 - 0.5
    assert seen.shape == (224, 224, 3)
    assert seen[:, :, 0] == pytest.approx(200)
    assert abs(seen[:, :, 1] - np.clip(along + 10, 0, 127)[:, None]).max() < 1.1
    assert abs(seen[:, :, 2] - np.clip(along - 22, 0, 95)[None]).max() < 1.1


@pytest.mark.parametrize(
    ("fps", "count", "wanted"),
    [
        ("25", 4, [0, 1, 2, 3]),
        ("50", 8, [0, 2, 4, 6]),
        ("30", 12, [0, 1, 2, 4, 5, 6, 7, 8, 10, 11]),
        ("12.5", 3, [0, 1, 1, 2, 2, 2]),
    ],
)
def test_other_rates_give_the_nearest_frames(fps: str, count: int, wanted: list[int]) -> None:
    frames = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    assert syncnet.frames_at_25(frames, Fraction(fps)).ravel().tolist() == wanted


# The arithmetic.


@pytest.mark.parametrize("late", [-15, -3, 0, 3, 15])
def test_one_stream_that_is_the_other_one_moved_has_that_offset_and_no_distance(late: int) -> None:
    codes = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)
    seen, heard = np.zeros_like(codes), np.zeros_like(codes)
    for moment in range(40):
        if 0 <= moment + late < 40:
            seen[moment] = heard[moment + late] = codes[moment]
    score = offset_score(syncnet.mean_distances(seen, heard), syncnet.FPS)
    assert (score.offset, score.least) == (late, 0)


def test_what_lies_beyond_the_ends_counts_as_zeros() -> None:
    codes = np.ones((40, 1), np.float32)
    distances = syncnet.mean_distances(codes, codes)
    assert distances == pytest.approx([abs(offset) / 40 for offset in range(-15, 16)])
    # The median of 0, 1, 1, 2, 2, … 15, 15 is 8.
    assert offset_score(distances, syncnet.FPS).confidence == pytest.approx(8 / 40)


# The measures.


def faces_and_sound(frames: int) -> tuple[Any, Any]:
    """A drawn face whose mouth follows its sound."""
    sound = make_sound(frames, 0)
    starts = window_starts(frames, Fraction(25), 16_000, 2560)
    return draw_faces(loudness(cut_windows(sound, starts, 2560)), 0), sound


def test_a_clip_that_is_too_short_or_silent_has_no_value_and_a_reason(tmp_path: Path) -> None:
    found = measures(given([f"syncnet={write(tmp_path / 'a.model')}"]))
    frames, sound = faces_and_sound(40)
    for few, heard in ((23, sound), (40, None), (40, sound[: 23 * 640])):
        clip = ClipVideos("a", frames[:few], {"run": frames[:few]}, sound=heard)
        scored = score_clip(clip, DEFAULT_FACES, found, table=[])
        assert math.isnan(scored.scores["run"]["lse_d"])
        assert math.isnan(scored.scores["run"]["lse_c"])
        assert "lse_d" not in scored.scores["still"]
        reasons = {(each.video, each.measure): each.reason for each in scored.missing}
        assert set(reasons) == {("run", "lse_d"), ("real", "lse_d")}
        assert "less than 24 frames at 25 per second" in reasons["run", "lse_d"]


def test_the_figures_are_those_of_the_public_code(tmp_path: Path) -> None:
    """The numbers are from SyncNetModel.py and SyncNetInstance.py, of these weights, pictures, and sound."""
    frames, sound = faces_and_sound(30)
    clip = ClipVideos("a", frames, {"run": frames}, sound=sound)
    found = measures(given([f"syncnet={write(tmp_path / 'a.model')}"]))
    scores = score_clip(clip, DEFAULT_FACES, found, table=[]).scores
    for name in ("run", "real"):
        assert scores[name]["lse_d"] == pytest.approx(986.303, rel=1e-4)
        assert scores[name]["lse_c"] == pytest.approx(547.008, rel=1e-4)


@pytest.mark.slow
def test_an_evaluation_has_both_measures_and_the_hash(s2f: Command, tmp_path: Path) -> None:
    path = write(tmp_path / "syncnet_v2.model")
    data = make_shards(tmp_path / "data", train=1, val=1, frames=26, per_shard=1)
    run = write_run(tmp_path / "run", make_generator())
    options = ("--weights", f"syncnet={path}", "--out", tmp_path / "out")
    ended = s2f("evaluate", run, "--data", data, "--workers", 1, *options)
    assert ended.code == 0, ended.err
    written = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert written["syncnet_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert written["syncnet_weights"] == str(path)
    rows = {row["name"]: row["scores"] for row in written["rows"]}
    for name in ("run", "real"):
        assert rows[name]["lse_d"]["mean"] > rows[name]["lse_c"]["mean"] > 0
    page = (tmp_path / "out/evaluation.html").read_text()
    assert all(words in page for words in ("LSE-D", "LSE-C", written["syncnet_sha256"]))
    assert f"LSE-D, LSE-C: by the network in {path}, SHA-256" in ended.out
    bad = tmp_path / "bad.model"
    bad.write_bytes(b"text")
    refused(s2f("evaluate", run, "--data", data, "--weights", f"syncnet={bad}"), "is no file of tensors")
