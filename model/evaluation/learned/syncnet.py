"""LSE-D and LSE-C by the published SyncNet (Chung and Zisserman, "Out of time", 2016) that a user gives.

Layers, their names, the scales of the inputs and the arithmetic are those of its public code, so that its
weights fit. Which part of our crops it sees is our choice: docs/metrics.md, SyncNet.
"""

import functools
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from scipy.signal import resample_poly
from torch import Tensor, nn

from s2f.model.evaluation.learned import mfcc
from s2f.model.evaluation.learned.sync.protocol import (
    LEAST_FRAMES,
    MOST,
    SNIPPET,
    Codes,
    SyncScore,
    Values,
    offset_score,
)
from s2f.model.metrics import Frames
from s2f.model.metrics.footage import Footage
from s2f.model.networks.device import limited_threads
from s2f.pipeline.core.errors import InputError
from s2f.pipeline.core.windows import Sound
from s2f.pipeline.faces.alignment import HEIGHT

# What the network was trained on: frames per second, columns of sound per frame, and the side of a picture.
FPS, COLUMNS, SIDE = Fraction(25), 4, 224
# The square of a crop that it sees, in px of 96 x 128. A face is 100 px high, from y = 10 on. As in the
# public code it is cut from its top to 0.4 of its height below it, and 0.7 to both sides of its middle.
LEFT, TOP, SQUARE = -22, 10, 140
# Snippets that are encoded at a time, so that memory does not grow with the clip.
PIECE = 20
UNKNOWN = f"there is no sound, or less than {LEAST_FRAMES} frames at {FPS} per second"


class SyncNet(nn.Module):
    """The two streams by their published names: codes of snippets of five frames and of 0.2 s of sound."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_convolved(nn.Conv2d(1, 64, 3, padding=1)),
            # The names of the layers count this one, which does nothing.
            nn.Identity(),
            *_convolved(nn.Conv2d(64, 192, 3, padding=1)),
            nn.MaxPool2d(3, (1, 2)),
            *_convolved(nn.Conv2d(192, 384, 3, padding=1)),
            *_convolved(nn.Conv2d(384, 256, 3, padding=1)),
            *_convolved(nn.Conv2d(256, 256, 3, padding=1)),
            nn.MaxPool2d(3, 2),
            *_convolved(nn.Conv2d(256, 512, (5, 4))),
        )
        self.netfcaud = _coded()
        self.netcnnlip = nn.Sequential(
            *_convolved(nn.Conv3d(3, 96, (SNIPPET, 7, 7), (1, 2, 2))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_convolved(nn.Conv3d(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_convolved(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_convolved(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_convolved(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_convolved(nn.Conv3d(256, 512, (1, 6, 6))),
        )
        self.netfclip = _coded()

    def seen(self, pictures: Tensor) -> Tensor:
        """Codes (n, 1024) of all snippets of pictures BGR (n + 4, 224, 224, 3) in 0 to 255."""
        # Only the first layer looks at more than one moment, so that it takes all snippets at once.
        codes: Tensor = self.netfclip(self.netcnnlip(pictures.permute(3, 0, 1, 2)[None])[0, :, :, 0, 0].T)
        return codes

    def heard(self, sounds: Tensor) -> Tensor:
        """Codes (n, 1024) of coefficients (n, 13, 20)."""
        codes: Tensor = self.netfcaud(self.netcnnaud(sounds[:, None]).flatten(1))
        return codes


def _convolved(layer: nn.Conv2d | nn.Conv3d) -> tuple[nn.Module, nn.Module, nn.Module]:
    norm = nn.BatchNorm2d if isinstance(layer, nn.Conv2d) else nn.BatchNorm3d
    return layer, norm(layer.out_channels), nn.ReLU(inplace=True)


def _coded() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))


@functools.cache
def load(path: Path) -> SyncNet:
    """The network with the weights of a file: a state dict of torch, or safetensors with the same names.

    Of a pickle nothing is run. Raises InputError where the file is none, or of another network.
    """
    network = SyncNet()
    state, wanted = _weights(_read(path)), _weights(network.state_dict())
    for name, tensor in wanted.items():
        if not isinstance(found := state.get(name), Tensor):
            raise _other_network(path, f"it has no {name}")
        if found.shape != tensor.shape:
            raise _other_network(path, f"{name} is {tuple(found.shape)}, not {tuple(tensor.shape)}")
        if not found.isfinite().all():
            raise _other_network(path, f"{name} has values that are not finite")
    if more := sorted(state.keys() - wanted.keys()):
        raise _other_network(path, f"it has {more[0]} too")
    network.load_state_dict(state)
    return network.eval()


def _weights(state: dict[str, Any]) -> dict[str, Any]:
    """A state dict without the counts of what its norms have seen, which files of 2018 do not have."""
    return {name: value for name, value in state.items() if not name.endswith(".num_batches_tracked")}


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file of another kind can raise nearly anything from within torch
        # What torch says of a pickle with code is how to run it.
        raise _no_weights(path) from error
    if not isinstance(state, dict):
        raise _no_weights(path)
    return {str(name): value for name, value in state.items()}


def _no_weights(path: Path) -> InputError:
    return InputError(
        f"{path} is no file of tensors and their names alone",
        "give the state dict of SyncNet as it is published (syncnet_v2.model), or the same as safetensors;"
        " what else a pickle holds may be a program, and is not read",
    )


def _other_network(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} does not hold the weights of the published SyncNet: {why}",
        "give syncnet_v2.model of joonson/syncnet_python, or the same as safetensors",
    )


def lse_d(path: Path, video: Footage, _: Footage) -> float:
    """The mean distance of sound and lips at the best offset; nan where it is not known."""
    score = sync_score(path, video)
    return score.least if score else math.nan


def lse_c(path: Path, video: Footage, _: Footage) -> float:
    """How far that distance lies below the median of all offsets; nan where it is not known."""
    score = sync_score(path, video)
    return score.confidence if score else math.nan


# Both measures of a video are one pass of the network.
@functools.lru_cache(maxsize=1)
def sync_score(path: Path, video: Footage) -> SyncScore | None:
    """The sync of a video with the sound of its clip; None without sound, or with too few frames."""
    if video.sound is None:
        return None
    frames, sound = frames_at_25(video.frames, video.fps), _sound_at_16k(video.sound, video.sample_rate)
    # The columns of sound end with their last whole spectrum, which is too early for the last snippet.
    length = min(len(frames), int(len(sound) * FPS / mfcc.RATE))
    if length < LEAST_FRAMES:
        return None
    seen, heard = _encode(load(path), frames, mfcc.mfcc(sound), length - SNIPPET)
    return offset_score(mean_distances(seen, heard), FPS)


def frames_at_25(frames: Frames, fps: Fraction) -> Frames:
    """The frames that are nearest to every 1/25 s."""
    count = int(len(frames) * FPS / fps)
    wanted = np.floor(np.arange(count) * float(fps / FPS) + 0.5).astype(int)
    return np.asarray(frames[np.minimum(wanted, len(frames) - 1)])


def _sound_at_16k(sound: Sound, sample_rate: int) -> Sound:
    if sample_rate == mfcc.RATE:
        return sound
    common = math.gcd(sample_rate, mfcc.RATE)
    return np.asarray(resample_poly(sound, mfcc.RATE // common, sample_rate // common), np.float32)


def _encode(
    network: SyncNet, frames: Frames, coefficients: mfcc.Coefficients, count: int
) -> tuple[Codes, Codes]:
    """The codes of the first snippets, and of the sound from the first frame of each on."""
    sounds = np.lib.stride_tricks.sliding_window_view(coefficients, SNIPPET * COLUMNS, axis=1)
    sounds = sounds[:, ::COLUMNS].transpose(1, 0, 2)[:count]
    seen, heard = [], []
    with limited_threads(1), torch.inference_mode():
        for at in range(0, count, PIECE):
            end = min(at + PIECE, count)
            pictures = np.stack([framed(frame) for frame in frames[at : end + SNIPPET - 1]])
            seen.append(network.seen(torch.from_numpy(pictures).float()).numpy())
            heard.append(network.heard(torch.from_numpy(sounds[at:end].copy())).numpy())
    return np.concatenate(seen), np.concatenate(heard)


def framed(crop: Frames) -> Frames:
    """What the network sees of a crop RGB (h, w, 3): BGR (224, 224, 3), beyond the crop its edge repeated."""
    # Crops may have a multiple of the usual size. Pixel centres lie at whole numbers.
    larger = crop.shape[0] / HEIGHT
    step = SQUARE * larger / SIDE
    left, top = (place * larger + step / 2 - 0.5 for place in (LEFT, TOP))
    seen = cv2.warpAffine(
        cv2.cvtColor(crop, cv2.COLOR_RGB2BGR),
        np.array([(step, 0, left), (0, step, top)]),
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(seen, np.uint8)


def mean_distances(seen: Codes, heard: Codes) -> Values:
    """Mean distances (31,) of snippets and sounds, both (n, code), at the offsets -15 to 15.

    At offset o, snippet i is compared with sound i + o. As in the public code, the codes of what lies
    beyond the ends are zeros, and count.
    """
    padded = np.pad(heard, ((MOST, MOST), (0, 0)))
    apart = (seen - padded[begin : begin + len(seen)] for begin in range(2 * MOST + 1))
    return np.array([np.linalg.norm(each, axis=1).mean(dtype=np.float64) for each in apart])
