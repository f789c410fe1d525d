"""A trained lip reader, and what a run folder holds of it.

RUN/reader.json         what makes it again: format, the network's arguments, frame rate
RUN/reader.safetensors  its weights with the best word error rate on the val split
RUN/lipread.yaml        the settings that it was trained with
RUN/metrics.jsonl       one line per validation
"""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from s2f.model.lipreading.grammar import SLOTS, Lattice, Logs
from s2f.model.lipreading.labels import decode
from s2f.model.lipreading.mouths import Frames, Mouths, cut_mouths
from s2f.model.lipreading.network import LipNet
from s2f.pipeline.errors import CheckpointError
from s2f.pipeline.files import write_bytes

FORMAT = 1

DESCRIPTION = "reader.json"
WEIGHTS = "reader.safetensors"

GRID = Lattice(tuple(SLOTS.values()))


@dataclass(frozen=True)
class Reader:
    """A trained network, and the frame rate of the videos that it was trained on."""

    network: LipNet
    fps: Fraction

    def read(self, frames: Frames, grammar: bool) -> str:
        """What is said in aligned RGB crops uint8 (n, 128, 96, 3); with `grammar` it is a sentence of GRID.

        Raises InputError where the frames are no such crops.
        """
        return transcribe(self.listen(cut_mouths(frames)), grammar)

    def listen(self, mouths: Mouths) -> Logs:
        """The log-probability of each label at each frame (n, 29) of mouths uint8 (n, 40, 64)."""
        device = next(self.network.parameters()).device
        self.network.eval()
        with torch.inference_mode():
            logits = self.network(torch.from_numpy(np.ascontiguousarray(mouths)).to(device)[None])
            logs: Logs = logits[0].log_softmax(dim=-1).cpu().numpy()
        return logs


def transcribe(logs: Logs, grammar: bool) -> str:
    """The best sentence of GRID's grammar, or without it the text of the best label of each frame."""
    return GRID.best(logs) if grammar else decode(logs.argmax(axis=1).tolist())


def describe(run: Path, reader: Reader) -> None:
    """Write what is needed to make the reader again, but for its weights."""
    content = {"format": FORMAT, "arguments": reader.network.arguments, "fps": str(reader.fps)}
    write_bytes(run / DESCRIPTION, (json.dumps(content, indent=2) + "\n").encode())


def save_weights(run: Path, reader: Reader) -> None:
    """Write the reader's weights."""
    tensors = {name: tensor.contiguous() for name, tensor in reader.network.state_dict().items()}
    write_bytes(run / WEIGHTS, save(tensors))


def load_reader(run: Path, device: torch.device) -> Reader:
    """The reader of a run, ready to read. Raises CheckpointError where there is none."""
    try:
        content = json.loads((run / DESCRIPTION).read_text())
        version = content["format"]
        if version != FORMAT:
            raise CheckpointError(
                f"{run / DESCRIPTION} has format {version}, this s2f reads format {FORMAT}",
                "use the s2f that trained it, or train anew",
            )
        network = LipNet(**content["arguments"])
        network.load_state_dict(load_file(run / WEIGHTS))
        return Reader(network.to(device).eval(), Fraction(content["fps"]))
    except FileNotFoundError as error:
        missing = WEIGHTS if (run / DESCRIPTION).exists() else DESCRIPTION
        raise CheckpointError(
            f"{run} holds no trained lip reader: there is no {missing}",
            "give the --run folder of 's2f lipread train'",
        ) from error
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(
            f"the lip reader in {run} is damaged: {reason[0]}",
            "use a copy of it, or train again in a new folder",
        ) from error
