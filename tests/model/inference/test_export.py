"""Exported networks: what another program gets from them, and what stops an export."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from support.model_runs import make_generator, make_input, make_related, write_run
from support.prepared import Command

from s2f.model.inference.export import check, export
from s2f.model.inference.graphs import make_graphs
from s2f.model.inference.runtime import prepare
from s2f.pipeline.core.errors import CheckpointError, ExportError

Arrays = dict[str, npt.NDArray[np.float32]]
VARIANTS: list[dict[str, Any]] = [
    {"companded": True},
    {"noise": 0, "temporal": False, "window": 3200},
    {"sound": "log_mel", "dropout": 0.2, "blinks": True, "blend": True},
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks gain nothing from more threads, and lose much where the processors are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def animate(description: dict[str, Any], run: Any, given: Arrays, lengths: list[int]) -> Arrays:
    """What a foreign program does: the face once, then the steps, each with the memory of the last one."""
    parts = description["files"]
    known = run("face", {"still": given["still"]})
    if "still" in parts["step"]["inputs"]:
        known["still"] = given["still"]
    inputs = parts["step"]["inputs"]
    memory = {name: np.zeros(shape, np.float32) for name, shape in inputs.items() if name.endswith("_memory")}
    frames = []
    for begin, end in itertools.pairwise(np.cumsum([0, *lengths])):
        stretch = {name: given[name][:, begin:end] for name in ("windows", "noise") if name in inputs}
        made = run("step", {**known, **memory, **stretch})
        frames.append(made.pop("frames"))
        memory = {name.removesuffix("_after"): after for name, after in made.items()}
    return {"frames": np.concatenate(frames, axis=1)}


@pytest.mark.slow
@pytest.mark.parametrize("changes", VARIANTS)
def test_onnx_makes_the_same_frames(changes: dict[str, float], tmp_path: Path) -> None:
    generator = make_generator(**changes)
    write_run(tmp_path / "run", generator)
    files = export(tmp_path / "run", "onnx", tmp_path / "out")
    assert [path.name for path in files] == ["face.onnx", "step.onnx", "model.json"]
    description = json.loads(files[-1].read_text())
    sessions = {
        name: onnxruntime.InferenceSession(tmp_path / "out" / part["file"])
        for name, part in description["files"].items()
    }
    for name, part in description["files"].items():
        assert {each.name: each.shape for each in sessions[name].get_inputs()} == part["inputs"]
        assert [each.name for each in sessions[name].get_outputs()] == part["outputs"]

    def run(name: str, given: Arrays) -> Arrays:
        outputs = description["files"][name]["outputs"]
        return dict(zip(outputs, sessions[name].run(outputs, given), strict=True))

    given = make_input(generator, 1, 12, torch.Generator().manual_seed(5))
    with torch.inference_mode():
        wanted = generator(*given).numpy()
    arrays = {n: t.numpy() for n, t in zip(("still", "windows", "noise"), given, strict=True)}
    for lengths in ([12], [1, 4, 7]):
        assert abs(animate(description, run, arrays, lengths)["frames"] - wanted).max() < 1e-4


@pytest.mark.slow
def test_the_example_of_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[3] / "docs" / "animate.md").read_text(encoding="utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    generator = make_generator()
    export(write_run(tmp_path / "run", generator), "onnx", tmp_path / "talker")
    monkeypatch.chdir(tmp_path)
    still, windows, noise = make_input(generator, 1, 6, torch.Generator().manual_seed(6))
    parts = zip(windows.split([4, 2], 1), noise.split([4, 2], 1), strict=True)
    shown: list[npt.NDArray[np.float32]] = []
    stretches = [(some.numpy(), drift.numpy()) for some, drift in parts]
    exec(example, {"still": still.numpy(), "stretches": stretches, "show": shown.append})  # noqa: S102
    with torch.inference_mode():
        wanted = generator(still, windows, noise).numpy()
    assert abs(np.concatenate(shown, axis=1) - wanted).max() < 1e-4


@pytest.mark.parametrize("changes", VARIANTS)
def test_a_torch_program_makes_the_same_frames(changes: dict[str, float], tmp_path: Path) -> None:
    generator = make_generator(**changes)
    write_run(tmp_path / "run", generator)
    files = export(tmp_path / "run", "torch-export", tmp_path / "out")
    assert [path.name for path in files] == ["face.pt2", "step.pt2", "model.json"]
    description = json.loads(files[-1].read_text())
    window = generator.arguments["window"]
    stated = {"fps": "25", "sample_rate": 16_000, "window": window, "size": [96, 128], "noise_std": 1.0}
    assert stated.items() <= description.items()
    assert description["frames"] == 1
    assert description["files"]["step"]["inputs"]["windows"] == [1, 1, window]
    networks = {
        name: torch.export.load(tmp_path / "out" / part["file"]).module()
        for name, part in description["files"].items()
    }

    def run(name: str, given: Arrays) -> Arrays:
        part = description["files"][name]
        made = networks[name](*(torch.from_numpy(given[each]) for each in part["inputs"]))
        return {each: tensor.numpy() for each, tensor in zip(part["outputs"], made, strict=True)}

    given = make_input(generator, 1, 3, torch.Generator().manual_seed(5))
    with torch.inference_mode():
        wanted = generator(*given).numpy()
    arrays = {n: t.numpy() for n, t in zip(("still", "windows", "noise"), given, strict=True)}
    assert abs(animate(description, run, arrays, [1, 1, 1])["frames"] - wanted).max() < 1e-4


def test_frames_that_differ_are_refused() -> None:
    generator, other = make_generator(), make_generator()
    with torch.no_grad():
        other.decoder.paint.weight *= 1.001
        ready = prepare(other)
        inputs = make_graphs(generator, 2)["step"].inputs
        memory = ("context_memory", "noise_memory")

        def face(given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {"face": given["still"]}

        def step(given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            before = tuple(given[name] for name in memory)
            identity = ready.identity(given["face"])
            frames, after = ready.speak(identity, given["windows"], given["noise"], before)
            return {"frames": frames} | {f"{n}_after": t for n, t in zip(memory, after, strict=True)}

        with pytest.raises(ExportError, match="differ from the network's own"):
            check(generator, {"face": face, "step": step}, inputs)
        ready = prepare(generator)
        check(generator, {"face": face, "step": step}, inputs)


@pytest.mark.slow
def test_without_its_packages_onnx_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_generator())
    script = f"""
import sys
sys.modules["onnxscript"] = None
from s2f.pipeline.app.cli import main
main(["export", {str(run)!r}, "--to", "onnx", "--out", {str(tmp_path / "out")!r}])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ONNX cannot be written")
    assert "pip install 's2f[export]'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_users_get_wrong(tmp_path: Path, s2f: Command) -> None:
    with pytest.raises(CheckpointError, match="holds no trained model"):
        export(tmp_path / "none", "onnx", tmp_path / "out")
    assert s2f("export", tmp_path, "--to", "tflite", "--out", tmp_path / "out").code == 2
    run = write_run(tmp_path / "run", make_generator())
    ended = s2f("export", run, "--to", "torch-export", "--out", run / "generator.json")
    assert ended.code == 1
    assert "cannot be made" in ended.err


def test_related_work_is_not_exported(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_related("tgan"))
    with pytest.raises(ExportError, match="the generator of tgan, which is for comparison alone"):
        export(run, "onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()
