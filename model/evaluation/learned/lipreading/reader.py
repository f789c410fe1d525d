"""A trained lip reader, and the files of its run.

RUN/reader.json         what is needed to build it again: format, the network's arguments, frame rate
RUN/reader.safetensors  the weights with the best word error rate on the val split
RUN/lipread.yaml        the settings of the training
RUN/metrics.jsonl       one line per validation
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from s2f.model.evaluation.learned.lipreading.grammar import Lattice, Logs
from s2f.model.evaluation.learned.lipreading.labels import decode
from s2f.model.evaluation.learned.lipreading.mouths import Frames, Mouths, cut_mouths
from s2f.model.evaluation.learned.lipreading.network import LipNet
from s2f.model.networks import weights
from s2f.model.networks.weights import Kind
from s2f.pipeline.corpora.grid import SLOTS

KIND = Kind("trained lip reader", "s2f lipread train", "reader.json", "reader.safetensors")

Codes = npt.NDArray[np.float32]

GRID = Lattice(tuple(SLOTS.values()))


@dataclass(frozen=True)
class Reader:
    """A trained network, and the frame rate of the videos that it was trained on."""

    network: LipNet
    fps: Fraction

    def read(self, frames: Frames, grammar: bool) -> str:
        """What is said in aligned RGB crops uint8 (n, 128, 96, 3); with `grammar`, a sentence of GRID.

        Raises InputError where the frames have another shape.
        """
        return transcribe(self.listen(cut_mouths(frames)), grammar)

    def listen(self, mouths: Mouths) -> Logs:
        """The log-probabilities of the labels at each frame (n, 29), for mouths uint8 (n, 40, 64)."""
        return self.encode(mouths)[1]

    def encode(self, mouths: Mouths) -> tuple[Codes, Logs]:
        """The codes of each frame (n, 2 * hidden), and the log-probabilities of the labels, as `listen`."""
        device = next(self.network.parameters()).device
        self.network.eval()
        with torch.inference_mode():
            codes = self.network.encode(torch.from_numpy(np.ascontiguousarray(mouths)).to(device)[None])
            logs: Logs = self.network.classifier(codes)[0].log_softmax(dim=-1).cpu().numpy()
        return codes[0].cpu().numpy(), logs


def transcribe(logs: Logs, grammar: bool) -> str:
    """The best sentence of GRID's grammar; without the grammar, the text of each frame's best label."""
    return GRID.best(logs) if grammar else decode(logs.argmax(axis=1).tolist())


def describe(run: Path, reader: Reader) -> None:
    """Write what is needed to build the reader again, except for its weights."""
    weights.write_description(run / KIND.description, reader.network.arguments, fps=str(reader.fps))


def save_weights(run: Path, reader: Reader) -> None:
    """Write the reader's weights."""
    weights.save_weights(run / KIND.weights, reader.network)


def load_reader(run: Path, device: torch.device) -> Reader:
    """The reader of a run, ready to read. Raises CheckpointError where there is none."""

    def make(content: dict[str, Any]) -> tuple[LipNet, Reader]:
        network = LipNet(**content["arguments"])
        return network, Reader(network, Fraction(content["fps"]))

    return weights.load(run, KIND, device, make)
