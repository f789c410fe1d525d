"""Measures by networks that a user has the weights of: FID, FVD and LPIPS from ONNX files, and SyncNet's.

An ONNX file is data: ONNX Runtime computes what it describes, and runs no code of it. Files of pickle or
TorchScript are programs, and are not read. Of SyncNet, whose layers are known, the tensors alone are read.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from s2f.model.evaluation.learned import syncnet
from s2f.model.evaluation.learned.metrics import LearnedMetric, LearnedSetMetric
from s2f.model.metrics import Frames
from s2f.model.metrics.closeness import RATIO
from s2f.model.metrics.footage import Footage
from s2f.model.metrics.frechet import Features
from s2f.model.metrics.measures import MADE, MOVING, PICTURE, SYNC, TOGETHER, Measure, SetMeasure
from s2f.pipeline.core.errors import InputError, MissingError
from s2f.pipeline.core.files import sha256
from s2f.pipeline.core.params import nearest

# Pictures that a network gets at a time, where its file leaves that open, and the frames of a piece of video.
BATCH, PIECE = 15, 16

Input = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """A network that a user may have: its measures, and what raises InputError for a file that is not it."""

    metrics: tuple[LearnedMetric | LearnedSetMetric, ...]
    check: Callable[[Path], object]


@dataclass(frozen=True)
class Given:
    """A file of weights that a user gave for a network, with its SHA-256."""

    name: str
    path: Path
    sha256: str

    def in_words(self) -> str:
        """Which file was used."""
        titles = ", ".join(metric.title for metric in NETWORKS[self.name].metrics)
        return f"{titles}: by the network in {self.path}, SHA-256 {self.sha256}"


def given(texts: Sequence[str]) -> tuple[Given, ...]:
    """The files that texts like fid=FILE.onnx name, each of which is opened once to see whether it serves.

    Raises InputError where one does not, MissingError without ONNX Runtime.
    """
    found: dict[str, Given] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or name not in NETWORKS:
            hint = nearest(name, list(NETWORKS)) if equals else "write NAME=FILE, such as fid=inception.onnx"
            raise InputError(f"--weights {text} names no measure and its file", hint)
        if not Path(path).is_file():
            raise InputError(f"{path} is not a file", f"give the file with the network for {name}")
        NETWORKS[name].check(Path(path))
        found[name] = Given(name, Path(path), sha256(Path(path)))
    return tuple(found.values())


def measures(files: Sequence[Given]) -> tuple[Measure | SetMeasure, ...]:
    """The measures by these files."""
    return tuple(metric.by(each.path) for each in files for metric in NETWORKS[each.name].metrics)


@functools.cache
def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingError("--weights needs ONNX Runtime", "pip install 's2f[export]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own classes, one for each kind of fault
        raise InputError(
            f"{path} is not a network in ONNX: {error}",
            "pickled weights and TorchScript are programs; export them with torch.onnx on your machine",
        ) from error


def _takes(inputs: int, path: Path) -> None:
    if (count := len(_session(path).get_inputs())) != inputs:
        raise InputError(f"{path} takes {count} inputs, not {inputs}", "see docs/metrics.md, Weights")


def _run(path: Path, *inputs: Input) -> npt.NDArray[np.float32]:
    """The first output for inputs (n, ...), in the batches that the network takes: (n, d)."""
    session = _session(path)
    taken = session.get_inputs()
    size = taken[0].shape[0] if isinstance(taken[0].shape[0], int) else BATCH
    outputs = []
    for begin in range(0, len(inputs[0]), size):
        parts = [each[begin : begin + size] for each in inputs]
        count = len(parts[0])
        # A network of a fixed number gets that many.
        lacking = size - count if isinstance(taken[0].shape[0], int) else 0
        padded = [np.pad(part, ((0, lacking), *((0, 0),) * (part.ndim - 1)), mode="edge") for part in parts]
        (found, *_) = session.run(None, {each.name: part for each, part in zip(taken, padded, strict=True)})
        outputs.append(np.asarray(found, np.float32).reshape(count + lacking, -1)[:count])
    return np.concatenate(outputs)


def _pictures(path: Path, frames: Frames) -> Input:
    """Frames (n, h, w, 3) as the network takes them: (n, 3, height, width) in [-1, 1]."""
    height, width = _session(path).get_inputs()[0].shape[-2:]
    if isinstance(height, int) and isinstance(width, int):
        frames = np.stack(
            [cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR) for frame in frames]
        )
    return np.ascontiguousarray(frames.transpose(0, 3, 1, 2), np.float32) / 127.5 - 1


def _fid(path: Path, video: Footage) -> Features:
    return _run(path, _pictures(path, video.frames[::5]))


def _fvd(path: Path, video: Footage) -> Features:
    pictures = _pictures(path, video.frames)
    return _run(path, np.stack([piece.transpose(1, 0, 2, 3) for piece in _pieces(path, pictures)]))


def _pieces(path: Path, pictures: Input) -> Iterator[Input]:
    """Pieces of a video without overlap; one that is shorter than a piece is filled with its last frame."""
    length = _session(path).get_inputs()[0].shape[2]
    length = length if isinstance(length, int) else PIECE
    if len(pictures) < length:
        pictures = np.pad(pictures, ((0, length - len(pictures)), (0, 0), (0, 0), (0, 0)), mode="edge")
    for begin in range(0, len(pictures) - length + 1, length):
        yield pictures[begin : begin + length]


def _lpips(path: Path, video: Footage, real: Footage) -> float:
    pairs = (_pictures(path, each.frames[::5]) for each in (video, real))
    return float(_run(path, *pairs).mean(dtype=np.float64))


def _together(
    name: str, title: str, meaning: str, features: Callable[[Path, Footage], Features]
) -> LearnedSetMetric:
    return LearnedSetMetric(name, title, meaning, False, 2, ("run",), features, group=TOGETHER, brief=False)


FID = _together("fid", "FID", "Fréchet distance of the frames' features, by the given network", _fid)
FVD = _together("fvd", "FVD", "the same of pieces of video, by the given network", _fvd)
LPIPS = LearnedMetric(
    "lpips",
    "LPIPS",
    "distance from the real frames, by the given network",
    False,
    3,
    MADE,
    _lpips,
    group=PICTURE,
    brief=False,
)
# What cannot be computed is explained once, by the first of the two.
LSE_D = LearnedMetric(
    "lse_d",
    "LSE-D",
    "distance of sound and lips at the best offset, by the given SyncNet",
    False,
    3,
    MOVING,
    syncnet.lse_d,
    unknown=syncnet.UNKNOWN,
    group=SYNC,
    brief=False,
    scale=RATIO,
)
LSE_C = LearnedMetric(
    "lse_c",
    "LSE-C",
    "how clearly that offset is seen, by the given SyncNet",
    True,
    3,
    MOVING,
    syncnet.lse_c,
    group=SYNC,
    brief=False,
    scale=RATIO,
)

NETWORKS = {
    "fid": Network((FID,), functools.partial(_takes, 1)),
    "fvd": Network((FVD,), functools.partial(_takes, 1)),
    "lpips": Network((LPIPS,), functools.partial(_takes, 2)),
    "syncnet": Network((LSE_D, LSE_C), syncnet.load),
}
METRICS = tuple(metric for network in NETWORKS.values() for metric in network.metrics)
