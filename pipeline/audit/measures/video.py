"""What the pictures of a clip are like."""

import cv2
import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]

# Where the face fills a crop whatever the hair or the background are: rows and columns of 128 x 96.
FACE = (slice(32, 112), slice(20, 76))
# A frame is black below this mean.
BLACK = 8.0


def of_frames(frames: Frames) -> dict[str, float]:
    """The measures of aligned crops, uint8 (n, 128, 96, 3)."""
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    face = grey[:, *FACE].astype(np.float32)
    detail = [cv2.Laplacian(picture, cv2.CV_32F).var() for picture in grey[::5]]
    lower = face[:, face.shape[1] // 2 :]
    return {
        "black": float((face.mean(axis=(1, 2)) < BLACK).mean()),
        "sharpness": float(np.median(detail)),
        "brightness": float(np.median(face.mean(axis=(1, 2)))),
        "occlusion": float(np.abs(lower - np.median(lower[::3], axis=0)).mean(axis=(1, 2)).max()),
    }
