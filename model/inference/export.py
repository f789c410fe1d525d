"""The trained network as files that other programs run: ONNX, or a program of torch.export.

OUT/face.onnx   a still face to its code and shares, once per face
OUT/step.onnx   sound, noise, memory, code and shares to frames and memory, once per stretch of a clip
OUT/model.json  rates, sizes, and the names and shapes of the inputs and outputs

The files of torch.export end in .pt2, and their step makes one frame: torch.export cannot leave the
length of a recurrence open. ONNX can.
"""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from s2f.model.inference.formats import FORMATS, Format, Runner
from s2f.model.inference.graphs import AFTER, STRETCH, Graph, Tensors, make_graphs
from s2f.model.networks.generator import Generator
from s2f.model.networks.noise import NoiseSource
from s2f.model.networks.weights import Talker, load_talker
from s2f.pipeline.core.errors import ExportError
from s2f.pipeline.core.files import make_folder, write_bytes

VERSION = 1
DESCRIPTION = "model.json"
# How far exported frames in [-1, 1] may be from the network's own.
TOLERANCE = 1e-4
# The frames of a step's example where a step takes any number.
EXAMPLE_FRAMES = 3


def export(run: Path, kind: Literal["onnx", "torch-export"], out: Path) -> list[Path]:
    """Write the best generator of a run for other programs into the folder `out`; returns the files.

    Before anything is written, the exported networks are run, and must make the generator's own frames up
    to 1e-4; else raises ExportError. Raises CheckpointError for the run, OutputError for the folder, and
    MissingError where ONNX is not installed.
    """
    form = FORMATS[kind]
    form.require()
    talker = load_talker(run, torch.device("cpu"))
    generator = talker.generator
    if not isinstance(generator, Generator):
        raise ExportError(
            f"{run} has the generator of {generator.arguments['generator']}, which is for comparison alone",
            "export a run that was trained with train.generator=papers",
        )
    make_folder(out)
    with _quiet(), torch.no_grad():
        graphs = make_graphs(generator, form.frames or EXAMPLE_FRAMES)
        for graph in graphs.values():
            graph.network.requires_grad_(False)
            form.adapt(graph.network)
        contents = {name: form.write(graph) for name, graph in graphs.items()}
        runners = {name: form.read(content, graphs[name]) for name, content in contents.items()}
        check(generator, runners, graphs["step"].inputs)
    files = {f"{name}{form.ending}": content for name, content in contents.items()}
    files[DESCRIPTION] = (json.dumps(describe(talker, kind, graphs), indent=2) + "\n").encode()
    for name, content in files.items():
        write_bytes(out / name, content)
    return [out / name for name in files]


def check(generator: Generator, runners: dict[str, Runner], inputs: Tensors) -> None:
    """Compare the frames of two stretches of a clip with the generator's own. Raises ExportError."""
    source = torch.Generator().manual_seed(0)
    frames = inputs["windows"].shape[1]
    still = torch.rand(1, 3, *generator.size, generator=source) * 2 - 1
    windows = torch.randn(1, 2 * frames, int(generator.arguments["window"]), generator=source) / 4
    noise = NoiseSource(generator, source).draw(1, 2 * frames)
    wanted = generator(still, windows, noise)
    given = inputs | ({"still": still} if "still" in inputs else {}) | runners["face"]({"still": still})
    for stretch in torch.split(torch.arange(2 * frames), frames):
        now = {"windows": windows[:, stretch], "noise": noise[:, stretch]}
        given |= {name: tensor for name, tensor in now.items() if name in inputs}
        made = runners["step"](given)
        error = float((made["frames"] - wanted[:, stretch]).abs().max())
        if not error <= TOLERANCE:
            raise ExportError(
                f"the exported network's frames differ from the network's own by {error:.1e}",
                "try other versions of torch and of the packages of s2f[export]",
            )
        given |= {name.removesuffix(AFTER): made[name] for name in made if name.endswith(AFTER)}


def describe(talker: Talker, kind: str, graphs: dict[str, Graph]) -> dict[str, Any]:
    """The content of model.json: what a program needs to know to use the files."""
    form, arguments = FORMATS[kind], talker.generator.arguments
    return {
        "format": VERSION,
        "kind": kind,
        "fps": str(talker.fps),
        "sample_rate": talker.sample_rate,
        "window": arguments["window"],
        "size": list(talker.size),
        "noise_std": arguments["noise_std"],
        "blinks": arguments["blinks"],
        "frames": form.frames or "any",
        "files": {
            name: {
                "file": f"{name}{form.ending}",
                "inputs": {each: _shape(each, tensor, form) for each, tensor in graph.inputs.items()},
                "outputs": graph.outputs,
            }
            for name, graph in graphs.items()
        },
    }


def _shape(name: str, tensor: Tensor, form: Format) -> list[int | str]:
    shape: list[int | str] = list(tensor.shape)
    if name in STRETCH and not form.frames:
        shape[1] = "frames"
    return shape


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warnings that the exporters print about themselves."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
