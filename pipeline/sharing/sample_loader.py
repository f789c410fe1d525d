"""What Energon runs for each sample: pictures, sound and points as tensors. It needs PyAV, and no s2f."""

import io
import json
import wave
from typing import Any

import av
import numpy as np
import torch


def part_filter(part: str) -> bool:
    """Which members of a sample are read."""
    return part in ("avi", "json", "npy", "wav")


def sample_loader(raw: dict[str, Any]) -> dict[str, Any]:
    """The fields of a VidQASample; of a video that Energon has decoded already, that.

    frames uint8 (n, 3, height, width), sound int16 (samples,), points float16 (n, 68, 2) in px or None,
    and the rates; `about` is the JSON of the clip.
    """
    about = json.loads(raw["json"]) if isinstance(raw["json"], bytes) else raw["json"]
    points = raw.get("npy")
    if isinstance(points, bytes):
        points = np.load(io.BytesIO(points), allow_pickle=False)
    video = {
        "frames": _frames(raw["avi"]) if isinstance(raw["avi"], bytes) else raw["avi"],
        "sound": _sound(raw["wav"]) if isinstance(raw["wav"], bytes) else raw["wav"],
        "points": None if points is None else torch.as_tensor(points),
        "fps": about["fps"],
        "sample_rate": about["sample_rate"],
        "about": about,
    }
    return {"__key__": raw["__key__"], "video": video, "context": about["text"] or ""}


def _frames(data: bytes) -> torch.Tensor:
    with av.open(io.BytesIO(data), "r") as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def _sound(data: bytes) -> torch.Tensor:
    with wave.open(io.BytesIO(data)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    return torch.from_numpy(samples.astype(np.int16))
