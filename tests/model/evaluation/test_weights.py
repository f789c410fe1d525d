"""FID, FVD and LPIPS by given networks: small ones whose answers are known."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support.model_runs import make_generator, write_run
from support.model_shards import make_shards
from support.prepared import Command, refused

from s2f.model.evaluation.learned import weights
from s2f.model.metrics.measures import SetMeasure
from s2f.model.metrics.scoring import ClipVideos, score_clip
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.faces.settings import DEFAULT_FACES

Shape = Sequence[int | str]


def network(path: Path, *shapes: Shape, axes: Sequence[int]) -> Path:
    """A network that gives the mean over some axes: of its input, or of the difference of two."""
    names = [f"in{number}" for number in range(len(shapes))]
    inputs = [
        helper.make_tensor_value_info(*each) for each in zip(names, [1] * len(shapes), shapes, strict=True)
    ]
    nodes = []
    value = names[0]
    if len(names) == 2:
        nodes += [helper.make_node("Sub", names, ["less"]), helper.make_node("Abs", ["less"], ["apart"])]
        value = "apart"
    axes_name = "axes"
    fixed = helper.make_tensor(axes_name, TensorProto.INT64, [len(axes)], axes)
    nodes.append(helper.make_node("ReduceMean", [value, axes_name], ["out"], keepdims=0))
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "mean", inputs, [output], [fixed])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)
    return path


def coloured(*levels: tuple[int, int, int]) -> np.ndarray:
    """A video of 20 frames, each of one colour."""
    return np.repeat(np.array(levels, np.uint8), 20 // len(levels), axis=0)[:, None, None] * np.ones(
        (1, 128, 96, 1), np.uint8
    )


@pytest.mark.parametrize("batch", ["n", 3])
def test_the_features_of_fid_are_those_of_the_network(tmp_path: Path, batch: int | str) -> None:
    path = network(tmp_path / "a.onnx", (batch, 3, 64, 64), axes=[2, 3])
    video = coloured((0, 255, 0), (255, 255, 0))
    (measure,) = weights.measures(weights.given([f"fid={path}"]))
    assert isinstance(measure, SetMeasure)
    clip = ClipVideos("a", video, {"run": video[::-1]})
    found = score_clip(clip, DEFAULT_FACES, [measure], table=[]).features["fid"]
    assert found["real"] == pytest.approx(np.array([[-1, 1, -1]] * 2 + [[1, 1, -1]] * 2), abs=1e-6)
    assert found["run"].shape == (4, 3)


def test_the_features_of_fvd_are_those_of_pieces(tmp_path: Path) -> None:
    path = network(tmp_path / "a.onnx", ("n", 3, 8, "h", "w"), axes=[2, 3, 4])
    (measure,) = weights.measures(weights.given([f"fvd={path}"]))
    assert isinstance(measure, SetMeasure)
    video = coloured((0, 0, 0), (255, 255, 255))
    found = score_clip(ClipVideos("a", video, {"run": video[:4]}), DEFAULT_FACES, [measure], table=[])
    # Frames 0 to 7 are black, 8 to 15 a quarter black; 16 to 19 are no whole piece.
    assert found.features["fvd"]["real"] == pytest.approx(np.array([[-1] * 3, [0.5] * 3]), abs=1e-6)
    assert found.features["fvd"]["run"] == pytest.approx(np.array([[-1] * 3]), abs=1e-6)


def test_the_distances_of_lpips_are_those_of_the_network(tmp_path: Path) -> None:
    path = network(tmp_path / "a.onnx", ("n", 3, 32, 32), ("n", 3, 32, 32), axes=[1, 2, 3])
    measures = weights.measures(weights.given([f"lpips={path}"]))
    black, white = coloured((0, 0, 0)), coloured((255, 255, 255))
    clip = ClipVideos("a", black, {"same": black, "white": white})
    scores = score_clip(clip, DEFAULT_FACES, measures, table=[]).scores
    assert scores["same"]["lpips"] == pytest.approx(0, abs=1e-6)
    assert scores["white"]["lpips"] == pytest.approx(2, abs=1e-6)
    assert "lpips" not in scores["real"]


def test_an_evaluation_names_the_file_and_its_hash(s2f: Command, tmp_path: Path) -> None:
    path = network(tmp_path / "a.onnx", ("n", 3, 32, 32), ("n", 3, 32, 32), axes=[1, 2, 3])
    fid = network(tmp_path / "b.onnx", ("n", 3, 32, 32), axes=[2, 3])
    data = make_shards(tmp_path / "data", train=1, val=1, frames=8, per_shard=1)
    run = write_run(tmp_path / "run", make_generator())
    options = ("--weights", f"lpips={path}", "--weights", f"fid={fid}", "--out", tmp_path / "out")
    ended = s2f("evaluate", run, "--data", data, "--workers", 1, *options)
    assert ended.code == 0, ended.err
    written = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert written["lpips_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert written["rows"][0]["scores"]["lpips"]["mean"] > 0
    assert f"FID: by the network in {fid}, SHA-256" in ended.out
    assert "FID: it needs 128 clips, and there are 1" in ended.out
    assert written["fid_sha256"] in (tmp_path / "out/evaluation.html").read_text()


def test_files_that_are_no_such_networks_are_refused(s2f: Command, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled.pth"
    pickled.write_bytes(b"\x80\x02}q\x00.")
    one = network(tmp_path / "a.onnx", ("n", 3, 32, 32), axes=[2, 3])
    for text, words in (
        ("fid", "names no measure"),
        ("fod=a.onnx", "names no measure"),
        (f"fid={tmp_path / 'no.onnx'}", "is not a file"),
        (f"fid={pickled}", "is not a network in ONNX"),
        (f"lpips={one}", "takes 1 inputs, not 2"),
    ):
        with pytest.raises(InputError, match=words):
            weights.given([text])
    refused(s2f("evaluate", "--data", tmp_path, "--weights", f"fid={pickled}"), "is not a network in ONNX")
