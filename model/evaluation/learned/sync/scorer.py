"""A trained sync scorer, and the files of its run.

RUN/sync.json          what is needed to build it again: format, arguments, frame rate, known confidences
RUN/sync.safetensors   its weights
RUN/sync.yaml          the settings of the training
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
    mean_distances,
    offset_score,
)
from s2f.model.metrics import Frames
from s2f.model.networks import weights
from s2f.model.networks.weights import Kind
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.shards import Media
from s2f.pipeline.core.windows import Sound, cut_windows, window_starts
from s2f.pipeline.faces.alignment import aligned_frames

KIND = Kind("sync scorer", "s2f sync train", "sync.json", "sync.safetensors")
# Snippets that are encoded at a time, so that memory does not grow with the clip.
PIECE = 200


@dataclass(frozen=True)
class Known:
    """Median confidences on clips that were not trained on, with their own and with another clip's sound."""

    own: float
    foreign: float

    def in_words(self) -> str:
        """The same as words."""
        return f"median confidence: {self.own:.2f}, with another clip's sound {self.foreign:.2f}"


@dataclass(frozen=True)
class Scorer:
    """A network, the frame rate of the clips that it was trained on, and its known confidences.

    The network is put into eval mode when it scores.
    """

    network: SyncNetwork
    fps: Fraction
    device: torch.device
    known: Known | None = None

    @property
    def media(self) -> Media:
        """The rates that clips must have."""
        return Media(self.fps, int(self.network.arguments["sample_rate"]))

    def score(self, clip: Recording) -> SyncScore:
        """The sync of a clip; sound that is too short is filled with silence.

        Raises InputError where the clip has another frame size or other rates, or too few frames.
        """
        frames, media = clip.frames, clip.media
        frames = aligned_frames(frames)
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
        return offset_score(mean_distances(seen, heard), media.fps)

    def in_words(self, score: SyncScore) -> str:
        """The offset in a short sentence, with "(not sure)" where the confidence is low."""
        return score.in_words() if self.sure(score) else f"{score.in_words()} (not sure)"

    def sure(self, score: SyncScore) -> bool:
        """Whether the confidence is closer to that of clips with their own sound than with another's."""
        return self.known is None or score.confidence > (self.known.own + self.known.foreign) / 2

    def _encode(self, frames: Frames, sound: Sound) -> tuple[Codes, Codes]:
        """The codes of all snippets, and of the sound around the middle frame of each."""
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
    """Write a scorer to the folder of its run: the weights, then what is needed to build it again."""
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
