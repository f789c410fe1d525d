"""How far eyes are open, told from their points."""

import numpy as np
import numpy.typing as npt

from s2f.pipeline.faces.base import Points

# The first of the six points of either eye.
EYES = (36, 42)


def aspect_ratio(points: Points) -> npt.NDArray[np.float64]:
    """How far the eyes are open in each frame (n,), from points (n, 68, 2): the mean of both.

    An eye's height over its width (Soukupová and Čech 2016): about 0.3 open and 0.15 closed.
    """
    ratios = []
    for first in EYES:
        p = points[:, first : first + 6].astype(np.float64)
        heights = np.linalg.norm(p[:, 1] - p[:, 5], axis=-1) + np.linalg.norm(p[:, 2] - p[:, 4], axis=-1)
        ratios.append(heights / (2 * np.linalg.norm(p[:, 0] - p[:, 3], axis=-1)))
    return np.asarray(np.mean(ratios, axis=0))
