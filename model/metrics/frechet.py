"""The Fréchet distance of two sets of features, as in FID, but of features of our own."""

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigvalsh

Features = npt.NDArray[np.float32]

# The fewest clips on either side. Frames of a clip resemble each other, so that a covariance of 128 figures
# is only known from as many clips.
LEAST_CLIPS = 128


def frechet_distance(some: Features, others: Features) -> float:
    """The squared Fréchet distance of Gaussians fitted to features (n, d) and (m, d).

    |mean - mean'|² + trace(C + C' - 2 (C C')^½) (Dowson and Landau 1982). 0 for equal
    sets. Too few features make it too large.
    """
    some, others = some.astype(np.float64), others.astype(np.float64)
    apart = np.square(some.mean(axis=0) - others.mean(axis=0)).sum()
    first, second = np.cov(some, rowvar=False), np.cov(others, rowvar=False)
    first, second = np.atleast_2d(first), np.atleast_2d(second)
    # The root of C C' has the trace of the root of S C' S, where S is the root of C: a symmetric matrix.
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    common = np.sqrt(np.maximum(eigvalsh(root @ second @ root), 0)).sum()
    return float(max(0.0, apart + np.trace(first) + np.trace(second) - 2 * common))
