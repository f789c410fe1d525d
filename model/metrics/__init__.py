"""The papers' measures: arrays in, numbers out, and one table.

reconstruction  a video against the real one: PSNR, SSIM, L1 on the lower half
sharpness       a video by itself: FDBM, CPBD
mouth           points of a face against the real ones: correlation of the opening, distance
words           what a lip reader has read against what was said: word error rate
scoring         all of them but the last on one clip
interval        the mean over clips, and how far it can be trusted

A video is RGB uint8 (n, height, width, 3). What cannot be told is nan, never a number. Nothing here
imports torch, so that the processes that measure start quickly. What each measure means, and what
it cannot tell, docs/metrics.md says.
"""

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]
