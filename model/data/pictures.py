"""Pictures of the networks as arrays."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Pictures = npt.NDArray[np.uint8]


def to_pictures(frames: Tensor) -> Pictures:
    """Frames (n, 3, H, W) in [-1, 1] as RGB uint8 (n, H, W, 3)."""
    scaled = (frames.clamp(-1, 1) + 1) * 127.5
    pictures: Pictures = scaled.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pictures
