"""A trained network at work, and how it is kept.

RUN/sync.json          what makes the network again: format, arguments, frame rate, known confidences
RUN/sync.safetensors   its weights
RUN/sync.yaml          the settings that it was trained with
"""

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from s2f.model.data.recordings import Recording
from s2f.model.evaluation.learned.sync.network import SyncNetwork, lower_half
from s2f.model.evaluation.learned.sync.protocol import (
    LEAST_FRAMES,
    MOST,
    SNIPPET,
    Codes,
    SyncScore,
    judge,
    mean_distances,
)
from s2f.model.metrics import Frames
from s2f.model.networks import weights
from s2f.model.networks.weights import Kind
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.shards import Media
from s2f.pipeline.core.windows import Sound, cut_windows, window_starts
from s2f.pipeline.faces.alignment import HEIGHT, WIDTH

KIND = Kind("sync scorer", "s2f sync train", "sync.json", "sync.safetensors")
# Snippets that are encoded at a time: the memory does not grow with a clip.
PIECE = 200


@dataclass(frozen=True)
class Known:
    """Median confidences on clips that were not trained on: with their own sound, and with another's."""

    own: float
    foreign: float


@dataclass(frozen=True)
class Scorer:
    """A network, in eval mode once it scores, and the rate of the material that it was trained on."""

    network: SyncNetwork
    fps: Fraction
    device: torch.device
    known: Known | None = None

    @property
    def media(self) -> Media:
        """The rates of the clips that it takes."""
        return Media(self.fps, int(self.network.arguments["sample_rate"]))

    def score(self, clip: Recording) -> SyncScore:
        """The sync of a clip; what the sound lacks counts as silence.

        Raises InputError where size, rates or length do not serve.
        """
        frames, media = clip.frames, clip.media
        if frames.shape[1:] != (HEIGHT, WIDTH, 3) or frames.dtype != np.uint8:
            raise InputError(
                f"frames of the shape {frames.shape} are no aligned faces", "align them as 's2f prep' does"
            )
        if media != self.media:
            raise InputError(
                f"the clip has {media.fps} frames per second and sound of {media.sample_rate} Hz, the sync"
                f" scorer was trained on {self.media.fps} and {self.media.sample_rate}",
                "prepare the clips with the settings of those that it was trained on",
            )
        if len(frames) < LEAST_FRAMES:
            raise InputError(
                f"{len(frames)} frames are too few for ±{MOST} frames of offset",
                f"give clips of at least {LEAST_FRAMES} frames",
            )
        seen, heard = self._encode(frames, clip.sound)
        return judge(mean_distances(seen, heard), media.fps)

    def in_words(self, found: SyncScore) -> str:
        """The offset as a person says it, and whether it is to be relied on."""
        return found.in_words() if self.sure(found) else f"{found.in_words()} (not sure)"

    def sure(self, found: SyncScore) -> bool:
        """Whether the confidence is nearer to that of clips with their own sound than to a foreign one's."""
        return self.known is None or found.confidence > (self.known.own + self.known.foreign) / 2

    def _encode(self, frames: Frames, sound: Sound) -> tuple[Codes, Codes]:
        """The codes of all snippets, and of the sound around the middle of each."""
        self.network.eval()
        window, count = int(self.network.arguments["window"]), len(frames) - SNIPPET + 1
        starts = window_starts(count, self.fps, self.media.sample_rate, window, first=SNIPPET // 2)
        seen, heard = [], []
        with torch.inference_mode():
            for at in range(0, count, PIECE):
                pictures = torch.from_numpy(frames[at : at + PIECE + SNIPPET - 1]).to(self.device)
                scaled = pictures[None].permute(0, 1, 4, 2, 3) / 127.5 - 1
                seen.append(self.network.seen(lower_half(scaled))[0].cpu().numpy())
                windows = torch.from_numpy(cut_windows(sound, starts[at : at + PIECE], window))
                heard.append(self.network.heard(windows[None].to(self.device))[0].cpu().numpy())
        return np.concatenate(seen), np.concatenate(heard)


def save(run: Path, scorer: Scorer) -> None:
    """Write a scorer to the folder of its run: the weights, then what makes the network for them."""
    weights.save_weights(run / KIND.weights, scorer.network)
    known = asdict(scorer.known) if scorer.known else None
    weights.write_description(
        run / KIND.description, scorer.network.arguments, fps=str(scorer.fps), known=known
    )


def load_scorer(run: Path, device: torch.device) -> Scorer:
    """The scorer of a run. Raises CheckpointError where there is none, or it is damaged."""

    def make(content: dict[str, Any]) -> tuple[SyncNetwork, Scorer]:
        network = SyncNetwork(**content["arguments"])
        known = Known(**content["known"]) if content["known"] else None
        return network, Scorer(network, Fraction(content["fps"]), device, known)

    return weights.load(run, KIND, device, make)
