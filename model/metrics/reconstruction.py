"""How close a video is to the real one, picture by picture."""

import numpy as np
from skimage.metrics import structural_similarity

from s2f.model.metrics import Frames, Values


def psnr(video: Frames, real: Frames) -> float:
    """Peak signal-to-noise ratio in dB, one per video, from the squared error over the whole of it.

    Videos are (n, height, width, 3); equal ones have inf.
    """
    error = np.mean(np.square(video.astype(np.float32) - real), dtype=np.float64)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def ssim(video: Frames, real: Frames) -> Values:
    """Structural similarity of each frame (n,), the mean over its colours (Wang et al. 2004)."""
    scores = [
        structural_similarity(one, other, channel_axis=-1, data_range=255)  # type: ignore[no-untyped-call]
        for one, other in zip(video, real, strict=True)
    ]
    return np.array(scores, np.float64)


def lower_l1(video: Frames, real: Frames) -> float:
    """Mean absolute error over the lower half of the pictures, in the training's units: [-1, 1]."""
    half = real.shape[1] // 2
    error = np.abs(video[:, half:].astype(np.float32) - real[:, half:])
    return float(np.mean(error, dtype=np.float64) / 127.5)
