"""The papers' measures: arrays in, numbers out, and one table.

reconstruction  a video against the real one: PSNR, SSIM, L1 on the lower half
sharpness       a video by itself: FDBM, CPBD
mouth           points of a face against the real ones: correlation of the opening, distance
identity        embeddings of faces against that of the photo: ACD, CSIM
blinks          how often and how long the eyes close
motion          how far lips, brows and head move, with the sound and in pauses; flicker
speech          where somebody speaks, by silero-vad
frechet         two sets of features: the Fréchet distance
closeness       how close all measures are to those of the real video
words           what a lip reader has read against what was said: word error rate
footage         a clip, and what several measures need of each of its videos
measures        the table of them
scoring         all of them on one clip
interval        the mean over clips, and how far it can be trusted

A video is RGB uint8 (n, height, width, 3). What cannot be told is nan, never a number. Nothing here
imports torch, so that the processes that measure start quickly. What each measure means, and what
it cannot tell, docs/metrics.md says.
"""

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]
